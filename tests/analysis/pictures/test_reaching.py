"""Pictures of what nets know, against what the nets and the runs' files say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from analysis import pictures
from analysis.compare import MixedError
from analysis.runs import RunError, load_net
from tests.analysis.figures.looking import draw, heights, texts, titles, written


@pytest.mark.parametrize(("begin", "first"), [(None, 15 - 16), (30, 30), (10_000, 165 - 32)])
def test_what_is_predicted_is_what_the_nets_say(units: pd.DataFrame, begin: int | None, first: int) -> None:
    aab = units[units["pattern"] == "aab"]
    figure = pictures.predictions(aab, "seed", begin)
    first = max(1, first)
    indices = torch.tensor([[0, 0, 1] * 55])
    expected = {(t, 0): "ab"[indices[0, first + t]] for t in range(32)}
    for row, run_id in enumerate(aab["run_id"], 1):
        net = load_net(run_id)
        with torch.no_grad():
            logits_btv, _ = net(net.encode(indices), net.init_state(1))
        likeliest = logits_btv[0].argmax(-1)
        expected |= {(t, row): "ab"[likeliest[first + t - 1]] for t in range(32)}
    assert {(one.x, one.y): one.text for one in written(figure, figure.axes[0].transData)} == expected
    assert f"aab: characters {first} to {first + 31} of the test, and what each run predicts" in texts(figure)
    assert ("end of the training range" in texts(figure)) == (begin is None)


def test_predictions_are_of_one_text_and_of_runs_with_a_net(units: pd.DataFrame, diverged: pd.DataFrame) -> None:
    abc = units[units["pattern"] == "abc"][-1:]
    with pytest.warns(UserWarning, match=r"1 of 2 runs diverged and are left out: abc rnn64 .*s0"):
        figure = pictures.predictions(pd.concat([abc, diverged]), ["hidden_size"])
    assert {"target", "6 units"} <= set(texts(figure))
    assert "64 units" not in texts(figure)
    with pytest.raises(RunError, match="all of 1 runs diverged and recorded no net"):
        pictures.predictions(diverged, ["seed"])
    with pytest.raises(ValueError, match="tested on different texts; allowed: one pattern, length and data_seed"):
        pictures.predictions(units, ["seed"])
    with pytest.raises(ValueError, match="0 characters; allowed: 1 or more"):
        pictures.predictions(abc, ["seed"], count=0)


def reach_of(run: pd.Series) -> pd.DataFrame:
    return pd.read_csv(Path(run["artifact_uri"]) / "generalization.csv").set_index("size")


def share_at_points(table: pd.DataFrame, strings: pd.DataFrame) -> list[float]:
    """Return the share right of the cases of each eighth of the sizes trained on, and of each eighth beyond."""
    every = [reach_of(run) for _, run in strings.iterrows()]
    sizes = sorted({size for one in every for size in one.index})
    inside = [size for size in sizes if all(one["trained"].get(size, True) for one in every)]
    shares = []
    for side in (inside, [size for size in sizes if size not in inside]):
        for part in np.array_split(side, min(8, len(side))):
            some = table[table.index.isin(part)]
            shares.append(some["cases_right"].sum() / some["cases"].sum() if len(some) else np.nan)
    return shares


def test_reach_is_the_median_share_of_whole_cases(strings: pd.DataFrame, units: pd.DataFrame, tmp_path: Path) -> None:
    # The nets of the store get nothing right, on the same sizes: tables that say otherwise show what is drawn.
    for n, (_, run) in enumerate(strings.iterrows()):
        table = reach_of(run)
        table["cases_right"] = np.arange(n, n + len(table)) % (table["cases"] + 1)
        table["trained"] &= table.index < 12 - n
        (tmp_path / run["run_id"]).mkdir()
        table[n % 2 :].to_csv(tmp_path / run["run_id"] / "generalization.csv")
    strings["artifact_uri"] = [str(tmp_path / run_id) for run_id in strings["run_id"]]
    figure = pictures.reach_curves(pd.concat([strings, units]), "length")
    (axes,) = figure.axes
    assert titles(figure) == ["reber"]
    trained = []
    for length in (60, 120):
        tables = [reach_of(run) for _, run in strings[strings["length"] == length].iterrows()]
        shares = [share_at_points(table, strings) for table in tables]
        np.testing.assert_allclose(heights(axes)[f"length {length}"], np.nanmedian(shares, axis=0))
        trained += [table.index[table["trained"]] for table in tables]
    (shade,) = axes.patches
    least, most = max(map(min, trained)), min(map(max, trained))
    left, right = shade.get_extents().transformed(axes.transData.inverted()).intervalx
    assert (left, right) == pytest.approx((least - (0.5 if axes.get_xscale() == "linear" else 0), most + 0.5))
    assert (least, most) != (min(map(min, trained)), max(map(max, trained))), "not all were trained on the same sizes"
    assert "line and band: median of 2 seeds, 95 % interval" in texts(figure)
    assert {"length 60 (2 seeds)", "length 120 (2 seeds)"} <= set(texts(figure))
    draw(figure)


def test_reach_refuses_what_must_not_be_pooled_and_says_what_there_is(
    strings: pd.DataFrame, units: pd.DataFrame, diverged: pd.DataFrame
) -> None:
    with pytest.raises(MixedError, match=r"differ in length \(60, 120\)"):
        pictures.reach_curves(strings, "cell")
    with pytest.raises(ValueError, match="none of these runs has cases by depth; they have length"):
        pictures.reach_curves(strings, "length", "depth")
    with pytest.raises(ValueError, match="these runs has cases; they have none at all: take strings"):
        pictures.reach_curves(units, "hidden_size")
    with pytest.warns(UserWarning, match="1 of 3 runs diverged and are left out"):
        figure = pictures.reach_curves(pd.concat([strings[:2], diverged]), "pattern")
    assert list(heights(figure.axes[0])) == ["reber"]
    alone = pictures.reach_curves(strings[:1], "length")
    assert "line and band: single seeds, no interval" in texts(alone)
