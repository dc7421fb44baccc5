"""Pictures of one run: its losses, its predictions, its hidden states, and its table of reach."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullFormatter

from analysis.figures.characters import write_characters, write_states
from analysis.figures.glyphs import glyph
from analysis.figures.single_panel import single_panel
from analysis.figures.style import (
    COLOURS,
    GREY,
    MARKERS,
    WRONG,
    Picture,
    add_axes,
    character_colours,
    draw_frame,
    draw_legend,
    write,
)

TRAINED = "#CFE3F2"

SQUARE = ((0.5, -0.5), (1.5, -0.5), (1.5, 0.5), (0.5, 0.5))
"""The corners of a square around (1, 0)."""

MAX_SIZES = 40
"""The most points of a curve over sizes; of more sizes, several share a point."""

MAX_STEPS = 32
"""The most characters that can be read side by side at the width at which MLflow shows a picture."""


def loss_curve(
    losses: Sequence[float],
    floor: float | None,
    eval_loss: float | None = None,
    valid_losses: Sequence[float] = (),
    references: Mapping[str, float] | None = None,
) -> Picture:
    """Draw the training loss of each epoch, and what to compare it with.

    Arguments:
        losses: the training loss of each epoch, nats per character; may be empty.
        floor: the lowest loss that any predictor can expect; None if it is not known.
        eval_loss: the loss on the test after training; None if there is none.
        valid_losses: the validation loss after each epoch, if there is validation data.
        references: the losses of simple predictors on the test, by name. Only those within the range of the run's
            losses and the nearest one on either side are drawn, because others would flatten the curve.
    """
    figure, axes = single_panel(right=6.8 if references else 7.76)
    marker = "." if len(losses) <= MAX_STEPS else ""  # with markers, a single epoch is visible, too
    axes.plot(losses, color=COLOURS[0], marker=marker, label="training")
    if valid_losses:
        axes.plot(valid_losses, color=COLOURS[1], marker=marker, label="validation")
    run_losses = [*losses, *([] if eval_loss is None else [eval_loss])]
    if eval_loss is not None:
        label = f"eval, after training: {eval_loss:.4g}"
        axes.plot([max(len(losses) - 1, 0)], [eval_loss], color=WRONG, marker="D", linestyle="", label=label)
    if floor is not None:
        axes.axhline(floor, color=GREY, linestyle="--", label=f"floor: {floor:.4g}")
        least, most = min([floor, *run_losses]), max([floor, *run_losses])
        axes.set_ylim(bottom=least - 0.04 * (most - least or 1))
    if references:
        _draw_references(figure, axes, run_losses, references)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10), integer=True))
    draw_frame(axes, "Training loss", "epoch", "loss (nats per character)")
    draw_legend(figure, [line for line in axes.get_lines() if line.get_linestyle() != ":"], 2.2, 3.39, 8, size=9)
    return figure


def _draw_references(figure: Picture, axes: Axes, run_losses: Sequence[float], references: Mapping[str, float]) -> None:
    """Draw the losses of simple predictors as dotted lines, with their names to the right of the axes."""
    run_losses = run_losses or list(references.values())
    below = max((loss for loss in references.values() if loss < min(run_losses)), default=min(run_losses))
    above = min((loss for loss in references.values() if loss > max(run_losses)), default=max(run_losses))
    shown = {name: loss for name, loss in references.items() if below <= loss <= above}
    least, most = axes.get_ylim()
    axes.set_ylim(min([least, *(0.98 * loss for loss in shown.values())]), max([most, 1.02 * above]))
    label_distance = (axes.get_ylim()[1] - axes.get_ylim()[0]) / 20
    y = -np.inf
    labels = {}
    for name, loss in sorted(shown.items(), key=lambda item: item[1]):
        axes.axhline(loss, color=GREY, linewidth=0.8, linestyle=":")
        y = max(y + label_distance, loss)  # labels of similar losses must not overlap
        labels[f"{name} {loss:.3f}"] = (1.01, y)
    write(figure, list(labels), list(labels.values()), axes.get_yaxis_transform(), size=8, align=0)


def predictions(target: str, predicted: str, start: int, scored: Sequence[bool] | None = None) -> Picture:
    """Draw the target above the predicted characters, with wrong ones marked.

    Arguments:
        target: the characters to predict, one or more.
        predicted: the likeliest character at each position of the target.
        start: how many characters are only read and not scored; a vertical line marks where scoring begins.
        scored: which characters are scored, if only some are; the others are drawn pale and never marked as wrong.
    """
    is_scored = [True] * len(target) if scored is None else list(scored)
    begin = max(0, min(start - MAX_STEPS // 2, len(target) - MAX_STEPS))
    shown = range(begin, min(begin + MAX_STEPS, len(target)))
    end = shown[-1] + 1
    scored_shown = [t for t in shown if is_scored[t]]
    wrong = [t for t in scored_shown if target[t] != predicted[t]]
    total = f"{len(scored_shown)} shown" + ("" if scored is None else " that count")
    title = f"Target and predicted characters: {len(scored_shown) - len(wrong)} of the {total} are right"
    figure, axes = single_panel(height=2.6)
    colours = character_colours(target + predicted)
    rows = (predicted, target)
    fills = [to_rgba(colours[text[t]], 0.35 if is_scored[t] else 0.08) for text in rows for t in shown]
    # The first character of the sequence is given, so target[t] is at position t + 1.
    squares = [[(t + dx, y + dy) for dx, dy in SQUARE] for y in range(len(rows)) for t in shown]
    axes.add_collection(PolyCollection(squares, facecolors=fills, linewidths=0, antialiaseds=False))
    for y, text in enumerate(rows):
        text_colours = [(WRONG if y == 0 and t in wrong else "black") if is_scored[t] else GREY for t in shown]
        positions = [(t + 1, y) for t in shown]
        room = 6.2 / max(len(shown), 11), 0.5
        write_characters(figure, "".join(text[t] for t in shown), positions, axes.transData, 11, room, text_colours)
    axes.axhline(0.5, color="white", linewidth=3)
    axes.plot([t + 1 for t in wrong], [-0.68] * len(wrong), "x", color=WRONG, markersize=6)
    if begin < start < end:
        axes.axvline(start + 0.5, color="black", linewidth=1.5)
        write(figure, ["scored from here"], [(start + 0.7, -1.08)], axes.transData, size=9, align=0)
    axes.yaxis.set_major_locator(FixedLocator([1, 0]))
    axes.yaxis.set_major_formatter(FixedFormatter(["target", "predicted"]))
    axes.set_xlim(begin + 0.4, max(end + 0.6, begin + 12))
    axes.set_ylim(-1.3, 1.55)
    draw_frame(axes, title, "position in the sequence (characters, the first is 0)", "", grid="")
    return figure


def first_hidden_units(hidden_th: np.ndarray, text: str, max_units: int = 4) -> Picture:
    """Draw the states of the first hidden units over the sequence.

    Arguments:
        hidden_th: the state after each character, (T, H).
        text: the T characters read.
        max_units: the most units to draw.
    """
    steps = min(len(text), MAX_STEPS)
    units = min(max_units, hidden_th.shape[1])
    code_room = 0.2 if any(len(glyph(character)) > 1 for character in text[:steps]) else 0.0
    figure, axes = single_panel(3.6 + code_room, right=7.04, bottom=0.52 + code_room)
    for unit in range(units):
        style = ("-", "--", "-.", ":")[unit % 4]
        axes.plot(hidden_th[:steps, unit], style, color=COLOURS[unit % len(COLOURS)], marker=".", label=f"unit {unit}")
    axes.xaxis.set_major_locator(FixedLocator(range(steps)))
    axes.xaxis.set_major_formatter(NullFormatter())
    draw_frame(axes, f"The first {units} hidden units", "", "hidden state h (no unit)", grid="y")
    axes.set_xlabel("character read")
    write(figure, ["character read"], [(3.92, 0.16)], size=11)
    positions = [(t, 0.0) for t in range(steps)]
    write_characters(
        figure, text[:steps], positions, axes.get_xaxis_transform(), 10, (5.5 / steps, 0.2 + code_room), up=-11
    )
    draw_legend(figure, axes.get_lines(), 7.15, 1.83 + code_room + 0.125 * (units - 1), 8)
    return figure


def trajectory(coordinates_tk: np.ndarray, share_k: np.ndarray, text: str) -> Picture:
    """Draw the trajectory of the hidden state in its first two principal components, coloured by character.

    Arguments:
        coordinates_tk: the state after each character in its principal components, (T, 2 or more).
        share_k: the share of the variance that each component explains, 0 to 1.
        text: the T characters read.
    """
    x_label, y_label = (f"principal component {k + 1} ({share_k[k]:.0%} of the variance)" for k in range(2))
    figure, axes = single_panel(height=5.0, right=6.88)
    x, y = coordinates_tk[:, 0], coordinates_tk[:, 1]
    axes.plot(*_without_repeats(coordinates_tk[:, :2]).T, color=GREY, linewidth=0.7, alpha=0.6, zorder=1)
    axes.plot(x[:1], y[:1], marker="o", markersize=15, markerfacecolor="none", color="black", linestyle="", zorder=2)
    axes.margins(0.08)
    colours = character_colours(text)
    if len(colours) > len(COLOURS):  # too many colours to distinguish: each state is drawn as its character
        axes.autoscale_view()
        write_states(figure, axes, text, coordinates_tk[:, :2], colours)
    else:
        legend = []
        for (character, colour), marker in zip(colours.items(), MARKERS, strict=False):
            steps = [t for t, read in enumerate(text) if read == character]
            # In one call of the renderer; `scatter` takes three times as long.
            points = axes.plot(x[steps], y[steps], color=colour, marker=marker, linestyle="", markersize=5.83, zorder=3)
            points[0].set(markeredgecolor="white", markeredgewidth=1.5)
            legend.append(Line2D([], [], color=colour, linestyle="", marker=marker, markeredgecolor="white"))
            shown = glyph(character)
            legend[-1].set_label(f"after {shown}" if len(shown) == 1 else shown)  # a code leaves no room for more
        draw_legend(figure, legend, 6.98, 2.55 + 0.1125 * (len(legend) - 1), 8, size=9)
    write(figure, ["start"], [(x[0], y[0])], axes.transData, size=9, align=0, shift=(9, 10))
    draw_frame(axes, "Hidden-state trajectory", x_label, y_label)
    return figure


def _without_repeats(points_t2: np.ndarray) -> np.ndarray:
    """Return the points of a path, with NaN in place of each step that it has taken before, to within half a pixel.

    A net that runs in a cycle takes each step many times, and to draw them all takes half the time of the picture.

    Arguments:
        points_t2: the points, (T, 2).
    """
    low, high = points_t2.min(axis=0), points_t2.max(axis=0)
    places = np.rint((points_t2 - low) / np.where(high > low, high - low, 1) * 1000).astype(np.int64)  # of 600 pixels
    ends = places[:, 0] * 1001 + places[:, 1]
    _, first = np.unique(ends[:-1] * 1001**2 + ends[1:], return_index=True)
    repeated = np.setdiff1d(np.arange(len(ends) - 1), first)
    return np.insert(points_t2.astype(float), repeated + 1, np.nan, axis=0)


@dataclass(frozen=True)
class Reach:
    """The rows of one measure of the table of reach, S sizes.

    Attributes:
        measure: what the sizes count, such as "length".
        sizes: the sizes, ascending, at least one.
        trained: the smallest and the largest size in the training data; None if they are not known.
        cases: the number of cases of each size.
        cases_right: the number of cases in which every step is right.
        steps: the number of scored steps; 0 for every size if steps were not scored.
        steps_right: the number of scored steps that are right.
        loss_sum: the sum of the cross-entropies of the scored steps, in nats; infinite or NaN where a state overflowed.
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
    """Draw the share of correct predictions against size, with the sizes trained on shaded, a panel for each measure.

    Arguments:
        reaches: one or more measures.
    """
    panel_height = 3.4
    figure = Picture(panel_height * len(reaches))
    for number, reach in enumerate(reaches):
        bottom = panel_height * (len(reaches) - number - 1)
        axes = add_axes(figure, (0.8, bottom + 0.52, 5.8, bottom + panel_height - 0.42))
        legend = _draw_reach(axes, reach)
        name = reach.measure.replace("_", " ")
        draw_frame(axes, f"Right at each {name}", name, "share that is right")
        draw_legend(figure, legend, 6.48, bottom + panel_height / 2 + 0.4, 8, size=9)
    return figure


def _draw_reach(axes: Axes, reach: Reach) -> list[Line2D]:
    """Draw the shares and the mean loss at each size, and the sizes trained on; return the lines of the legend."""
    trained, legend = reach.trained, []
    # On a linear axis, the sizes trained on would then be too narrow to see.
    log = trained is not None and reach.sizes[-1] > 8 * trained[1] and min(reach.sizes[0], trained[0]) > 0
    if log:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:.0f}")
    if trained:
        left = trained[0] - (0 if log else 0.5)  # a logarithmic axis has no 0
        axes.axvspan(left, trained[1] + 0.5, color=TRAINED, zorder=0, linewidth=0, label="sizes trained on")
        legend.append(Line2D([], [], color=TRAINED, linewidth=9, solid_capstyle="butt", label="sizes trained on"))
    bins = _bins(reach, log)
    x = np.bincount(bins, reach.sizes) / np.bincount(bins)
    for counts, right, label, style, colour in (
        (reach.cases, reach.cases_right, "whole cases", "o-", COLOURS[0]),
        (reach.steps, reach.steps_right, "single steps", ".--", COLOURS[1]),
    ):
        if any(counts):
            share = np.bincount(bins, right) / np.maximum(np.bincount(bins, counts), 1)
            legend += axes.plot(x, share, style, color=colour, markersize=4, label=label)
    axes.set_ylim(-0.05, 1.05)
    if any(reach.steps):
        loss = np.bincount(bins, reach.loss_sum) / np.maximum(np.bincount(bins, reach.steps), 1)
        finite = np.isfinite(loss)  # a linear or rectified state may overflow on strings longer than those trained on
        label = "loss" if finite.all() else "loss, while finite"
        loss_axes = axes.twinx()
        legend += loss_axes.plot(
            x, np.where(finite, loss, np.nan), ":", color=GREY, marker=".", markersize=3, label=label
        )
        highest = max(loss.max(initial=0.1, where=finite), 0.1)
        loss_axes.set_ylim(-0.05 * highest, 1.05 * highest)
        loss_axes.set_ylabel("loss (nats per step)", fontsize=9, color=GREY)
        loss_axes.tick_params(labelsize=8, colors=GREY)
        loss_axes.spines[["top", "right", "left"]].set_visible(False)
        loss_axes.yaxis.set_major_locator(MaxNLocator(4))
    return legend


def _bins(reach: Reach, log: bool) -> np.ndarray:
    """Return for each size the number of its point on the curves, (S,).

    Sizes of a few cases each share a point, because their own shares would be noise. No point has both sizes that were
    trained on and larger ones.
    """
    if len(reach.sizes) <= MAX_SIZES:
        return np.arange(len(reach.sizes))
    edges = (np.geomspace if log else np.linspace)(reach.sizes[0], reach.sizes[-1] + 1, MAX_SIZES)
    beyond = np.array(reach.sizes) > (reach.trained[1] if reach.trained else np.inf)
    return np.unique(2 * np.digitize(reach.sizes, edges) + beyond, return_inverse=True)[1]
