"""Pictures of what nets do inside, against geometry and linear algebra called by hand on the runs' trajectories."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import dynamics, pictures
from analysis.compare import MixedError
from analysis.dynamics import cycle, period, procrustes_distance, trajectories
from analysis.pictures.paths import _rotated
from analysis.runs import RunError
from tests.analysis.figures.looking import draw, texts


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


def tops(runs: pd.DataFrame, free: bool = False) -> list[np.ndarray]:
    return [states.top_th.astype(float) for states in trajectories(runs, 240, free=free)]


def drawn(axes: Axes) -> tuple[np.ndarray, np.ndarray]:
    """The path in a panel, and the closed polygon of the cycle."""
    path, _, closed = (np.column_stack(line.get_data()) for line in axes.get_lines()[:3])
    return path, closed[:-1]


def in_two(hidden_th: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distances between states, as seen in two principal components, and the shares of these."""
    left, singular, _ = np.linalg.svd(hidden_th - hidden_th.mean(axis=0), full_matrices=False)
    return apart_in(left[:, :2] * singular[:2]), singular**2 / (singular**2).sum()


def apart_in(point_tk: np.ndarray) -> np.ndarray:
    return np.linalg.norm(point_tk[:, None] - point_tk, axis=-1)


def test_each_path_is_seen_in_its_own_components(units: pd.DataFrame) -> None:
    runs = units[6:9]
    figure = pictures.trajectory_panels("Paths", runs, "pattern")
    assert titles(figure) == ["abc", "abc", "aab"]
    for axes, hidden_th in zip(figure.axes, tops(runs), strict=True):
        path, corners = drawn(axes)
        distance_tt, share_k = in_two(hidden_th)
        np.testing.assert_allclose(apart_in(path), distance_tt[:48, :48], atol=1e-5)
        assert f"{share_k[0]:.0%} + {share_k[1]:.0%}" in " ".join(texts(figure))
        assert len(corners) == 3
    draw(figure)


def test_paths_together_lie_on_one_another_but_stay_as_large_as_they_are(units: pd.DataFrame) -> None:
    runs = units[units["pattern"] == "abc"].iloc[[7, 0, 3]]  # 6 units, then 4: the last is not the widest
    figure = pictures.trajectory_panels("Together", runs, ["hidden_size", "epochs"], together=True)
    assert titles(figure) == ["6 units, 60 epochs", "4 units, 2 epochs", "4 units, 60 epochs"]
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    paths = [drawn(axes)[0] for axes in figure.axes]
    size = [np.linalg.norm(hidden_th - hidden_th.mean(axis=0)) for hidden_th in tops(runs)]
    assert min(size) < 0.8 * max(size)
    for path, hidden_th in zip(paths, tops(runs), strict=True):
        # A projection makes nothing longer; a path that was scaled to another's size would be.
        assert np.linalg.norm(path - path.mean(axis=0)) <= 1.001 * np.linalg.norm(
            hidden_th[:48] - hidden_th[:48].mean(axis=0)
        )
    settled = [path[24:] - path.mean(axis=0) for path in paths]
    cosine = (settled[0] * settled[2]).sum() / np.linalg.norm(settled[0]) / np.linalg.norm(settled[2])
    assert cosine > 0.8, "two cycles of abc, one turned onto the other"


def test_three_components_hold_the_distances_in_three(units: pd.DataFrame) -> None:
    run = units.iloc[-1]
    figure = pictures.trajectory_3d("In three", run)
    (hidden_th,) = tops(units[-1:])
    left, singular, _ = np.linalg.svd(hidden_th - hidden_th.mean(axis=0), full_matrices=False)
    expected = apart_in(left[:48, :3] * singular[:3])
    lines = [np.column_stack(line.get_data_3d()) for line in figure.axes[0].get_lines()]
    assert any(len(line) == 48 and np.allclose(apart_in(line), expected, atol=1e-4) for line in lines)


def test_the_rows_of_a_raster_are_the_hidden_units(units: pd.DataFrame) -> None:
    runs = units[7:9]
    figure = pictures.hidden_units("Units", runs, ["pattern"])
    assert titles(figure)[:2] == ["abc", "aab"]
    for axes, hidden_th in zip(figure.axes[:2], tops(runs), strict=True):
        rows = np.asarray(axes.images[0].get_array())
        np.testing.assert_allclose(sorted(map(tuple, rows)), sorted(map(tuple, hidden_th[:48].T)), atol=1e-6)


def test_periods_are_those_of_the_states_reading_and_running_free(units: pd.DataFrame) -> None:
    runs = units[7:9]
    figure = pictures.periods("Periods", runs, ["pattern"])
    expected = []
    for pattern, *both in zip(runs["pattern"], tops(runs), tops(runs, free=True), strict=True):
        for how, hidden_th in zip(("reading", "running free"), both, strict=True):
            lag = period(hidden_th, 12).lag
            expected.append(f"{pattern}, {how}: {f'period {lag}' if lag else 'no period'}")
    assert titles(figure) == expected
    assert expected[0] == "abc, reading: period 3"
    assert titles(pictures.periods("Periods", runs[:1], []))[0] == "reading: period 3"


def test_runs_are_as_far_apart_as_their_trajectories(units: pd.DataFrame) -> None:
    runs = units[3:]
    figure, table = pictures.shape_distances("Apart", runs, "pattern")
    hidden = tops(runs)
    pairs = [(n, m) for n in range(7) for m in range(n)]
    assert table["distance"].tolist() == pytest.approx([procrustes_distance(hidden[n], hidden[m]) for n, m in pairs])
    patterns = runs["pattern"].tolist()
    assert table["same"].tolist() == [patterns[n] == patterns[m] for n, m in pairs]
    assert set(zip(table["first"], table["second"], strict=True)) == {("abc", "abc"), ("aab", "abc"), ("aab", "aab")}
    draw(figure)
    with pytest.raises(ValueError, match="1 run with a net; allowed: 2 or more"):
        pictures.shape_distances("Alone", runs[:1], "pattern")


def test_growth_is_a_line_a_seed_and_their_median(units: pd.DataFrame) -> None:
    runs = units[units["hidden_size"] == 4]
    table = pd.concat(
        [dynamics.cycle_table(runs[runs["epochs"] == 2], trained=False), dynamics.cycle_table(runs)], ignore_index=True
    )
    table.loc[table.index[-1], "radius"] = np.nan
    figure = pictures.growth("Growth", table, {"radius": "radius (units of h)", "separation": "separation (share)"})
    assert titles(figure) == ["radius (units of h)", "separation (share)"]
    for axes, name in zip(figure.axes, ("radius", "separation"), strict=True):
        *seeds, middle = axes.get_lines()
        assert middle.get_xdata().tolist() == [0, 2, 60]
        expected = [np.nanmedian(table.loc[table["epochs"] == epochs, name]) for epochs in (0, 2, 60)]
        np.testing.assert_allclose(middle.get_ydata(), expected)
        for seed, line in enumerate(seeds):
            own = table[table["seed"] == seed].sort_values("epochs")
            np.testing.assert_array_equal(line.get_ydata(), own[name].astype(float))
    assert "median of 2 to 3 seeds, 95 % interval" in texts(figure)
    draw(figure)
    draws = pd.concat([table, table.assign(data_seed=1)])
    assert len(pictures.growth("Draws", draws, {"separation": "separation"}).axes[0].get_lines()) == 7
    with pytest.raises(MixedError, match="growth is drawn of one setting"):
        pictures.growth("Two", pd.concat([table, table.assign(pattern="aab")]), {"radius": "radius"})
    with pytest.raises(ValueError, match="no column 'nothing'"):
        pictures.growth("None", table, {"nothing": "nothing"})


def test_runs_without_a_net_are_left_out_and_said(units: pd.DataFrame, diverged: pd.DataFrame) -> None:
    runs = pd.concat([diverged, units[6:8]], ignore_index=True)
    said = "1 of 3 runs diverged and are left out: abc rnn64"
    for drawing in (pictures.trajectory_panels, pictures.hidden_units, pictures.periods):
        with pytest.warns(UserWarning, match=said) as warned:
            assert any(title.startswith("seed 1") for title in titles(drawing("Two", runs, ["seed"])))
        assert [one.filename for one in warned] == [__file__]
        with pytest.raises(RunError, match="all of 1 runs diverged"):
            drawing("None", diverged, ["seed"])
    with pytest.warns(UserWarning, match=said):
        assert len(pictures.shape_distances("Two", runs, "pattern")[1]) == 1
    with pytest.raises(RunError, match="all of 1 runs diverged"):
        pictures.trajectory_3d("None", diverged.iloc[0])


def test_what_cannot_be_drawn_is_refused(units: pd.DataFrame, strings: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="reber does not repeat a motif"):
        pictures.periods("Strings", strings, "seed")
    with pytest.raises(ValueError, match="20 runs; allowed: 1 to 12"):
        pictures.trajectory_panels("Many", pd.concat([units, units]), ["seed"])
    with pytest.raises(ValueError, match=r"still cannot be aligned with the last run \(trajectory 0 .* is constant"):
        _rotated(np.ones((6, 2)), cycle(np.random.default_rng(0).normal(size=(24, 2)), 6), "still")
