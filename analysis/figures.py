"""Arrays in, matplotlib Figure out; never loads, never shows, and needs no screen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps, font_manager
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.ticker import MaxNLocator

from rnn_core.vocabulary import visible

# Okabe & Ito 2008: told apart with every common kind of colour-blindness. Yellow is left out: too pale on white.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
GREY = "#767676"
WRONG = "#D55E00"

MOST_SIZES = 40
"""Points of a curve over sizes; more sizes share points."""

MOST_STEPS = 32
"""Characters that can be read side by side at MLflow's width."""


def loss_curve(
    losses: Sequence[float],
    floor: float | None,
    eval_loss: float | None = None,
    valid_losses: Sequence[float] = (),
    references: Mapping[str, float] | None = None,
) -> Figure:
    """Draw the training loss of each epoch, with the floor and the evaluation's loss where they are known.

    Arguments:
        losses: one value an epoch, nats per character; may be empty.
        floor: the lowest loss any predictor can expect, or None where nobody knows.
        eval_loss: the evaluation's loss after training, or None.
        valid_losses: the loss on the validation data after each epoch, where weights are chosen by it.
        references: what simple predictors reach on the evaluation, by name.
    """
    figure, axes = _figure("Training loss", "epoch", "loss (nats per character)", right=0.86 if references else 0.97)
    # A dot for each epoch while they can be told apart, so that a single epoch shows too.
    axes.plot(losses, color=COLOURS[0], marker="." if len(losses) <= MOST_STEPS else "", label="training")
    if valid_losses:
        axes.plot(valid_losses, color=COLOURS[1], marker="." if len(losses) <= MOST_STEPS else "", label="validation")
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
        for name, loss in sorted(shown.items(), key=lambda rung: rung[1]):
            axes.axhline(loss, color=GREY, linewidth=0.8, linestyle=":")
            place = max(place + apart, loss)  # or labels of rungs close together would cover each other
            label = f"{name} {loss:.3f}"
            axes.text(1.01, place, label, transform=axes.get_yaxis_transform(), fontsize=8, va="center")
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10), integer=True))
    axes.legend(frameon=False)
    return figure


def predictions(target: str, predicted: str, start: int, scored: Sequence[bool] | None = None) -> Figure:
    """Draw the target over the predicted characters, the wrong ones marked.

    Arguments:
        target: the characters to predict, one or more.
        predicted: the likeliest character at each of their positions, as long.
        start: how many of them are only read and not scored; the line drawn there parts the two.
        scored: which of them count, where only some do; the others are drawn pale and never wrong.
    """
    counts = [True] * len(target) if scored is None else list(scored)
    begin = max(0, min(start - MOST_STEPS // 2, len(target) - MOST_STEPS))
    shown = range(begin, min(begin + MOST_STEPS, len(target)))
    end = shown[-1] + 1
    judged = [t for t in shown if counts[t]]
    wrong = [t for t in judged if target[t] != predicted[t]]
    what = f"{len(judged)} shown" if scored is None else f"{len(judged)} shown that count"
    title = f"Target and predicted characters: {len(judged) - len(wrong)} of the {what} are right"
    figure, axes = _figure(title, "position in the sequence (characters, the first is 0)", "", height=2.6)
    colours = character_colours(target + predicted)
    rows = (predicted, target)
    cells = np.array([[to_rgba(colours[text[t]], 0.35 if counts[t] else 0.08) for t in shown] for text in rows])
    # The first character of the sequence is given, so target[t] stands at position t + 1.
    axes.imshow(cells, extent=(begin + 0.5, end + 0.5, -0.5, 1.5), origin="lower", aspect="auto")
    for y, text in enumerate(rows):
        for t in shown:
            colour = (WRONG if y == 0 and t in wrong else "black") if counts[t] else GREY
            axes.text(t + 1, y, glyph(text[t]), ha="center", va="center", color=colour, fontsize=11)
    axes.axhline(0.5, color="white", linewidth=3)
    axes.plot([t + 1 for t in wrong], [-0.68] * len(wrong), "x", color=WRONG, markersize=6)
    if begin < start < end:
        axes.axvline(start + 0.5, color="black", linewidth=1.5)
        axes.text(start + 0.7, -1.08, "scored from here", fontsize=9, va="center")
    axes.set_yticks([1, 0], ["target", "predicted"])
    axes.set_xlim(begin + 0.4, max(end + 0.6, begin + 12))
    axes.set_ylim(-1.3, 1.55)
    axes.grid(visible=False)
    return figure


def hidden_dimensions(hidden_th: np.ndarray, text: str, most: int = 4) -> Figure:
    """Draw the first hidden units over the sequence.

    Arguments:
        hidden_th: the state after each character, (T, H).
        text: the T characters read.
        most: how many units to draw.
    """
    steps = min(len(text), MOST_STEPS)
    units = min(most, hidden_th.shape[1])
    figure, axes = _figure(f"The first {units} hidden units", "character read", "hidden state h (no unit)", right=0.88)
    for unit in range(units):
        style = ("-", "--", "-.", ":")[unit % 4]
        axes.plot(hidden_th[:steps, unit], style, color=COLOURS[unit % len(COLOURS)], marker=".", label=f"unit {unit}")
    axes.set_xticks([])
    for t in range(steps):  # in place of tick labels, which are slow to draw
        axes.text(t, -0.02, glyph(text[t]), ha="center", va="top", fontsize=11, transform=axes.get_xaxis_transform())
    axes.set_xlabel("character read", fontsize=11, labelpad=18)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def trajectory(coordinates_tk: np.ndarray, share_k: np.ndarray, text: str) -> Figure:
    """Draw the path of the hidden state in its first two principal components, coloured by character.

    Arguments:
        coordinates_tk: the state after each character in its principal components, (T, 2 or more).
        share_k: the share of the variance that each component holds, 0 to 1.
        text: the T characters read.
    """
    first, second = (f"principal component {k + 1} ({share_k[k]:.0%} of the variance)" for k in range(2))
    figure, axes = _figure("Hidden-state trajectory", first, second, height=5.0, right=0.86)
    x, y = coordinates_tk[:, 0], coordinates_tk[:, 1]
    axes.plot(x, y, color=GREY, linewidth=0.7, alpha=0.6, zorder=1)
    axes.plot(x[:1], y[:1], marker="o", markersize=15, markerfacecolor="none", color="black", linestyle="", zorder=2)
    colours = character_colours(text)
    if len(colours) > len(COLOURS):  # too many to tell apart: each state is the character itself
        for t, character in enumerate(text):
            axes.text(x[t], y[t], glyph(character), color=colours[character], ha="center", va="center", fontsize=10)
    else:
        for (character, colour), marker in zip(colours.items(), "osD^v<>", strict=False):  # a sign beside the colour
            at = [t for t, read in enumerate(text) if read == character]
            label = f"after {glyph(character)}"
            axes.scatter(x[at], y[at], color=colour, marker=marker, s=34, label=label, zorder=3, edgecolors="white")
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=9)
    axes.annotate("start", (x[0], y[0]), textcoords="offset points", xytext=(9, 7), fontsize=9)
    axes.margins(0.08)
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


def generalization(reaches: Sequence[Reach]) -> Figure:
    """Draw the share that is right against size, the sizes trained on shaded: one panel for each measure."""
    panel = 3.4
    figure = Figure(figsize=(8, panel * len(reaches)), dpi=100)
    for number, reach in enumerate(reaches):
        name = reach.measure.replace("_", " ")
        top = panel * (len(reaches) - number)
        axes = _axes(figure, f"Right at each {name}", name, "share that is right", (top - panel, top), right=0.74)
        trained = reach.trained
        far = trained is not None and reach.sizes[-1] > 8 * trained[1] and min(reach.sizes[0], trained[0]) > 0
        if far:  # or what was trained on would be a line
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:.0f}")
        if trained:
            least = trained[0] - (0 if far else 0.5)  # a logarithm has no place for 0
            axes.axvspan(least, trained[1] + 0.5, color="#CFE3F2", zorder=0, linewidth=0, label="sizes trained on")
        # Sizes of a case or two each say nothing one by one.
        bins = np.arange(len(reach.sizes))
        if len(reach.sizes) > MOST_SIZES:
            edges = (np.geomspace if far else np.linspace)(reach.sizes[0], reach.sizes[-1] + 1, MOST_SIZES)
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
                axes.plot(middle, share, style, color=colour, markersize=4, label=label)
        axes.set_ylim(-0.05, 1.05)
        if any(reach.steps):
            loss = np.bincount(bins, reach.loss_sum) / np.maximum(np.bincount(bins, reach.steps), 1)
            axes.plot([], [], ":", color=GREY, label="loss")
            losses = axes.twinx()
            losses.plot(middle, loss, ":", color=GREY, marker=".", markersize=3)
            losses.set_ylim(-0.05 * max(loss.max(), 0.1), 1.05 * max(loss.max(), 0.1))
            losses.set_ylabel("loss (nats per step)", fontsize=9, color=GREY)
            losses.tick_params(labelsize=8, colors=GREY)
            losses.spines[["top", "right", "left"]].set_visible(False)
            losses.yaxis.set_major_locator(MaxNLocator(4))
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.09, 0.5), fontsize=9)
    return figure


def character_colours(text: str) -> dict[str, str]:
    """Give each distinct character of `text` a colour, in code-point order."""
    characters = sorted(set(text))
    if len(characters) <= len(COLOURS):
        return dict(zip(characters, COLOURS, strict=False))
    spectrum = colormaps["viridis"](np.linspace(0, 0.8, len(characters)))
    return {character: to_hex(colour) for character, colour in zip(characters, spectrum, strict=True)}


def glyph(character: str) -> str:
    """Return what stands for a character in a picture: itself, or a sign or code where it cannot be drawn."""
    if character == " ":
        return "\u2423"
    if character == "$":
        return r"\$"  # or matplotlib reads mathematics
    shown = visible(character)
    return shown if _FONT.get_char_index(ord(shown)) else f"{ord(character):x}"


_FONT = FT2Font(font_manager.findfont("DejaVu Sans"))


def _figure(title: str, x_label: str, y_label: str, height: float = 3.6, right: float = 0.97) -> tuple[Figure, Axes]:
    """Return a figure 8 inches wide at 100 dpi in the house style, and its axes; right of `right` is for a legend."""
    figure = Figure(figsize=(8, height), dpi=100)
    return figure, _axes(figure, title, x_label, y_label, (0, height), right)


def _axes(figure: Figure, title: str, x_label: str, y_label: str, inches: tuple[float, float], right: float) -> Axes:
    """Add axes in the house style between two heights of a figure, in inches from its foot."""
    whole, (bottom, top) = figure.get_size_inches()[1], inches
    height = top - bottom
    axes = figure.add_axes((0.1, (bottom + 0.52) / whole, right - 0.1, (height - 0.52 - 0.42) / whole))
    axes.set_title(title, fontsize=12, loc="left", y=1 + 0.09 / height)  # y given: matplotlib need not look for room
    axes.set_xlabel(x_label, fontsize=11)
    axes.set_ylabel(y_label, fontsize=11)
    axes.tick_params(labelsize=10)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))  # enough to read by; each more takes time to draw
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E5E5E5", linewidth=0.6)
    axes.set_axisbelow(True)
    return axes
