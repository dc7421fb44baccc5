"""Pictures of the hidden states of nets while they read the beginning of their test: top layer, in units of h.

Runs that diverged have no net; they are left out with a warning. If all runs diverged, a RunError is raised.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis import figures
from analysis.dynamics.cycles import cycle
from analysis.dynamics.labelled import CHARACTER, chosen_label, class_names, label_text
from analysis.dynamics.projection import Projection, fit_projection
from analysis.dynamics.recorded import trajectories
from analysis.dynamics.similarity import aligned
from analysis.dynamics.tables import STEPS
from analysis.figures import Known, Picture
from analysis.figures.paths import MAX_TRAJECTORIES
from analysis.pictures.labels import run_label
from analysis.runs import drop_diverged
from rnn_core.patterns import parse

SHOWN_STEPS = 48
"""The number of steps over a motif whose states are drawn, from the beginning."""

READ_STEPS = 1000
"""The number of characters of any other pattern that a net reads, all of whose states are drawn."""


@dataclass(frozen=True, eq=False)
class Path:
    """The states of a run's net over the beginning of its test, with what is known of them.

    Attributes:
        label: the label of the run.
        text: the T characters.
        hidden_th: the states of the top layer, (T, H).
        motif: the motif that the pattern repeats; empty for none.
        known: what is known of each state; None for the character read alone.
        begins: the numbers of the states, from 1 on, at which the net began anew.
    """

    label: str
    text: str
    hidden_th: np.ndarray
    motif: str
    known: Known | None
    begins: list[int]

    def panel(self, hidden_th: np.ndarray, projection: Projection, show_shares: bool) -> figures.TrajectoryPanel:
        """Return the path in principal components: all of it, or of a motif the beginning, and the cycle.

        Arguments:
            hidden_th: the states, rotated or not, (T, H).
            projection: the principal components.
            show_shares: whether the panel says how much of the variance they explain.
        """
        shown = slice(SHOWN_STEPS if self.motif else None)
        return figures.TrajectoryPanel(
            self.label,
            projection(hidden_th[shown]),
            self.text[shown],
            projection(cycle(hidden_th, len(self.motif))) if self.motif else None,
            self.motif,
            projection.share_k if show_shares else None,
            None if self.known is None else self.known.at(shown),
            self.begins,
        )


def trajectory_panels(
    title: str,
    runs: pd.DataFrame,
    by: str | Sequence[str],
    together: bool = False,
    label: str | Sequence[str] | None = None,
    trained: bool = True,
) -> Picture:
    """Draw the trajectory of each run in two principal components, its states coloured by what the pattern knows.

    Of a motif the first SHOWN_STEPS states are drawn, and the cycle in which they settle. Of any other pattern the
    first READ_STEPS states are; where a string begins, the path begins anew, too.

    Arguments:
        title: the title of the picture.
        runs: a table from `find_runs`, 1 to 12 runs.
        by: the fields that label the panels.
        together: draw all trajectories in the same components with the same limits, so that they can be compared. Each
            is first aligned with that of the last run by the best rotation or reflection, step by step; its size is
            kept. The nets must read the same characters; their numbers of hidden units can differ. Otherwise each
            trajectory is drawn in its own components.
        label: the label of the patterns by which states are coloured, `character` for the character read, or several
            labels for the classes that they form together. None means the character for motifs, and for any other
            pattern what `dynamics.chosen_label` chooses.
        trained: whether to draw the trained nets; otherwise these nets before training.

    Raises:
        RunError: all runs diverged, or another run recorded no net.
        ValueError: there are more than 12 runs, a motif is too long, a pattern has no such label, or, with `together`,
            the nets read different characters or the states of a net do not change.
    """
    shown = drop_diverged(runs)
    if len(shown) > MAX_TRAJECTORIES:
        raise ValueError(f"{len(shown)} runs; allowed: 1 to {MAX_TRAJECTORIES} trajectories side by side")
    paths = _paths(shown, by, label, trained)
    if not together:
        panels = [path.panel(path.hidden_th, fit_projection([path.hidden_th]), True) for path in paths]
        return figures.trajectories(title, panels)
    check_same_text([path.text for path in paths])
    widest = max(path.hidden_th.shape[1] for path in paths)
    last_th = paths[-1].hidden_th
    reference_th = np.pad(last_th, ((0, 0), (0, widest - last_th.shape[1])))
    hidden = [_rotated(path.hidden_th, reference_th, path.label) for path in paths]
    projection = fit_projection(hidden)
    panels = [path.panel(hidden_th, projection, False) for path, hidden_th in zip(paths, hidden, strict=True)]
    return figures.trajectories(title, panels, shared=True)


def trajectory_3d(
    title: str, run: pd.Series, label: str | Sequence[str] | None = None, trained: bool = True
) -> Picture:
    """Draw the trajectory of one run in three principal components, and the cycle in which it settles over a motif.

    Arguments:
        title: the title of the picture.
        run: a row of a table from `find_runs`.
        label: the label by which states are coloured, as in `trajectory_panels`.
        trained: whether to draw the trained net; otherwise this net before training.

    Raises:
        RunError: the run recorded no net.
        ValueError: the motif is too long, or the pattern has no such label.
    """
    (path,) = _paths(drop_diverged(run.to_frame().T), [], label, trained)
    projection = fit_projection([path.hidden_th], 3)
    panel = path.panel(path.hidden_th, projection, True)
    return figures.trajectory_3d(
        title,
        panel.coordinates_tk,
        projection.share_k,
        panel.text,
        panel.cycle_pk,
        panel.cycle_text,
        panel.known,
        panel.begins,
    )


def hidden_units(
    title: str,
    runs: pd.DataFrame,
    by: str | Sequence[str],
    label: str | Sequence[str] | None = None,
    trained: bool = True,
) -> Picture:
    """Draw the state of every hidden unit over the first SHOWN_STEPS characters, with what is known of each above it.

    Over a motif the units are sorted by the time at which they are high. Over any other text there is no such time, and
    they are sorted by the label: by the class after which they are highest in the mean, and for numbers from those that
    fall with it to those that rise (by their correlation over READ_STEPS characters).

    Arguments:
        title: the title of the picture.
        runs: a table from `find_runs`; each run has a panel.
        by: the fields that label the panels.
        label: the label that is shown, as in `trajectory_panels`; None means none for motifs.
        trained: whether to draw the trained nets; otherwise these nets before training.

    Raises:
        RunError: all runs diverged, or another run recorded no net.
        ValueError: a pattern has no such label.
    """
    rasters, names = [], []
    for path in _paths(drop_diverged(runs), by, label, trained):
        sorting = path.known or Known(CHARACTER, np.array(list(path.text)))
        units = None if path.motif else _units_by(sorting, path.hidden_th)
        names.append("" if path.motif else sorting.name)
        rasters.append(
            figures.Raster(path.label, path.hidden_th, path.text, len(path.motif) or None, path.known, units)
        )
    if not any(names):
        return figures.raster(title, rasters)
    label_name = names[0] if len(set(names)) == 1 else "the label"
    return figures.raster(title, rasters, row_name=f"unit, sorted by {label_name}")


def check_same_text(texts: Sequence[str]) -> None:
    """Raise ValueError if nets did not read the same characters, so that their states do not correspond."""
    if len(set(texts)) > 1:
        both = texts[0], next(text for text in texts if text != texts[0])
        place = next((t for t, (one, two) in enumerate(zip(*both, strict=False)) if one != two), min(map(len, both)))
        raise ValueError(
            f"the nets read different texts, which differ from character {place} on; allowed: runs with the same test, "
            "such as those of one pattern, length and data_seed"
        )


def _paths(runs: pd.DataFrame, by: str | Sequence[str], label: str | Sequence[str] | None, trained: bool) -> list[Path]:
    """Return the path of each run; over a motif STEPS long, over any other text READ_STEPS or as long as the test."""
    paths = []
    for place, run in enumerate(runs.to_dict("records")):
        pattern = parse(run["pattern"])
        # One by one, so that the whole states of one net alone are kept at a time.
        (states,) = trajectories(runs.iloc[[place]], STEPS if pattern.motif else READ_STEPS, trained=trained)
        known = None
        if label is not None or not pattern.motif:
            try:
                name, value_t = chosen_label(label_text(pattern, states.text), label)
            except ValueError as error:
                raise ValueError(f"{pattern.spec}: {error}") from None
            if name != CHARACTER:
                known = Known(name, value_t if value_t.dtype.kind == "f" else class_names(value_t))
        begins = [t for t, character in enumerate(states.text) if t and character == pattern.mark]
        paths.append(Path(run_label(run, by), states.text, states.top_th, pattern.motif or "", known, begins))
    return paths


def _units_by(known: Known, hidden_th: np.ndarray) -> np.ndarray:
    """Return the units, (H,), sorted by the class after which they are highest, or by their correlation with a number.

    Arguments:
        known: what is known of the T states.
        hidden_th: the states, (T, H).
    """
    hidden_th = hidden_th.astype(np.float64)
    if known.is_number:
        there_t = np.isfinite(known.value_t)
        number_t = known.value_t[there_t] - known.value_t[there_t].mean()
        hidden_th = hidden_th[there_t] - hidden_th[there_t].mean(axis=0)
        spread_h = np.linalg.norm(hidden_th, axis=0)
        return np.argsort(number_t @ hidden_th / np.where(spread_h > 0, spread_h, 1), kind="stable")
    class_t = np.array(known.classes)
    classes = sorted(set(class_t.tolist()) - {""}, key=lambda value: (len(value), value))
    mean_kh = np.array([hidden_th[class_t == value].mean(axis=0) for value in classes])
    return np.argsort(mean_kh.argmax(axis=0), kind="stable")


def _rotated(hidden_th: np.ndarray, reference_th: np.ndarray, label: str) -> np.ndarray:
    """Return a trajectory aligned with another one, (T, H) both, as by `dynamics.aligned`, but in its own size.

    The size is kept because it is part of the comparison.
    """
    try:
        aligned_th = aligned(hidden_th, reference_th)
    except ValueError as error:
        raise ValueError(
            f"{label} cannot be aligned with the last run ({error}); leave it out, or together=False"
        ) from None
    middle_h = aligned_th.mean(axis=0)
    size = np.linalg.norm(hidden_th - hidden_th.mean(axis=0))
    rotated_th: np.ndarray = middle_h + (aligned_th - middle_h) * size / np.linalg.norm(aligned_th - middle_h)
    return rotated_th
