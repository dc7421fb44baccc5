"""Pictures of one run: its curve, its predictions, its hidden states, how far its knowledge reaches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator

from analysis.figures.style import (
    COLOURS,
    GREY,
    MARKERS,
    WRONG,
    Picture,
    blank,
    character_colours,
    furnish,
    glyph,
    key,
    write,
)

SHADE = "#CFE3F2"

MAX_SIZES = 40
"""Points of a curve over sizes; more sizes share points."""

MAX_STEPS = 32
"""Characters that can be read side by side at MLflow's width."""


def loss_curve(
    losses: Sequence[float],
    floor: float | None,
    eval_loss: float | None = None,
    valid_losses: Sequence[float] = (),
    references: Mapping[str, float] | None = None,
) -> Picture:
    """Draw the training loss of each epoch, with the floor and the evaluation's loss where they are known.

    Arguments:
        losses: one value an epoch, nats per character; may be empty.
        floor: the lowest loss any predictor can expect, or None where nobody knows.
        eval_loss: the evaluation's loss after training, or None.
        valid_losses: the loss on the validation data after each epoch, where weights are chosen by it.
        references: what simple predictors reach on the evaluation, by name.
    """
    figure, axes = _figure(right=6.9 if references else 7.76)
    # A dot for each epoch while they can be told apart, so that a single epoch shows too.
    axes.plot(losses, color=COLOURS[0], marker="." if len(losses) <= MAX_STEPS else "", label="training")
    if valid_losses:
        axes.plot(valid_losses, color=COLOURS[1], marker="." if len(losses) <= MAX_STEPS else "", label="validation")
    if eval_loss is not None:
        label = f"eval, after training: {eval_loss:.4g}"
        axes.plot([max(len(losses) - 1, 0)], [eval_loss], color=WRONG, marker="D", linestyle="", label=label)
    if floor is not None:  # without one, zero says nothing, and the curve takes all the room
        axes.axhline(floor, color=GREY, linestyle="--", label=f"floor: {floor:.4g}")
        seen = [floor, *losses, *([] if eval_loss is None else [eval_loss])]
        axes.set_ylim(bottom=min(seen) - 0.04 * (max(seen) - min(seen) or 1))
    if references:
        # The rungs that the curve passes, and the next on either side: others would press it flat.
        seen = [*losses, *([] if eval_loss is None else [eval_loss])] or list(references.values())
        below = max((loss for loss in references.values() if loss < min(seen)), default=min(seen))
        above = min((loss for loss in references.values() if loss > max(seen)), default=max(seen))
        shown = {name: loss for name, loss in references.items() if below <= loss <= above}
        least, most = axes.get_ylim()
        axes.set_ylim(min([least, *(0.98 * loss for loss in shown.values())]), max([most, 1.02 * above]))
        apart = (axes.get_ylim()[1] - axes.get_ylim()[0]) / 20
        place = -np.inf
        named = {}
        for name, loss in sorted(shown.items(), key=lambda rung: rung[1]):
            axes.axhline(loss, color=GREY, linewidth=0.8, linestyle=":")
            place = max(place + apart, loss)  # or labels of rungs close together would cover each other
            named[f"{name} {loss:.3f}"] = (1.01, place)
        write(figure, list(named), list(named.values()), axes.get_yaxis_transform(), size=8, across=0)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10), integer=True))
    furnish(axes, "Training loss", "epoch", "loss (nats per character)")
    key(figure, [line for line in axes.get_lines() if line.get_linestyle() != ":"], 2.2, 3.39, 8, size=9)
    return figure


def predictions(target: str, predicted: str, start: int, scored: Sequence[bool] | None = None) -> Picture:
    """Draw the target over the predicted characters, the wrong ones marked.

    Arguments:
        target: the characters to predict, one or more.
        predicted: the likeliest character at each of their positions, as long.
        start: how many of them are only read and not scored; the line drawn there parts the two.
        scored: which of them count, where only some do; the others are drawn pale and never wrong.
    """
    counts = [True] * len(target) if scored is None else list(scored)
    begin = max(0, min(start - MAX_STEPS // 2, len(target) - MAX_STEPS))
    shown = range(begin, min(begin + MAX_STEPS, len(target)))
    end = shown[-1] + 1
    judged = [t for t in shown if counts[t]]
    wrong = [t for t in judged if target[t] != predicted[t]]
    what = f"{len(judged)} shown" if scored is None else f"{len(judged)} shown that count"
    title = f"Target and predicted characters: {len(judged) - len(wrong)} of the {what} are right"
    figure, axes = _figure(height=2.6)
    colours = character_colours(target + predicted)
    rows = (predicted, target)
    cells = np.array([[to_rgba(colours[text[t]], 0.35 if counts[t] else 0.08) for t in shown] for text in rows])
    # The first character of the sequence is given, so target[t] stands at position t + 1.
    axes.imshow(cells, extent=(begin + 0.5, end + 0.5, -0.5, 1.5), origin="lower", aspect="auto")
    for y, text in enumerate(rows):
        colour = [(WRONG if y == 0 and t in wrong else "black") if counts[t] else GREY for t in shown]
        write(figure, [glyph(text[t]) for t in shown], [(t + 1, y) for t in shown], axes.transData, 11, colour)
    axes.axhline(0.5, color="white", linewidth=3)
    axes.plot([t + 1 for t in wrong], [-0.68] * len(wrong), "x", color=WRONG, markersize=6)
    if begin < start < end:
        axes.axvline(start + 0.5, color="black", linewidth=1.5)
        write(figure, ["scored from here"], [(start + 0.7, -1.08)], axes.transData, size=9, across=0)
    axes.yaxis.set_major_locator(FixedLocator([1, 0]))
    axes.yaxis.set_major_formatter(FixedFormatter(["target", "predicted"]))
    axes.set_xlim(begin + 0.4, max(end + 0.6, begin + 12))
    axes.set_ylim(-1.3, 1.55)
    furnish(axes, title, "position in the sequence (characters, the first is 0)", "", grid="")
    return figure


def hidden_dimensions(hidden_th: np.ndarray, text: str, most: int = 4) -> Picture:
    """Draw the first hidden units over the sequence.

    Arguments:
        hidden_th: the state after each character, (T, H).
        text: the T characters read.
        most: how many units to draw.
    """
    steps = min(len(text), MAX_STEPS)
    units = min(most, hidden_th.shape[1])
    figure, axes = _figure(right=7.04)
    for unit in range(units):
        style = ("-", "--", "-.", ":")[unit % 4]
        axes.plot(hidden_th[:steps, unit], style, color=COLOURS[unit % len(COLOURS)], marker=".", label=f"unit {unit}")
    axes.xaxis.set_major_locator(FixedLocator(range(steps)))
    axes.xaxis.set_major_formatter(FixedFormatter([glyph(character) for character in text[:steps]]))
    furnish(axes, f"The first {units} hidden units", "character read", "hidden state h (no unit)", grid="y")
    key(figure, axes.get_lines(), 7.15, 1.83 + 0.125 * (units - 1), 8)
    return figure


def trajectory(coordinates_tk: np.ndarray, share_k: np.ndarray, text: str) -> Picture:
    """Draw the path of the hidden state in its first two principal components, coloured by character.

    Arguments:
        coordinates_tk: the state after each character in its principal components, (T, 2 or more).
        share_k: the share of the variance that each component holds, 0 to 1.
        text: the T characters read.
    """
    first, second = (f"principal component {k + 1} ({share_k[k]:.0%} of the variance)" for k in range(2))
    figure, axes = _figure(height=5.0, right=6.88)
    x, y = coordinates_tk[:, 0], coordinates_tk[:, 1]
    axes.plot(x, y, color=GREY, linewidth=0.7, alpha=0.6, zorder=1)
    axes.plot(x[:1], y[:1], marker="o", markersize=15, markerfacecolor="none", color="black", linestyle="", zorder=2)
    colours = character_colours(text)
    if len(colours) > len(COLOURS):  # too many to tell apart: each state is the character itself
        write(figure, list(map(glyph, text)), np.column_stack([x, y]), axes.transData, 10, [colours[c] for c in text])
    else:
        samples = []
        for (character, colour), marker in zip(colours.items(), MARKERS, strict=False):
            at = [t for t, read in enumerate(text) if read == character]
            axes.scatter(x[at], y[at], color=colour, marker=marker, s=34, zorder=3, edgecolors="white")
            samples.append(Line2D([], [], color=colour, linestyle="", marker=marker, markeredgecolor="white"))
            samples[-1].set_label(f"after {glyph(character)}")
        key(figure, samples, 6.98, 2.55 + 0.1125 * (len(samples) - 1), 8, size=9)
    write(figure, ["start"], [(x[0], y[0])], axes.transData, size=9, across=0, nudge=(9, 10))
    axes.margins(0.08)
    furnish(axes, "Hidden-state trajectory", first, second)
    return figure


@dataclass(frozen=True)
class Reach:
    """How much is right at each size, by one measure.

    Attributes:
        measure: what the sizes count, such as "length".
        sizes: ascending, at least one.
        trained: the least and the greatest size trained on; None where nobody says.
        cases, cases_right: how many cases there are, and those that are right as a whole.
        steps, steps_right: their judged steps, and those that are right; all 0 where steps were not judged.
        loss_sum: cross-entropy of the judged steps, nats.
    """

    measure: str
    sizes: Sequence[int]
    trained: tuple[int, int] | None
    cases: Sequence[int]
    cases_right: Sequence[int]
    steps: Sequence[int]
    steps_right: Sequence[int]
    loss_sum: Sequence[float]


def generalization(reaches: Sequence[Reach]) -> Picture:
    """Draw the share that is right against size, the sizes trained on shaded: one panel for each measure."""
    panel = 3.4
    figure = Picture(panel * len(reaches))
    for number, reach in enumerate(reaches):
        name = reach.measure.replace("_", " ")
        foot = panel * (len(reaches) - number - 1)
        axes = blank(figure, (0.8, foot + 0.52, 5.8, foot + panel - 0.42))
        trained, samples = reach.trained, []
        far = trained is not None and reach.sizes[-1] > 8 * trained[1] and min(reach.sizes[0], trained[0]) > 0
        if far:  # or what was trained on would be a line
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:.0f}")
        if trained:
            least = trained[0] - (0 if far else 0.5)  # a logarithm has no place for 0
            axes.axvspan(least, trained[1] + 0.5, color=SHADE, zorder=0, linewidth=0, label="sizes trained on")
            samples.append(Line2D([], [], color=SHADE, linewidth=9, solid_capstyle="butt", label="sizes trained on"))
        # Sizes of a case or two each say nothing one by one.
        bins = np.arange(len(reach.sizes))
        if len(reach.sizes) > MAX_SIZES:
            edges = (np.geomspace if far else np.linspace)(reach.sizes[0], reach.sizes[-1] + 1, MAX_SIZES)
            # No point has sizes from both sides of the edge of training.
            new = np.array(reach.sizes) > (trained[1] if trained else np.inf)
            bins = np.unique(2 * np.digitize(reach.sizes, edges) + new, return_inverse=True)[1]
        middle = np.bincount(bins, reach.sizes) / np.bincount(bins)
        for whole, right, label, style, colour in (
            (reach.cases, reach.cases_right, "whole cases", "o-", COLOURS[0]),
            (reach.steps, reach.steps_right, "single steps", ".--", COLOURS[1]),
        ):
            if any(whole):
                share = np.bincount(bins, right) / np.maximum(np.bincount(bins, whole), 1)
                samples += axes.plot(middle, share, style, color=colour, markersize=4, label=label)
        axes.set_ylim(-0.05, 1.05)
        if any(reach.steps):
            loss = np.bincount(bins, reach.loss_sum) / np.maximum(np.bincount(bins, reach.steps), 1)
            losses = axes.twinx()
            samples += losses.plot(middle, loss, ":", color=GREY, marker=".", markersize=3, label="loss")
            losses.set_ylim(-0.05 * max(loss.max(), 0.1), 1.05 * max(loss.max(), 0.1))
            losses.set_ylabel("loss (nats per step)", fontsize=9, color=GREY)
            losses.tick_params(labelsize=8, colors=GREY)
            losses.spines[["top", "right", "left"]].set_visible(False)
            losses.yaxis.set_major_locator(MaxNLocator(4))
        furnish(axes, f"Right at each {name}", name, "share that is right")
        key(figure, samples, 6.48, foot + panel / 2 + 0.4, 8, size=9)
    return figure


def _figure(height: float = 3.6, right: float = 7.76) -> tuple[Picture, Axes]:
    """Return a figure 8 inches wide at 100 dpi, and its axes; what is right of `right` inches is for a key."""
    figure = Picture(height)
    return figure, blank(figure, (0.8, 0.52, right, height - 0.42))
