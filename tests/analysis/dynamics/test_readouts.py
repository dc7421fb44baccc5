"""Readouts against regressions with known results, tables against counting, and beliefs by enumeration."""

import dataclasses
import functools
import itertools
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LinearRegression

from analysis.dynamics.labelled import LabelledText, applies, draw_text, label_text
from analysis.dynamics.net_map import NetMap, map_of_net
from analysis.dynamics.readouts import Readout, readouts, score_readout
from rnn_core.nets.cells import CELLS
from rnn_core.nets.charrnn import CharRNN
from rnn_core.patterns import Pattern, parse


def memory(alphabet: str, characters: int) -> NetMap:
    """A net whose state is the last characters, one-hot, the latest first."""

    def step(input_ni: torch.Tensor, state: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        (past_nci,) = state
        return input_ni, (torch.cat([input_ni[:, None], past_nci[:, :-1]], 1),)

    size = len(alphabet)
    start = (torch.zeros(characters, size, dtype=torch.float64),)
    return NetMap(step, start, torch.eye(size, dtype=torch.float64), alphabet, alphabet, ["past"])


def scores(found: list[Readout], label: str) -> dict[str, float]:
    return {readout.predictor: readout.score for readout in found if readout.label == label}


def test_tables_of_mess3_reach_what_enumeration_says() -> None:
    """Enumerated: the belief after each string of 11 characters, with its probability."""
    pattern = parse("hmm:mess3")
    texts = ["".join(symbols) for symbols in itertools.product("012", repeat=11)]
    belief_s = np.full((1, 3), 1 / 3)
    for _ in range(11):  # joint probabilities of the string and the hidden state, the latest character varies fastest
        belief_s = np.concatenate([belief_s @ matrix for matrix in pattern.matrix_vss], 1).reshape(-1, 3)
    weight_n = belief_s.sum(1)
    belief_n = belief_s / weight_n[:, None]
    last = label_text(pattern, texts[12345]).labels["belief"][-1]
    assert last == pytest.approx(belief_n[12345], abs=1e-12)
    mean = weight_n @ belief_n
    variance = weight_n @ ((belief_n - mean) ** 2).sum(1)
    exact = []
    for k in range(1, 6):
        key_n = np.arange(3**11) % 3**k
        total = np.bincount(key_n, weight_n)
        of_key = np.stack([np.bincount(key_n, weight_n * column) for column in belief_n.T], -1) / total[:, None]
        exact.append(1 - weight_n @ ((belief_n - of_key[key_n]) ** 2).sum(1) / variance)
    assert exact == pytest.approx([0.803, 0.930, 0.985, 0.9957, 0.9989], abs=2e-3)  # as sampled by others
    found = scores(readouts({}, draw_text(pattern, 40_000, 1), draw_text(pattern, 40_000, 2)), "belief")
    assert list(found) == ["last character", *(f"last {k} characters" for k in range(2, 6))]
    assert list(found.values()) == pytest.approx(exact, abs=4e-3)


@functools.cache
def known_texts(noise: float = 0.5) -> tuple[NetMap, LabelledText, LabelledText]:
    """Labels that are known functions of the last three characters, and a net that holds these."""
    rng = np.random.default_rng(0)
    weight_kv = rng.normal(size=(3, 3))
    made = []
    for _ in range(2):
        index_t = rng.integers(0, 3, 4000)
        past_kt = np.stack([np.concatenate([np.zeros(k, int), index_t[: 4000 - k]]) for k in range(3)])
        exact_t = weight_kv[np.arange(3)[:, None], past_kt].sum(0)
        labels = {
            "exact": exact_t,
            "noisy": exact_t + noise * exact_t.std() * rng.normal(size=4000),
            "pair": np.stack([exact_t, rng.normal(size=4000) * exact_t.std()], 1),
            "third": np.array(list("xyz"))[past_kt[2]],
            "second": np.where(np.arange(4000) % 7 == 0, -1, past_kt[1]),
            "constant": np.ones(4000, dtype=bool),
        }
        made.append(LabelledText("".join("abc"[index] for index in index_t), labels))
    return memory("abc", 3), made[0], made[1]


def test_readouts_of_a_net_that_holds_three_characters() -> None:
    net, fit, test = known_texts()
    found = readouts({"net": net}, fit, test)
    assert scores(found, "exact")["net"] == pytest.approx(1, abs=1e-3)  # not before the third character
    assert scores(found, "noisy")["net"] == pytest.approx(1 / (1 + 0.5**2), abs=0.02)
    assert scores(found, "pair")["net"] == pytest.approx(1 / 2, abs=0.02)
    assert scores(found, "third")["net"] >= 0.999
    assert scores(found, "second")["net"] == 1
    assert all(np.isnan(score) for score in scores(found, "constant").values())
    for label, expected in {"third": (1 / 3, 1 / 3, 1), "second": (1 / 3, 1, 1)}.items():
        tables = list(scores(found, label).values())[1:4]
        assert tables == pytest.approx(expected, abs=0.03)
    for label in ("exact", "noisy", "pair"):  # the table of three characters knows all that the net does
        assert scores(found, label)["last 3 characters"] == pytest.approx(scores(found, label)["net"], abs=0.01)
    table = pd.DataFrame(found)
    assert len(table) == 6 * 6
    assert set(table[table["label"] == "second"]["fitted"]) == {4000 - 572}
    assert dict(zip(table["label"], table["measure"], strict=True)) == {
        **dict.fromkeys(["exact", "noisy", "pair"], "R2"),
        **dict.fromkeys(["third", "second", "constant"], "accuracy"),
    }


def test_the_table_of_the_last_character_is_its_linear_readout() -> None:
    _, fit, test = known_texts()
    found = readouts({"last": memory("abc", 1)}, fit, test)
    for label in ("exact", "noisy", "pair", "second"):
        assert scores(found, label)["last"] == pytest.approx(scores(found, label)["last character"], abs=1e-9)


def test_numbers_are_read_out_as_by_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    fit, test = (rng.normal(size=(500, 6)) * [1, 2, 3, 1e3, 1e-2, 1] for _ in range(2))
    fit[:, 5] = test[:, 5] = 4.0  # a unit that never changes
    weight = rng.normal(size=(6, 2))
    fit_d, test_d = (states @ weight + rng.normal(size=(500, 2)) for states in (fit, test))
    expected = LinearRegression().fit(fit, fit_d).predict(test)
    r2 = 1 - ((test_d - expected) ** 2).sum() / ((test_d - test_d.mean(0)) ** 2).sum()
    assert score_readout(fit, fit_d, test, test_d) == pytest.approx(r2, abs=1e-9)


def counted_accuracy(fit: LabelledText, test: LabelledText, label: str, k: int) -> float:
    """The accuracy of the table of the last k characters, with dictionaries."""

    def pasts(text: LabelledText) -> list[str]:
        begins = [max(text.text.rfind("#", 0, t + 1), 0) for t in range(len(text.text))]
        return [text.text[begin : t + 1] for t, begin in enumerate(begins)]

    counts: dict[str, Counter[object]] = {}
    for past, value in zip(pasts(fit), fit.labels[label].tolist(), strict=True):
        if value != -1:
            for length in range(k + 1):
                if length <= len(past):
                    counts.setdefault(past[len(past) - length :], Counter())[value] += 1
    right = []
    for past, value in zip(pasts(test), test.labels[label].tolist(), strict=True):
        if value != -1:
            known = next(
                past[-length:] if length else "" for length in range(k, -1, -1) if looked(past, length, counts)
            )
            most = max(counts[known].values())
            right.append(value == min(v for v, count in counts[known].items() if count == most))
    return float(np.mean(right))


def looked(past: str, length: int, counts: dict[str, Counter[object]]) -> bool:
    return length <= len(past) and (past[len(past) - length :]) in counts


@pytest.mark.parametrize("spec", ["reber", "tomita:3"])
def test_tables_are_those_that_dictionaries_count(spec: str) -> None:
    pattern = parse(spec)
    fit, test = draw_text(pattern, 60, 1), draw_text(pattern, 300, 2)
    found = readouts({}, fit, test)
    for k in range(1, 6):
        name = "last character" if k == 1 else f"last {k} characters"
        assert scores(found, "node")[name] == pytest.approx(counted_accuracy(fit, test, "node", k), abs=1e-12)


def test_tables_of_labels_without_any_order_are_those_of_dictionaries_and_stop_at_marks() -> None:
    rng = np.random.default_rng(5)
    fit, test = (
        LabelledText("#" + "".join(rng.choice(list("##ab"), 399)), {"class": rng.integers(-1, 3, 400)}, "#")
        for _ in range(2)
    )
    found = list(scores(readouts({}, fit, test), "class").values())
    assert found == pytest.approx([counted_accuracy(fit, test, "class", k) for k in range(1, 6)], abs=1e-12)
    assert len(set(found)) > 3


@pytest.mark.parametrize("cell", CELLS)
def test_states_of_every_cell_are_read(cell: str) -> None:
    torch.manual_seed(0)
    pattern = parse("tomita:3")
    net = map_of_net(CharRNN(3, 4, cell, encoding="onehot"), "#01", mark="#")
    found = scores(readouts({"untrained": net}, draw_text(pattern, 200, 1), draw_text(pattern, 200, 2)), "state")
    assert found["untrained"] > 0.4


def test_labels_become_numbers_vectors_and_classes() -> None:
    text = label_text(parse("anbn"), "#aabb#")
    assert text.mark == "#"
    np.testing.assert_array_equal(text.labels["count_a"], [0, 1, 2, np.nan, np.nan, 0])
    assert applies(text.labels["left_b"]).tolist() == [False, False, False, True, True, False]
    beliefs = label_text(parse("hmm:mess3"), "010").labels
    assert beliefs["belief"].shape == (3, 3)
    assert beliefs["belief"].sum(1) == pytest.approx(1)
    assert draw_text(parse("anbn"), 50, 1).text != draw_text(parse("anbn"), 50, 2).text
    assert applies(np.array(["", "a"])).tolist() == [False, True]
    assert applies(np.array([False, True])).all()


SPECS = [family.example for family in Pattern.families.values() if not family.needs_file]


@pytest.mark.parametrize("spec", SPECS)
def test_numbers_are_whole_number_labels_that_are_no_state(spec: str) -> None:
    pattern = parse(spec)
    labels = pattern.labels("")
    assert "state" not in pattern.number_labels
    named = [labels[name] for name in pattern.number_labels if name in labels]
    assert all(value_t.dtype == np.int64 for value_t in named)
    assert bool(named) == bool(pattern.number_labels)


def test_what_cannot_be_read_out_is_said() -> None:
    net, fit, test = known_texts()
    fewer = dataclasses.replace(test, labels={"exact": test.labels["exact"]})
    with pytest.raises(ValueError, match=r"the labels of the two texts are exact, .* and exact; allowed: .*the same"):
        readouts({}, fit, fewer)
    short = dataclasses.replace(test, labels={**test.labels, "third": test.labels["third"][:5]})
    with pytest.raises(ValueError, match="third has 5 values for 4000 characters; allowed: one for each"):
        readouts({}, fit, short)
    nowhere = dataclasses.replace(test, labels={**test.labels, "exact": np.full(4000, np.nan)})
    with pytest.raises(ValueError, match="exact applies at none of 4000 positions"):
        readouts({}, fit, nowhere)
    infinite = dataclasses.replace(net, start=(net.start[0] + torch.inf,))
    with pytest.raises(ValueError, match="states of the net sick are not finite"):
        readouts({"sick": infinite}, fit, test)
