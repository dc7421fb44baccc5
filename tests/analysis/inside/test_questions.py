"""Questions asked of nets whose steps are set by hand, so that the answers are known."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.dynamics import NetMap, machine_of_pattern, map_of_module, map_of_net
from analysis.inside import QUESTIONS, DoesNotApplyError, Subject, make_subject
from analysis.inside.subject import MAX_CLASSES
from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.nets.cell import State
from rnn_core.patterns import Pattern, parse
from tests.analysis.dynamics.hand_made_nets import automaton_net, bits_net


def untrained(pattern: Pattern, hidden_size: int = 3, cell: str = "gru", seed: int = 0) -> NetMap:
    """Return a net with the weights that it begins with."""
    prepared = prepare(TrainConfig(pattern=pattern.spec, length=60, hidden_size=hidden_size, cell=cell, seed=seed))
    return map_of_net(prepared.build_net(), pattern.alphabet, pattern.outputs, pattern.mark)


def about(spec: str, trained: NetMap | None = None, characters: int = 400, hidden_size: int = 3) -> Subject:
    pattern = parse(spec)
    return make_subject(pattern, trained or untrained(pattern), untrained(pattern, hidden_size, seed=1), characters)


def fading(pattern: Pattern, share: float) -> NetMap:
    """A net that keeps a share of its state at each step, and expects the character that follows in abc."""
    after_vw = 9 * torch.eye(3, dtype=torch.float64).roll(1, 1)

    def step(input_nv: Tensor, state: State) -> tuple[Tensor, State]:
        return input_nv @ after_vw, (share * state[0] + input_nv,)

    return NetMap(step, (torch.zeros(3).double(),), torch.eye(3).double(), "abc", "abc", ["h"], pattern.mark)


def counter() -> NetMap:
    """A net for anbn whose first number is how many a there are without their b; after the first b the second is 1."""

    def step(input_nv: Tensor, state: State) -> tuple[Tensor, State]:
        change_n = input_nv @ torch.tensor([0.0, 1.0, -1.0]).double()
        count_n, ends_n = state[0][:, 0] + change_n, torch.maximum(state[0][:, 1], input_nv[:, 2])
        may_n = count_n > 0
        mark_n, a_n = (~may_n & (ends_n > 0)), ends_n == 0
        logits_nw = 20 * torch.stack([mark_n, a_n, may_n], 1).double()
        return logits_nw, (torch.stack([count_n, ends_n], 1),)

    return NetMap(step, (torch.zeros(2).double(),), torch.eye(3).double(), "#ab", "#ab", ["h"], "#")


def test_the_net_that_is_the_automaton_is_found_equal_and_its_states_are_read_and_exchanged() -> None:
    pattern = parse("reber")
    subject = about("reber", automaton_net(pattern, idle=4), 600, hidden_size=12)
    found = QUESTIONS["automaton"](subject)
    size = machine_of_pattern(pattern).machine.size
    assert found.metrics == {"automaton_states": size, "automaton_equal": 1.0}
    assert f"trained net beside the pattern: equal: {size} states, no counterexample among " in found.lines[0]
    assert found.lines[1] == "untrained net beside the pattern: not equal"
    table = found.tables["automaton"]
    assert len(table) == size
    assert set(table["output"]) >= {"B", "PT"}
    read = QUESTIONS["readouts"](subject).tables["readouts"].set_index(["label", "predictor"])["score"]
    assert read["node", "trained"] == 1
    assert read["node", "untrained"] < 1
    causes = QUESTIONS["causes"](subject)
    rows = causes.tables["interchange"].set_index(["label", "net", "exchanged"])["accuracy"]
    expected = np.mean([rows[label, "trained", "subspace"] for label in rows.index.unique("label")])
    assert causes.metrics == {"interchange_accuracy": pytest.approx(expected)}
    assert expected == 1
    # The nodes of its graph are the states of its automaton.
    assert list(rows.index.unique("label")) == ["node"]
    assert "state: not asked: node tells the same by other names of its values" in causes.lines
    assert rows.loc[:, "trained", "random"].max() < 1
    alike = causes.tables["consistency"].set_index("net")
    assert alike.loc["trained", ["agree", "right"]].tolist() == [1, 1]
    assert alike.loc["untrained", "right"] == 0
    said = [line for line in causes.lines if line.startswith("after texts that lead the pattern to one state: ")]
    pairs, prefixes = alike.loc["trained", "pairs"], alike.loc["trained", "prefixes"]
    assert f"answers alike after 100.0% of {pairs} pairs of them, and rightly after 100.0% of {prefixes} t" in said[0]
    assert not causes.lines[-1].endswith("on the same text"), "two texts were drawn"


def test_what_is_left_out_and_what_is_not_random_is_said() -> None:
    subject = about("anbn", counter())
    still = np.full(len(subject.asked_text.text), 3)
    labels = {**subject.asked_text.labels, "still": still, "left_b": np.where(still == 3, 7.0, np.nan)}
    subject = dataclasses.replace(subject, asked_text=dataclasses.replace(subject.asked_text, labels=labels))
    fitted = dataclasses.replace(subject.fitted_text, labels={**subject.fitted_text.labels, "still": still})
    lines = QUESTIONS["causes"](dataclasses.replace(subject, fitted_text=fitted)).lines
    assert any(line.startswith("still: not asked: still has one value in ") for line in lines)
    assert "consistency: not asked: anbn has no automaton; allowed: patterns with finitely many states" in lines
    lines = QUESTIONS["counting"](subject).lines
    assert lines[-1] == "left_b: not asked: no phase has 3 different counts; allowed: one or more that have"
    motif = about("aab")
    assert motif.fitted_text.text == motif.asked_text.text
    for question in ("readouts", "causes"):
        assert (
            QUESTIONS[question](motif).lines[-1] == "aab is not random: what was fitted was measured on the same text"
        )


def test_a_wrong_net_is_found_unequal_and_one_state_is_one_state() -> None:
    found = QUESTIONS["automaton"](about("tomita:3"))
    assert found.metrics["automaton_equal"] == 0
    assert "not equal: after '10' the net allows # 0 1, the pattern 0; the net has 1 state (" in found.lines[0]


def test_the_four_memories_of_a_flipflop_of_two_bits_are_four_points_of_rest() -> None:
    found = QUESTIONS["fixed_points"](about("flipflop:2", bits_net()))
    assert found.metrics == {"limit_points": 4.0}
    assert found.lines[0].startswith("'.' is read again and again, of 5 characters the first ")
    at_rest = "trained net: 100 of 100 visited states come to rest, at 4 points (in a continuum of up to 2 dimensions: "
    assert found.lines[1].startswith(at_rest), "this net can hold any two numbers"
    assert "(in a continuum of up to 2 dimensions)" in found.lines[1]
    table = found.tables["limit_points"].set_index(["net", "character"])["limit_points"]
    assert table["trained", "."] == 4
    assert table["trained", "A"] == 2, "the other bit is held"


@pytest.mark.parametrize(("share", "meaning"), [(0.5, "die out"), (1.0, "last"), (1 + 1e-12, "last"), (1.01, "grow")])
def test_exponents_are_the_logarithm_of_what_is_kept(share: float, meaning: str) -> None:
    found = QUESTIONS["exponents"](about("abc", fading(parse("abc"), share)))
    table = found.tables["exponents"].set_index("net")
    assert table.loc["trained", "exponent"].to_numpy() == pytest.approx(math.log(share), abs=1e-12)
    assert found.lines[0].startswith("trained net reading abc: the largest Lyapunov exponent is ")
    assert found.lines[0].endswith(f"so small disturbances {meaning}")


def test_where_nothing_is_kept_every_disturbance_is_gone() -> None:
    subject = about("abc", fading(parse("abc"), 0.0))
    assert "gone after finitely many characters" in QUESTIONS["exponents"](subject).lines[0]
    assert "gone after finitely many characters" in QUESTIONS["cycle"](subject).lines[1]


def test_the_cycle_of_a_net_that_fades_forgets_as_it_fades() -> None:
    found = QUESTIONS["cycle"](about("abc", fading(parse("abc"), 0.5)))
    assert found.tables["multipliers"]["modulus"].to_numpy() == pytest.approx(0.5**3)
    assert "a cycle of 3 characters, " in found.lines[0]
    assert found.lines[1] == f"a small disturbance falls to 1/e within {1 / math.log(2):.3g} characters"
    assert "for 60 characters after every disturbance of the state that was tried" in found.lines[2]


def test_a_net_that_counts_is_seen_to_count() -> None:
    found = QUESTIONS["counting"](about("anbn", counter()))
    table = found.tables["counting"].set_index(["count", "phase", "number"])
    row = table.loc["count_a", "a", "h 0"]
    assert (row["slope"], row["r2"]) == (pytest.approx(1), pytest.approx(1))
    assert row["reach"] == row["last"]
    said = "count_a: h 0 follows it best: it changes by 1 a count after 'a' (R² 1.000), and keeps count up to "
    assert found.lines[0] == f"{said}{row['last']:.0f}, where the text goes to {row['last']:.0f}"
    assert found.pictures.keys() == {"counting_count_a", "counting_left_b"}


def test_a_net_whose_state_never_changes_does_not_count() -> None:
    start, inputs = (torch.zeros(2).double(),), torch.eye(3).double()
    still = NetMap(lambda x, state: (x, tuple(part * 1 for part in state)), start, inputs, "#ab", "#ab", ["h"], "#")
    assert "no number of the state changes" in QUESTIONS["counting"](about("anbn", still)).lines[0]


def test_a_net_of_ones_own_is_asked_without_a_run() -> None:
    torch.manual_seed(0)
    pattern = parse("abc")
    trained, fresh = (map_of_module(nn.GRU(3, 4), nn.Linear(4, 3), pattern.alphabet) for _ in range(2))
    found = QUESTIONS["exponents"](make_subject(pattern, trained, fresh, 300))
    assert {line.split(" net ")[0] for line in found.lines} == {"trained", "untrained"}


def test_a_net_of_another_alphabet_is_refused() -> None:
    pattern = parse("abc")
    with pytest.raises(ValueError, match="the net reads '#ab'; allowed: 'abc', as abc has it"):
        make_subject(pattern, untrained(pattern), counter())
    strings = parse("tomita:3")
    unmarked = map_of_net(prepare(TrainConfig(pattern="tomita:3", length=60)).build_net(), "#01")
    with pytest.raises(ValueError, match="the net begins anew at ''; allowed: '#'"):
        make_subject(strings, unmarked, unmarked)


def test_labels_with_too_many_values_and_those_that_apply_nowhere_are_left_out() -> None:
    subject = about("ereber", characters=60)
    assert subject.fitted_text.labels.keys() == subject.asked_text.labels.keys()
    assert all(
        value_t.dtype.kind == "f" or len(np.unique(value_t)) <= MAX_CLASSES
        for value_t in subject.asked_text.labels.values()
    )
    assert not {"history"} & about("copy:3:delay=5", characters=60).asked_text.labels.keys()


@pytest.mark.parametrize(
    ("question", "spec", "why"),
    [
        ("cycle", "anbn", "the net does not write an endless stream"),
        ("exponents", "anbn", "the longest string has "),
        ("automaton", "hmm:mess3", "the machine of hmm:mess3 is unknown"),
        ("automaton", "markov:order=1:alphabet=2:seed=0", "allows every character"),
        ("automaton", "copy:10:delay=100", "has more than 10,000 states up to depth 8"),
        ("counting", "abc", "abc counts nothing"),
        ("causes", "hmm:mess3", "has no labels that could be exchanged"),
    ],
)
def test_a_question_that_has_no_meaning_says_why(question: str, spec: str, why: str) -> None:
    with pytest.raises(DoesNotApplyError, match=why):
        QUESTIONS[question](about(spec, characters=100))
