"""What the axes and titles of pictures say of metrics."""

METRICS = {
    "train_loss": "training loss (nats per character)",
    "train_accuracy": "training accuracy (share of characters)",
    "valid_loss": "validation loss (nats per character)",
    "eval_loss": "eval loss (nats per character)",
    "eval_accuracy": "eval accuracy (share of characters)",
    "excess_loss": "excess loss (nats per character)",
    "whole_strings": "whole strings right (share)",
    "beyond_strings": "strings beyond the training range right (share)",
    "beyond_accuracy": "accuracy beyond the training range (share of decidable characters)",
}
"""What an axis says of a metric; of another, its name."""

EDGES = ("value", "low", "high")
"""What an estimate is drawn by."""


def plain_name(name: str) -> str:
    """Return what an axis says without the unit, as the beginning of a title."""
    return name.split(" (")[0].capitalize()
