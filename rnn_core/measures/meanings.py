"""What each metric of a trained net means that the families of patterns share.

What only one family measures is explained by the family, in `Pattern.meanings`.
"""

from collections.abc import Mapping

from rnn_core.patterns.shared.meaning import LOSS, SHARE, Meaning

SHARED: Mapping[str, Meaning] = {
    "train_loss": Meaning(
        "mean loss of an epoch's training predictions, each made before the optimiser step that follows",
        LOSS,
        "0 or more",
    ),
    "train_accuracy": Meaning("share of the same predictions whose likeliest character is right", SHARE, "0 to 1"),
    "valid_loss": Meaning(
        "with keep=best: mean loss after an epoch on the training data that are set apart", LOSS, "0 or more"
    ),
    "longest_drawn": Meaning(
        "with a curriculum: the longest length of the strings that an epoch draws", "size of a string", "1 or more"
    ),
    "final_train_loss": Meaning(
        "mean loss on the training data with the weights that are kept; with draws=every-epoch, on what the last epoch "
        "draws, of all lengths",
        LOSS,
        "0 or more",
    ),
    "eval_loss": Meaning("mean loss on the test, where the net reads the true characters", LOSS, "0 or more"),
    "eval_accuracy": Meaning(
        "share of the test's predictions whose likeliest character is right; no predictor can reach 1 if the "
        "characters are partly random",
        SHARE,
        "0 to 1",
    ),
    "oracle_loss": Meaning("the same number as floor_loss, under the name that the first runs had", LOSS, "0 or more"),
    "floor_loss": Meaning(
        "the lowest loss on the test that any predictor can expect: that of one which knows the exact distribution",
        LOSS,
        "0 or more",
    ),
    "excess_loss": Meaning(
        "eval_loss less floor_loss; by chance of the test it can be a little below 0", LOSS, "any, about 0 or more"
    ),
    "free_run_correct": Meaning(
        "characters that the net writes by itself before the first that is wrong or, where several are possible, "
        "before the first that is impossible",
        "characters",
        "0 to free_run_length",
    ),
    "free_run_length": Meaning("characters that the net writes by itself", "characters", "1 or more"),
    "whole_strings": Meaning(
        "share of the test strings within the trained range whose every step is right", SHARE, "0 to 1"
    ),
    "beyond_strings": Meaning(
        "share of the strings beyond the trained range whose every step is right", SHARE, "0 to 1"
    ),
    "beyond_accuracy": Meaning(
        "share of right steps in strings beyond the trained range, counting only steps with one possible character",
        SHARE,
        "0 to 1",
    ),
    "longest_right": Meaning(
        "the largest size up to which all strings are right; 0 if a string of the smallest size is wrong",
        "size of a string",
        "0 or more",
    ),
    "MEASURE_right": Meaning(
        "for a further measure of size, such as depth: share of the cases within the trained range that are right",
        SHARE,
        "0 to 1",
    ),
    "MEASURE_beyond": Meaning("the same for the cases beyond the trained range", SHARE, "0 to 1"),
    "training_characters": Meaning(
        "length of the training text; with draws=every-epoch, of that of the first epoch", "characters", "2 or more"
    ),
    "parameters": Meaning("numbers that the net learns", "numbers", "1 or more"),
    "state_size": Meaning(
        "numbers in the state of the net; missing where it grows with the text", "numbers", "1 or more"
    ),
}
"""The metrics that patterns share, by name; MEASURE stands for any measure of a pattern's cases."""
