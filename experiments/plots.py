"""The plots of a run: what its net does, brought into the arrays that figures draw."""

from collections.abc import Mapping, Sequence

from analysis import figures
from analysis.figures import Picture
from analysis.hidden_states import principal_components, top_layer
from rnn_core.data import Prepared
from rnn_core.measures.reach import Row
from rnn_core.nets.charrnn import CharRNN
from rnn_core.nets.reading import predict
from rnn_core.patterns.shared.ngrams import NAMES

DRAWN = ("size", "cases", "cases_right", "steps", "steps_right", "loss_sum")
"""The columns of the table of generalization that its picture shows."""

MOST_DRAWN = 300
"""Characters of the test whose hidden states are drawn as a trajectory."""


def draw_losses(history: Sequence[Mapping[str, float]], metrics: Mapping[str, float]) -> Picture:
    """Draw the losses of each epoch, beside what there is to compare them with at the end."""
    return figures.loss_curve(
        [values["train_loss"] for values in history],
        metrics.get("floor_loss"),
        metrics.get("eval_loss"),
        [values["valid_loss"] for values in history if "valid_loss" in values],
        {name: metrics[f"{name}_loss"] for name in NAMES if f"{name}_loss" in metrics},
    )


def draw_net(net: CharRNN, prepared: Prepared) -> dict[str, Picture]:
    """Draw what the trained net predicts, and what its top layer's states do there."""
    vocabulary, evaluation, pattern = prepared.vocabulary, prepared.evaluation, prepared.pattern
    read = evaluation.text[: evaluation.start + figures.MOST_STEPS]
    predicted = vocabulary.decode(predict(net, vocabulary.encode(read[:-1]), prepared.mark_index))
    scored = pattern.scored(read)
    counts = None if scored is None else scored[1:].tolist()
    walked = evaluation.text[:MOST_DRAWN]
    hidden_th = top_layer(net, vocabulary, walked, pattern.mark)
    return {
        "predictions": figures.predictions(read[1:], predicted, evaluation.start - 1, counts),
        "hidden_states": figures.hidden_dimensions(hidden_th, walked),
        "trajectory": figures.trajectory(*principal_components(hidden_th), walked),
    }


def draw_reach(rows: Sequence[Row], ranges: Mapping[str, tuple[int, int]]) -> Picture:
    """Draw the table of generalization, a panel for each measure, with the sizes of each that were trained on."""
    reaches = []
    for measure in dict.fromkeys(row.measure for row in rows):
        some = [row for row in rows if row.measure == measure]
        sizes, *counts = ([getattr(row, name) for row in some] for name in DRAWN)
        reaches.append(figures.Reach(measure, sizes, ranges.get(measure), *counts))
    return figures.generalization(reaches)
