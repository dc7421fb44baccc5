"""The table of generalization: against a slow judge, string by string, and on nets whose errors were planted."""

import dataclasses
import itertools
import math
import re
from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn

from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare, prepare_all
from rnn_core.measures.queries import QueriedNet
from rnn_core.measures.reach import reach
from rnn_core.nets.charrnn import CharRNN
from rnn_core.patterns import Pattern
from rnn_core.patterns.shared.cases import ReachRow
from rnn_core.patterns.shared.oracle import Oracle
from rnn_core.patterns.tomita import Tomita
from rnn_core.training import train

pytestmark = pytest.mark.usefixtures("few_cases", "pulses")


def generalize(net: CharRNN, prepared: Prepared) -> tuple[list[ReachRow], dict[str, float]]:
    """Judge a net on its pattern's cases, and on what its family asks beside."""
    rows, metrics = reach(net, prepared)
    examined, more = prepared.pattern.examine(QueriedNet(net, prepared), prepared.config.length, prepared.data.ranges)
    return [*rows, *more], metrics | examined


class Oracled(nn.Module):
    """Has CharRNN's interface, and predicts what an oracle does, but for what it is told to say after some texts."""

    def __init__(self, oracle: Oracle, says: Mapping[str, Mapping[str, float]]) -> None:
        super().__init__()
        self.oracle, self.says = oracle, says
        self.largest_numbers_per_step = len(oracle.vocabulary)
        self.recurrent, self.readout = nn.RNN(1, 1), nn.Linear(1, self.largest_numbers_per_step)
        self.texts = [""]  # the state is the number of what was read

    def init_state(self, batch_size: int) -> tuple[Tensor]:
        return (torch.zeros(1, batch_size, 1, dtype=torch.int64),)

    def encode(self, indices_bt: Tensor) -> Tensor:
        return indices_bt

    def forward(self, x: Tensor, state: tuple[Tensor]) -> tuple[Tensor, tuple[Tensor]]:
        vocabulary, states, rows = self.oracle.vocabulary, [], []
        for number, indices_t in zip(state[0][0, :, 0].tolist(), x, strict=True):
            before = self.texts[number]
            text = before + vocabulary.decode(indices_t)
            some = vocabulary.characters[0]  # whatever stands there does not change its own distribution
            row = torch.from_numpy(self.oracle.distributions(text + some)[len(before) + 1 :].copy())
            for at in range(len(row)):
                if (said := self.says.get(text[: len(before) + at + 1])) is not None:
                    row[at] = torch.tensor([said.get(character, 0.0) for character in vocabulary.characters])
            rows.append(row)
            self.texts.append(text)
            states.append(len(self.texts) - 1)
        return torch.stack(rows).clamp(min=1e-30).log(), (torch.tensor(states).reshape(1, -1, 1),)


def judge(
    config: TrainConfig, says: Mapping[str, Mapping[str, float]] | None = None
) -> tuple[dict[tuple[str, int], ReachRow], dict[str, float]]:
    """Generalize a net that knows everything but for what it is told to say."""
    prepared = prepare(config)
    assert prepared.pattern.wide_oracle is not None
    rows, metrics = generalize(Oracled(prepared.pattern.wide_oracle, says or {}), prepared)  # type: ignore[arg-type]
    assert len({(row.measure, row.size) for row in rows}) == len(rows)
    return {(row.measure, row.size): row for row in rows}, metrics


ANBN = TrainConfig(pattern="anbn", length=300)


def test_a_state_that_has_overflowed_says_nothing_right() -> None:
    prepared = prepare(dataclasses.replace(ANBN, cell="irnn", hidden_size=2, encoding="onehot"))
    net = prepared.record.build_net().eval()
    for name, weight in net.recurrent.named_parameters():
        weight.data = 1000 * torch.eye(2) if name == "weight_hh_l0" else torch.ones_like(weight)
    rows, metrics = generalize(net, prepared)
    overflowed = [row for row in rows if row.size > 13]  # the state overflows while it reads the a
    assert overflowed
    assert all(math.isnan(row.loss_sum) and row.decidable_right == 0 for row in overflowed)
    assert all(map(math.isfinite, metrics.values()))


BOTH = {"whole_strings", "beyond_strings"}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("anbn", BOTH | {"beyond_accuracy", "longest_right"}),
        ("ambncmn", BOTH | {"beyond_accuracy", "longest_right"}),
        ("ereber", BOTH | {"beyond_accuracy", "symbol_distance_right", "symbol_distance_beyond"}),
        ("dyck:2", BOTH | {"beyond_accuracy", "depth_right", "depth_beyond"}),
        ("parity:longest=5", BOTH | {"beyond_accuracy"}),
        ("pulses:2", {"gap_right", "gap_beyond"}),
        ("tomita:5", BOTH | {"false_accepts", "false_rejects"}),
        ("elman", {"place_in_word_right"}),
    ],
)
def test_a_net_that_knows_everything_has_everything_right(pattern: str, names: set[str]) -> None:
    rows, metrics = judge(TrainConfig(pattern=pattern, length=300))
    for row in rows.values():
        assert row.cases_right == row.cases > 0
        assert row.steps_right == row.steps
        assert row.decidable_right == row.decidable
    assert metrics == {
        name: {"longest_right": 30, "false_accepts": 0, "false_rejects": 0}.get(name, 1) for name in names
    }


def test_sizes_within_what_was_trained_on_are_told_from_those_beyond() -> None:
    rows, _ = judge(ANBN)
    longest = max(len(string) // 2 for string in prepare(ANBN).text[1:-1].split("#"))
    assert 3 < longest < 30
    assert [(measure, size, row.trained) for (measure, size), row in rows.items()] == [
        ("n", size, size <= longest) for size in range(1, 31)
    ]
    for size, row in enumerate(rows.values(), start=1):
        # After each a but the first mark, an a or a b may come; the rest is certain, and so is the first a.
        assert (row.cases, row.steps, row.decidable) == (1, 2 * size + 1, size + 1)
        paid = -(size - 1) * math.log(0.7) - math.log(0.3)
        assert row.loss_sum == pytest.approx(paid, abs=1e-4)


def worse(says: Mapping[str, Mapping[str, float]], config: TrainConfig = ANBN) -> dict[tuple[str, int], dict[str, int]]:
    """Return for each row with an error by how much it is worse than all right: the difference in each column."""
    difference = {}
    for key, row in judge(config, says)[0].items():
        wrong = {
            "cases": row.cases - row.cases_right,
            "steps": row.steps - row.steps_right,
            "decidable": row.decidable - row.decidable_right,
        }
        if any(wrong.values()):
            difference[key] = wrong
    return difference


def test_a_wrong_certain_character_is_counted_where_it_is() -> None:
    says = {"#" + "a" * 5 + "b" * 5: {"b": 0.6, "#": 0.4}}
    assert worse(says) == {("n", 5): {"cases": 1, "steps": 1, "decidable": 1}}
    rows, metrics = judge(ANBN, says)
    longest = max(row.size for row in rows.values() if row.trained)
    assert longest >= 5
    assert metrics == {
        "whole_strings": pytest.approx((longest - 1) / longest),
        "beyond_strings": 1.0,
        "beyond_accuracy": 1.0,
        "longest_right": 4,
    }


def test_an_error_beyond_the_trained_range_is_counted_there() -> None:
    says = {"#" + "a" * 29 + "b" * at: {"#": 1.0} for at in (3, 4)}
    assert worse(says) == {("n", 29): {"cases": 1, "steps": 2, "decidable": 2}}
    rows, metrics = judge(ANBN, says)
    beyond = [row for row in rows.values() if not row.trained]
    assert metrics["whole_strings"] == 1.0
    assert metrics["beyond_strings"] == pytest.approx(1 - 1 / len(beyond))
    assert metrics["beyond_accuracy"] == pytest.approx(1 - 2 / sum(row.size + 1 for row in beyond))
    assert metrics["longest_right"] == 28


def test_where_several_characters_may_come_all_but_those_are_wrong_above_a_hundredth() -> None:
    one = {"cases": 1, "steps": 1, "decidable": 0}
    assert worse({"#aaa": {"a": 0.589, "b": 0.4, "#": 0.011}}) == {("n", size): one for size in range(3, 31)}
    assert worse({"#aaa": {"a": 0.591, "b": 0.4, "#": 0.009}}) == {}


def test_where_several_characters_may_come_the_one_that_came_is_right_above_a_hundredth() -> None:
    one = {"cases": 1, "steps": 1, "decidable": 0}
    assert worse({"#aaa": {"a": 0.991, "b": 0.009}}) == {("n", 3): one}
    assert worse({"#aaa": {"a": 0.009, "b": 0.991}}) == {("n", size): one for size in range(4, 31)}
    assert worse({"#aaa": {"a": 0.011, "b": 0.989}}) == {}


@pytest.mark.parametrize("pattern", ["anbn:uniform=200", "anbn:geometric=0.005"])
@pytest.mark.parametrize(
    ("says", "wrong"),
    [
        ({}, set()),
        # A b ends the count with probability 0.005 or little more: half of that is the least that is allowed.
        ({"#aaa": {"a": 0.9974, "b": 0.0026}}, set()),
        ({"#aaa": {"a": 0.9976, "b": 0.0024}}, {3}),
        ({"#aaa": {"a": 0.9, "b": 0.0976, "#": 0.0024}}, set()),
        ({"#aaa": {"a": 0.9, "b": 0.0974, "#": 0.0026}}, set(range(3, 31))),
    ],
)
def test_what_is_rarer_than_a_hundredth_is_allowed_from_half_of_what_the_oracle_gives_it(
    pattern: str, says: dict[str, dict[str, float]], wrong: set[int]
) -> None:
    prepared = prepare(TrainConfig(pattern=pattern, length=300))
    assert prepared.pattern.oracle is not None
    rows, metrics = generalize(Oracled(prepared.pattern.oracle, says), prepared)  # type: ignore[arg-type]
    assert {row.size for row in rows if row.cases_right < row.cases} == wrong
    assert metrics["longest_right"] == min(wrong, default=31) - 1


def test_where_only_one_character_may_come_it_needs_to_be_the_likeliest_and_no_more() -> None:
    assert worse({"#ab": {"#": 0.4, "a": 0.3, "b": 0.3}}) == {}
    assert worse({"#ab": {"#": 0.3, "a": 0.4, "b": 0.3}}) == {("n", 1): {"cases": 1, "steps": 1, "decidable": 1}}


def test_the_long_range_symbol_is_judged_apart() -> None:
    config = TrainConfig(pattern="ereber", length=300)
    text = next(case.text for case in cases_of(config) if case.measure == "symbol_distance")
    one = {"cases": 1, "steps": 1, "decidable": 1}
    size = len(text) - 2
    wrong = "P" if text[-3] == "T" else "T"
    # From the third character to the third from the end: that far the letter must be remembered.
    distance = len(text) - 5
    assert worse({text[:-3]: {wrong: 1.0}}, config) == {("length", size): one, ("symbol_distance", distance): one}
    assert worse({text[:-2]: {"B": 1.0}}, config) == {("length", size): one}


def cases_of(config: TrainConfig) -> list:
    prepared = prepare(config)
    return prepared.pattern.cases(prepared.evaluation, prepared.text, config.data_seed)


def test_outside_the_answer_nothing_is_judged() -> None:
    config = TrainConfig(pattern="parity:longest=5", length=300)
    assert worse({"#1": {"#": 1.0}, "#": {"=": 1.0}, "#0": {"#": 1.0}}, config) == {}
    text = next(case.text for case in cases_of(config) if "=1" in case.text)
    size = text.index("=") - 1
    assert worse({text[:-2]: {"0": 1.0}}, config) == {("length", size): {"cases": 1, "steps": 1, "decidable": 1}}


class Trained:
    """A net that knows something but not all, and what it was trained on."""

    def __init__(self, pattern: str, length: int = 500, epochs: int = 6) -> None:
        config = TrainConfig(pattern=pattern, length=length, cell="gru", encoding="onehot", batch_size=4, epochs=epochs)
        config = dataclasses.replace(config, window=20, learning_rate=0.03)
        self.prepared = prepare(config)
        *_, last = train(self.prepared)
        self.net: CharRNN = last.net

    def probabilities(self, prefix: str) -> dict[str, float]:
        """Return the net's next-character distribution after a text, read alone from a zero state."""
        with torch.no_grad():
            x = self.net.encode(self.prepared.vocabulary.encode(prefix)[None])
            probabilities_v = self.net(x, self.net.init_state(1))[0][0, -1].softmax(-1)
        return dict(zip(self.prepared.vocabulary.characters, probabilities_v.tolist(), strict=True))


def step_by_step(trained: Trained) -> dict[tuple[str, int], list[float]]:
    """Judge case by case and character by character; return the counts of each ReachRow in the order of its fields."""
    prepared = trained.prepared
    pattern: Pattern = prepared.pattern
    scored = {"parity": lambda text, at: at > text.index("="), "pulses": lambda text, at: text[at] in "01"}
    counts = scored.get(pattern.family, lambda text, at: True)
    rows: dict[tuple[str, int], list[float]] = {}
    for case in pattern.cases(prepared.evaluation, prepared.text, 0):
        text, oracle = case.text, pattern.oracle
        assert oracle is not None
        if any(math.isinf(log_prob) for log_prob in oracle.log_probs(text)):
            assert pattern.wide_oracle is not None
            oracle = pattern.wide_oracle
        row = rows.setdefault((case.measure, case.size), [0.0] * 7)
        all_right = True
        for at in range(1, len(text)):
            if not counts(text, at) or (case.judged is not None and at not in case.judged):
                continue
            says = trained.probabilities(text[:at])
            possible = {c: share for c, share in oracle.next_distribution(text[:at]).items() if share > 0}
            assert text[at] in possible
            if len(possible) == 1:
                right = max(says, key=lambda character: says[character]) == text[at]
                row[4] += 1
                row[5] += right
            else:
                least = min(0.01, min(possible.values()) / 2)
                right = says[text[at]] > least and all(says[c] <= least for c in says if c not in possible)
            row[2] += 1
            row[3] += right
            row[6] -= math.log(says[text[at]])
            all_right = all_right and right
        row[0] += 1
        row[1] += all_right
    return rows


@pytest.mark.parametrize(
    ("pattern", "length", "epochs"),
    [
        pytest.param("anbn", 500, 6, marks=pytest.mark.slow),
        ("anbn:uniform=4", 500, 6),
        pytest.param("dyck:2:depth=2", 40, 20, marks=pytest.mark.slow),
        ("parity:longest=3", 500, 1),
        ("pulses:2", 100, 1),
        ("ereber", 500, 6),
        ("elman", 300, 2),
    ],
)
def test_rows_are_those_of_a_judge_who_reads_each_case_alone_step_by_step(
    pattern: str, length: int, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnn_core.patterns.counting.MAX_TEST_COUNT", 16)
    trained = Trained(pattern, length, epochs)
    slow = step_by_step(trained)
    rows, metrics = generalize(trained.net, trained.prepared)
    names = [field.name for field in dataclasses.fields(ReachRow)][3:]
    came = {(row.measure, row.size): [getattr(row, name) for name in names] for row in rows}
    assert came.keys() == slow.keys()
    for key, counts in came.items():
        assert counts[:-1] == slow[key][:-1], key
        assert counts[-1] == pytest.approx(slow[key][-1], rel=1e-4, abs=1e-4)
    assert sum(counts[3] for counts in slow.values()) < sum(counts[2] for counts in slow.values()), "errors are made"
    assert any(counts[3] for counts in slow.values()), "and something is right"
    check_summary(rows, metrics, trained.prepared.pattern)


def check_summary(rows: list[ReachRow], metrics: dict[str, float], pattern: Pattern) -> None:
    """Compare the key numbers with the rows that they sum up."""
    main = rows[0].measure if "#" in pattern.alphabet else None
    expected: dict[str, float] = {}
    for row in rows:
        if row.measure == main:
            name = "whole_strings" if row.trained else "beyond_strings"
        else:
            name = f"{row.measure}_right" if row.trained else f"{row.measure}_beyond"
        alike = [other for other in rows if (other.measure, other.trained) == (row.measure, row.trained)]
        expected[name] = sum(other.cases_right for other in alike) / sum(other.cases for other in alike)
    beyond = [row for row in rows if row.measure == main and not row.trained]
    if decidable := sum(row.decidable for row in beyond):
        expected["beyond_accuracy"] = sum(row.decidable_right for row in beyond) / decidable
    if pattern.family.startswith("a"):  # the counting languages
        whole = itertools.takewhile(lambda row: row.cases_right == row.cases, rows)
        expected["longest_right"] = max((row.size for row in whole), default=0)
    assert metrics == pytest.approx(expected)


@pytest.mark.parametrize(
    "family", sorted(name for name, family in Pattern.families.items() if name != "unit" and not family.needs_file)
)
def test_nets_judged_on_shared_data_come_to_what_they_come_to_alone(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = TrainConfig(pattern=Pattern.families[family].example, length=200, encoding="onehot")
    other = dataclasses.replace(some, cell="gru", hidden_size=40, seed=1, batch_size=2)
    members = prepare_all([some, other])
    nets = [member.build_net() for member in members]
    alone = [generalize(net, prepare(config)) for net, config in zip(nets, (some, other), strict=True)]
    for _ in range(2):
        assert [generalize(net, member) for net, member in zip(nets, members, strict=True)] == alone
        monkeypatch.setattr(members[0].pattern, "cases", None)  # the cases are drawn once
        monkeypatch.setattr(members[0].pattern, "oracle", None)  # and the oracle is asked once


@pytest.mark.parametrize("most", [1, 1000])
def test_how_many_cases_are_read_side_by_side_changes_nothing(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = Trained("reber")
    at_once, _ = generalize(trained.net, trained.prepared)
    monkeypatch.setattr("rnn_core.nets.reading.MAX_TENSOR_NUMBERS", most)
    for one, other in zip(at_once, generalize(trained.net, trained.prepared)[0], strict=True):
        assert dataclasses.replace(one, loss_sum=0) == dataclasses.replace(other, loss_sum=0)
        assert one.loss_sum == pytest.approx(other.loss_sum, rel=1e-5)


MEMBERS: dict[int, Callable[[str], bool]] = {
    1: lambda string: "0" not in string,
    2: lambda string: re.fullmatch("(10)*", string) is not None,
    4: lambda string: "000" not in string,
    5: lambda string: string.count("0") % 2 == string.count("1") % 2 == 0,
    7: lambda string: re.fullmatch("0*1*0*1*", string) is not None,
}


@pytest.mark.parametrize("number", [4, 7, *(pytest.param(number, marks=pytest.mark.slow) for number in (1, 2, 5))])
def test_all_strings_are_classified_as_if_each_had_been_asked_alone(number: int) -> None:
    trained = Trained(f"tomita:{number}")
    longest = max(map(len, trained.prepared.text[1:-1].split("#")))
    rows, accepts, rejects = [], 0, 0
    for length in range(7):
        right = 0
        for string in map("".join, itertools.product("01", repeat=length)):
            text = f"#{string}#"
            accepted = all(trained.probabilities(text[:at])[text[at]] > 0.01 for at in range(1, len(text)))
            member = MEMBERS[number](string)
            accepts += accepted and not member
            rejects += member and not accepted
            right += accepted == member
        rows.append(ReachRow("classified_length", length, length <= longest, 2**length, right))
    came, metrics = generalize(trained.net, trained.prepared)
    assert [row for row in came if row.measure == "classified_length"] == rows
    assert (metrics["false_accepts"], metrics["false_rejects"]) == (accepts, rejects)


@pytest.mark.parametrize(
    ("says", "accepts", "rejects"),
    [
        # Once 000 was let through, the oracle knows nothing more, and everything is allowed.
        ({"#00": {"0": 0.1, "1": 0.8, "#": 0.1}}, 1 + 2 + 4 + 8, 0),
        ({"#00": {"0": 0.009, "1": 0.891, "#": 0.1}}, 0, 0),
        ({"#11": {"0": 0.5, "1": 0.5}}, 0, 1),
        ({"#01111": {"0": 0.5, "#": 0.5}}, 0, 1),
        # Of 1, 2, 4 ... strings without 000 all but the empty one: each as many as the three lengths before together.
        ({"#": {"#": 1.0}}, 0, 2 + 4 + 7 + 13 + 24 + 44),
    ],
)
def test_planted_errors_are_false_accepts_and_false_rejects(
    says: dict[str, dict[str, float]], accepts: int, rejects: int
) -> None:
    prepared: Prepared = prepare(TrainConfig(pattern="tomita:4", length=300))
    assert isinstance(prepared.pattern, Tomita)
    assert prepared.pattern.oracle is not None
    net = Oracled(prepared.pattern.oracle, says)
    questioned = QueriedNet(net, prepared)  # type: ignore[arg-type]
    wrong, rows = prepared.pattern.examine(questioned, 300, prepared.data.ranges)
    assert wrong == {"false_accepts": accepts, "false_rejects": rejects}
    assert sum(row.cases - row.cases_right for row in rows) == accepts + rejects
    assert [row.cases for row in rows] == [1, 2, 4, 8, 16, 32, 64]


@pytest.mark.parametrize("pattern", ["abc", "markov:order=1:alphabet=3:seed=0", "noisy:ab:0.2"])
def test_a_pattern_without_cases_has_no_table(pattern: str) -> None:
    prepared = prepare(TrainConfig(pattern=pattern, length=50))
    assert reach(prepared.build_net(), prepared) == ([], {})


@pytest.mark.parametrize("training", [True, False])
def test_judging_a_net_does_not_change_it(training: bool) -> None:
    prepared = prepare(TrainConfig(pattern="tomita:4", length=100))
    net = prepared.build_net().train(training)
    before, state = [weight.detach().clone() for weight in net.parameters()], torch.get_rng_state()
    generalize(net, prepared)
    assert net.training is training
    assert torch.is_grad_enabled()
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))
    assert all(weight.grad is None for weight in net.parameters())
