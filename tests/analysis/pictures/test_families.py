"""Pictures and tables of hidden states for every family and every cell, and what they show against states by hand."""

from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_hex
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler

from analysis import dynamics, pictures
from analysis.dynamics import chosen_label, draw_text, label_text, procrustes_distance
from analysis.dynamics.labelled import CHARACTER
from analysis.figures.style import COLOURS
from analysis.pictures.paths import READ_STEPS
from analysis.runs import find_runs, load_net, load_run
from experiments.train import main as train
from rnn_core.nets.cells import CELLS
from rnn_core.patterns import Pattern, parse
from rnn_core.vocabulary import Vocabulary
from tests.analysis.figures.looking import draw, texts
from tests.conftest import recording_in

SAMPLE = [
    ("tomita:3", "rnn"),  # an automaton, by a vector
    ("anbn", "lstm"),  # counts of strings, by two vectors
    ("hmm:mess3", "deltanet"),  # beliefs of a stream, by a matrix
    ("flipflop:2", "gru"),  # something else is said than the next character
    ("lines:PATH", "stack"),  # nothing is known of the places, by a state that grows
]
SMALL = ["--hidden-size", "3", "--encoding", "onehot", "--epochs", "1", "--batch-size", "4"]


def record(spec: str, cell: str, folder: Path, *more: str) -> None:
    """Record a run of a small net; PATH is a file of lines."""
    path = folder / "tale.txt"
    path.write_text("".join(f"{number} or not {number}\n" for number in range(100)))
    length = [] if "PATH" in spec else ["--length", "600"]
    assert train(["--pattern", spec.replace("PATH", str(path)), "--cell", cell, *SMALL, *length, *more]) == 0


@pytest.fixture(scope="module")
def recorded(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run of each of the sample, and of tomita:3 with another seed or data seed; nothing here writes to it."""
    with recording_in(migrated_store, tmp_path_factory.mktemp("families")) as folder:
        for spec, cell in SAMPLE:
            record(spec, cell, folder)
        record("tomita:3", "rnn", folder, "--seed", "1")
        record("tomita:3", "rnn", folder, "--data-seed", "1")
        yield folder


@pytest.fixture
def runs(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{recorded / 'mlflow.db'}")
    mlflow.set_tracking_uri(None)
    return find_runs()


def of(runs: pd.DataFrame, family: str) -> pd.DataFrame:
    return runs[runs["pattern"].str.startswith(family)]


def read(run: pd.Series, text: str, trained: bool = True) -> np.ndarray:
    """The output of the only layer after each character, from single steps; the state is zero before each mark."""
    net = load_net(run) if trained else load_run(run["run_id"]).untrained_net()
    vocabulary, found = Vocabulary(run["alphabet"]), []
    state = net.init_state(1)
    with torch.no_grad():
        for character in text:
            if character == run["mark"]:
                state = net.init_state(1)
            output, state = net.cell.read(net.recurrent, net.encode(vocabulary.encode(character)[None]), state)
            found.append(output[0, 0].numpy())
    return np.array(found, dtype=float)


def beginning_of_test(run: pd.Series) -> str:
    return load_run(run["run_id"]).prepare().evaluation.text[:READ_STEPS]


def check_all(runs: pd.DataFrame, labels: bool = False) -> list[str]:
    """Draw each picture, and fill the table, of runs; return the label of each run that is chosen.

    With `labels`, do it for each label of their pattern, too.
    """
    names, chosen = [None], []
    if labels:
        (spec,) = runs["pattern"].unique()
        names += [CHARACTER, *draw_text(parse(spec), 100, 0).labels]
    for name in names:
        for trained in (True, False) if name is None else (True,):
            draw(pictures.trajectory_panels("Paths", runs, "pattern", label=name, trained=trained))
            draw(pictures.trajectory_3d("Path", runs.iloc[0], label=name, trained=trained))
            draw(pictures.hidden_units("Units", runs, "pattern", label=name, trained=trained))
            table = dynamics.probe_table(runs, trained, name)
            assert np.isfinite(table["radius"]).all()
            assert not (table[["score", "baseline", "character_accuracy", "separation"]] > 1).any(axis=None)
            chosen = chosen or table["label"].tolist()
    return chosen


def test_every_picture_and_table_of_some_families_and_cells(runs: pd.DataFrame) -> None:
    labels = check_all(runs.drop_duplicates("pattern"))
    assert labels == ["count_a", "bit_A", "belief", CHARACTER, "node"]


@pytest.mark.long
@pytest.mark.parametrize("name", Pattern.families)
def test_every_picture_and_table_of_every_family(name: str, store: Path) -> None:
    record(Pattern.families[name].example, "gru", store)
    check_all(find_runs(), labels=True)


@pytest.mark.long
@pytest.mark.parametrize("cell", CELLS)
def test_every_picture_and_table_of_every_cell(cell: str, store: Path) -> None:
    record("dyck:2", cell, store)
    record("dyck:2", cell, store, "--layers", "2")
    check_all(find_runs())


@pytest.mark.parametrize("trained", [True, False])
def test_a_path_is_that_of_the_states_broken_before_each_string(runs: pd.DataFrame, trained: bool) -> None:
    run = of(runs, "tomita").iloc[0]
    text = beginning_of_test(run)
    hidden_th = read(run, text, trained)
    panel = pictures.trajectory_panels("Path", of(runs, "tomita"), [], trained=trained).axes[0]
    path_t2 = np.column_stack(panel.get_lines()[0].get_data())
    gaps = np.isnan(path_t2[:, 0])
    begins = [t for t, character in enumerate(text) if character == run["mark"] and t]
    assert len(text) == READ_STEPS
    assert np.flatnonzero(gaps).tolist() == [t + number for number, t in enumerate(begins)]
    left, singular, _ = np.linalg.svd(hidden_th - hidden_th.mean(axis=0), full_matrices=False)
    expected = (left * singular)[:, :2]
    np.testing.assert_allclose(np.abs(path_t2[~gaps]), np.abs(expected), atol=1e-5)
    nodes = parse("tomita:3").labels(text)["node"]
    place_of = {tuple(point): t for t, point in enumerate(path_t2[~gaps].tolist())}
    for number, group in enumerate(panel.collections):
        assert {int(nodes[place_of[tuple(point)]]) for point in group.get_offsets().tolist()} == {number}
        assert to_hex(group.get_facecolor()[0]) == to_hex(COLOURS[number])


def test_labels_are_shown_above_a_raster_whose_units_follow_them(runs: pd.DataFrame) -> None:
    run = of(runs, "flipflop").iloc[0]
    text = beginning_of_test(run)
    hidden_th, bit_t = read(run, text), parse(run["pattern"]).labels(text)["bit_B"]
    figure = pictures.hidden_units("Units", of(runs, "flipflop"), [], label="bit_B")
    assert "unit, sorted by bit_B" in texts(figure)
    rows_ht = np.asarray(figure.axes[0].images[0].get_array())
    order = [int(np.abs(hidden_th[:48].T - row_t).sum(axis=1).argmin()) for row_t in rows_ht]
    higher = [bool(hidden_th[bit_t == 1, unit].mean() > hidden_th[bit_t == 0, unit].mean()) for unit in order]
    assert higher == sorted(higher), "first the units that are high after 0"
    figure = pictures.hidden_units("Units", of(runs, "anbn"), [], label="count_a")
    run = of(runs, "anbn").iloc[0]
    text = beginning_of_test(run)
    hidden_th, count_t = read(run, text), label_text(parse("anbn"), text).labels["count_a"]
    there = np.isfinite(count_t)
    with_count = [np.corrcoef(count_t[there], unit_t[there])[0, 1] for unit_t in hidden_th.T]
    rows_ht = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_allclose(rows_ht, hidden_th[:48, np.argsort(with_count)].T, atol=1e-6)


def test_several_labels_are_classes_together(runs: pd.DataFrame) -> None:
    figure = pictures.trajectory_panels("Bits", of(runs, "flipflop"), [], label=["bit_A", "bit_B"])
    named = [text for text in texts(figure) if text.startswith("bit_A, bit_B: ")]
    assert named == [f"bit_A, bit_B: {a}, {b}" for a in (0, 1) for b in (0, 1)]


@pytest.mark.parametrize(("family", "label", "numbers"), [("tomita", "node", False), ("anbn", "count_a", True)])
@pytest.mark.parametrize("trained", [True, False])
def test_a_label_is_read_out_as_by_hand(
    runs: pd.DataFrame, family: str, label: str, numbers: bool, trained: bool
) -> None:
    some = of(runs, family)[:1]
    (row,) = dynamics.probe_table(some, trained).itertuples()
    fit, test = (draw_text(parse(some.iloc[0]["pattern"]), 2000, seed) for seed in (0, 1))
    states = [dynamics.trajectories(some, text.text, trained=trained)[0].top_th.astype(float) for text in (fit, test)]
    np.testing.assert_allclose(states[1], read(some.iloc[0], test.text, trained), atol=1e-6)
    rows = [np.isfinite(text.labels[label]) for text in (fit, test)]
    values = [text.labels[label][kept] for text, kept in zip((fit, test), rows, strict=True)]
    letters = sorted(set(fit.text))
    one_hot = [np.array([[one == other for other in letters] for one in text.text], float) for text in (fit, test)]
    scores = []
    for features in (states, one_hot):
        fitted, scored = (feature[kept] for feature, kept in zip(features, rows, strict=True))
        scaler = StandardScaler().fit(fitted)
        model = LinearRegression() if numbers else LogisticRegression(max_iter=10_000)
        scores.append(model.fit(scaler.transform(fitted), values[0]).score(scaler.transform(scored), values[1]))
    assert (row.label, row.measure) == (label, "R2" if numbers else "accuracy")
    assert (row.score, row.baseline) == pytest.approx(tuple(scores), abs=1e-4)
    hidden_nh = states[1][rows[1]]
    means = {value: hidden_nh[values[1] == value].mean(axis=0) for value in set(values[1].tolist())}
    total = ((hidden_nh - hidden_nh.mean(axis=0)) ** 2).sum()
    within = sum(
        ((hidden - means[value]) ** 2).sum() for hidden, value in zip(hidden_nh, values[1].tolist(), strict=True)
    )
    apart = min(np.linalg.norm(means[a] - means[b]) for a in means for b in means if a < b)
    assert row.radius == pytest.approx((total / len(hidden_nh)) ** 0.5, rel=1e-5)
    assert row.separation == pytest.approx(1 - within / total, abs=1e-5)
    assert row.nearest == pytest.approx(apart / row.radius, abs=1e-5)


def test_shapes_are_compared_over_the_same_text_alone(runs: pd.DataFrame) -> None:
    strings = of(runs, "tomita")
    same = strings[strings["data_seed"] == 0]
    _, table = pictures.shape_distances("Apart", same, "cell")
    one, two = (read(run, beginning_of_test(run)) for _, run in same.iterrows())
    assert table["distance"].tolist() == pytest.approx([procrustes_distance(one, two)], abs=1e-5)
    draw(pictures.trajectory_panels("Together", same, "seed", together=True))
    said = r"the nets read different texts, which differ from character \d+ on; allowed: runs with the same test"
    for mixed in (strings, pd.concat([of(runs, "anbn"), same])):
        with pytest.raises(ValueError, match=said):
            pictures.shape_distances("Apart", mixed, "cell")
        with pytest.raises(ValueError, match=said):
            pictures.trajectory_panels("Together", mixed, "seed", together=True)


def test_growth_is_drawn_of_what_is_known(runs: pd.DataFrame) -> None:
    some = of(runs, "tomita")[:1]
    table = pd.concat([dynamics.probe_table(some, trained=False), dynamics.probe_table(some)], ignore_index=True)
    figure = pictures.growth("Growth", table, {"score": "node (accuracy)", "separation": "separation (share)"})
    assert figure.axes[0].get_lines()[0].get_ydata().tolist() == table["score"].tolist()


def test_an_unknown_label_is_refused_with_those_there_are(runs: pd.DataFrame) -> None:
    some, said = of(runs, "tomita"), "tomita:3: label is 'depth'; allowed: node, may_end, state, character"
    for call in (
        lambda: pictures.trajectory_panels("", some, [], label="depth"),
        lambda: pictures.trajectory_3d("", some.iloc[0], label=["node", "depth"]),
        lambda: pictures.hidden_units("", some, [], label="depth"),
        lambda: dynamics.probe_table(some, label="depth"),
    ):
        with pytest.raises(ValueError, match=said):
            call()


def test_a_label_is_chosen_that_tells_places_apart() -> None:
    chosen = {
        "abc": "place",
        "reber": "node",  # eight classes, but there is no number
        "ereber": "remembered",
        "parity": "memory",  # not the length, which is a number
        "shuffle:2": "open_1",  # there are no classes
        "copy:3:delay=5": "waited",
        "markov:order=2:alphabet=4:seed=0": "context",
    }
    assert {spec: chosen_label(draw_text(parse(spec), 1000, 0))[0] for spec in chosen} == chosen
