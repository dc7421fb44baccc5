"""Hidden Markov sources: their filter against sums over all hidden paths, and the files that they come from."""

import itertools
import math
import re
import tomllib
from fractions import Fraction
from pathlib import Path
from random import Random

import numpy as np
import pytest

from rnn_core.config import ConfigError, TrainConfig
from rnn_core.data import prepare
from rnn_core.patterns import Pattern, parse
from tests.conftest import PROJECT
from tests.rnn_core.test_oracles import agrees, all_strings

# Mess3 from its definition: a state stays with 0.9, and the symbol tells the state entered with 0.85.
MESS3_VSS = np.array(
    [
        [[(0.9 if i == j else 0.05) * (0.85 if symbol == j else 0.075) for j in range(3)] for i in range(3)]
        for symbol in range(3)
    ]
)

EVEN = """
[matrices]
a = [[0.5, 0.0], [0.0, 0.0]]
b = [[0.0, 0.5], [1.0, 0.0]]
"""

SOURCES = {
    "even": (EVEN, [Fraction(2, 3), Fraction(1, 3)]),
    # Two states in turn, so that only the phase is random.
    "turns": ("[matrices]\na = [[0, 1], [0, 0]]\nb = [[0, 0], [1, 0]]", [Fraction(1, 2), Fraction(1, 2)]),
    # State 0 is left for ever.
    "left": (
        "[matrices]\nx = [[0.5, 0.25, 0], [0, 0.25, 0.5], [0, 0.5, 0]]\n"
        "'#' = [[0, 0, 0.25], [0, 0.25, 0], [0, 0, 0.5]]",
        [Fraction(0), Fraction(1, 2), Fraction(1, 2)],
    ),
    "one state": ('[matrices]\na = [[0.25]]\n"é" = [[0.75]]', [Fraction(1)]),
}
"""Files of sources with numbers that floats hold exactly, and their stationary distributions."""


def source(folder: Path, text: str) -> Pattern:
    path = folder / "source.toml"
    path.write_text(text, encoding="utf-8")
    return parse(f"hmm:{path}")


def path_sums(text: str, word: str, prior: list[Fraction]) -> list[Fraction]:
    """Return for each last hidden state the probability of it and a word, summed over all hidden paths one by one."""
    matrices = tomllib.loads(text)["matrices"]
    sums = [Fraction(0)] * len(prior)
    for path in itertools.product(range(len(prior)), repeat=len(word) + 1):
        steps = zip(word, itertools.pairwise(path), strict=True)
        sums[path[-1]] += math.prod((Fraction(matrices[c][i][j]) for c, (i, j) in steps), start=prior[path[0]])
    return sums


@pytest.mark.parametrize("name", SOURCES)
def test_the_filter_is_the_sum_over_all_hidden_paths(name: str, tmp_path: Path) -> None:
    text, prior = SOURCES[name]
    pattern = source(tmp_path, text)
    for word in all_strings(pattern.alphabet, 6 if len(prior) < 3 else 5):
        sums = path_sums(text, word, prior)
        likely = float(sum(sums))
        assert np.exp(pattern.oracle.log_probs(word).sum()) == pytest.approx(likely, rel=1e-9), word
        if not likely:
            with pytest.raises(ValueError, match=r"^place "):
                pattern.labels(word)
        elif word:
            beliefs = [pattern.labels(word)[f"belief_{state}"][-1] for state in range(len(prior))]
            assert beliefs == pytest.approx([float(share / sum(sums)) for share in sums], abs=1e-12)


@pytest.mark.parametrize("name", SOURCES)
def test_a_sample_of_a_file_has_the_frequencies_of_the_filter(name: str, tmp_path: Path) -> None:
    pattern = source(tmp_path, SOURCES[name][0])
    text = pattern.sample(40_000, Random("frequencies"))
    assert set(text) == set(pattern.alphabet)
    assert agrees(pattern, text)


def test_samples_begin_in_the_stationary_distribution(tmp_path: Path) -> None:
    pattern = source(tmp_path, SOURCES["turns"][0])
    firsts = [pattern.sample(4, Random(seed)) for seed in range(1000)]
    assert set(firsts) == {"abab", "baba"}
    assert 400 < firsts.count("abab") < 600


def test_rows_that_are_rounded_are_scaled(tmp_path: Path) -> None:
    pattern = source(tmp_path, "[matrices]\na = [[0.3333333]]\nb = [[0.3333333]]\nc = [[0.3333333]]")
    assert pattern.oracle.distributions("abc") == pytest.approx(1 / 3, rel=1e-15)


# Mess3.


def test_mess3_has_the_published_matrices() -> None:
    assert parse("hmm:mess3").matrix_vss == pytest.approx(MESS3_VSS, rel=1e-12)
    assert MESS3_VSS[0] == pytest.approx(
        np.array([[0.765, 0.00375, 0.00375], [0.0425, 0.0675, 0.00375], [0.0425, 0.00375, 0.0675]])
    )
    assert parse("hmm:mess3").stationary_s == pytest.approx([1 / 3] * 3, rel=1e-12)


def block_entropies(longest: int, prior_s: list[float]) -> list[float]:
    """Return the entropy of the first 0, 1, 2 ... symbols in nats, from the probability of each word."""
    joint_ws, entropies = np.array([prior_s]), [0.0]
    for _ in range(longest):
        joint_ws = (joint_ws @ MESS3_VSS).reshape(-1, 3)
        word_w = joint_ws.sum(axis=1)
        entropies.append(float(-(word_w * np.log(word_w)).sum()))
    return entropies


def test_the_floor_of_mess3_falls_to_its_entropy_rate_as_published() -> None:
    pattern = parse("hmm:mess3")
    words = list(map("".join, itertools.product("012", repeat=7)))
    log_probs = np.array([pattern.oracle.log_probs(word) for word in words])
    expected = -(np.exp(log_probs.sum(axis=1))[:, None] * log_probs).sum(axis=0)
    assert expected == pytest.approx(np.diff(block_entropies(7, [1 / 3] * 3)), rel=1e-9)
    assert expected.round(4).tolist() == [1.0986, 0.8577, 0.8134, 0.7981, 0.7947, 0.7938, 0.7935]


def test_block_entropies_bracket_the_entropy_rate_of_mess3() -> None:
    upper = np.diff(block_entropies(12, [1 / 3] * 3))[-1]
    lower = np.diff(block_entropies(12, [1.0, 0.0, 0.0]))[-1]  # the state before is known; all states are alike
    assert lower < 0.7934575112 < 0.7934575720 < upper
    assert upper - lower < 1e-5
    assert (lower + upper) / 2 == pytest.approx(0.793458, abs=3e-6)


def test_the_floor_of_a_test_is_the_filters_loss_on_its_own_characters() -> None:
    pattern = parse("hmm:mess3")
    evaluation = pattern.evaluation(100, data_seed=0)
    belief, losses = np.full(3, 1 / 3), []
    for symbol in evaluation.text:
        joint = belief @ MESS3_VSS[int(symbol)]
        losses.append(-math.log(joint.sum()))
        belief = joint / joint.sum()
    assert len(losses) == 20_000
    assert pattern.oracle_loss(evaluation) == pytest.approx(np.mean(losses[1:]), rel=1e-9)
    assert 0.77 < pattern.oracle_loss(evaluation) < 0.82


# Files.


def test_a_file_is_named_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "even.toml").write_text(EVEN)
    pattern = parse("hmm:even.toml")
    assert pattern.spec == f"hmm:{tmp_path}/even.toml"
    assert pattern.short_name == f"hmm:{tmp_path.name}/even.toml"
    assert pattern.needs_file
    assert not parse("hmm:mess3").needs_file
    assert parse("hmm:mess3").short_name == "hmm:mess3"
    config = TrainConfig(pattern="hmm:even.toml", length=300)
    before = prepare(config)
    assert before.config.pattern == pattern.spec
    (tmp_path / "mess3").write_text(EVEN)
    assert parse("hmm:./mess3").alphabet == "ab"
    assert parse("hmm:mess3").alphabet == "012"
    (tmp_path / "even.toml").write_text(EVEN.replace("0.5", "0.9", 1).replace("0.5", "0.1"))
    assert prepare(config).record.data_sha256 != before.record.data_sha256


def test_the_file_of_the_docs_is_the_even_process(tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "patterns.md").read_text()
    (shown,) = re.findall(r"^```toml\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    assert tomllib.loads(shown) == tomllib.loads(EVEN)
    runs = [len(run) for run in source(tmp_path, shown).sample(3000, Random(1)).strip("b").split("a")]
    assert len(runs) > 500
    assert not any(length % 2 for length in runs)


REFUSED = {
    "": "the table [matrices] and nothing else (PATH has nothing)",
    "matrices = 3": "the table [matrices] and nothing else",
    f"{EVEN}\n[more]": "nothing else (PATH has matrices, more)",
    "[matrices": "a TOML file of matrices (PATH: ",
    "[matrices]\na = [[1.0]]": "two or more symbols (PATH has 1)",
    "[matrices]\na = [[0.5]]\nbc = [[0.5]]": "symbols of one character (PATH has 'bc')",
    "[matrices]\na = 0.5\nb = 0.5": "square matrices of 1 to 100000 numbers in all (PATH has 2 of 0 rows)",
    "[matrices]\na = [[1.0]]\nb = 0.0": "1 rows for each symbol, as for the first (PATH has others for 'b')",
    "[matrices]\na = [[1.0]]\nb = [[0.0], [0.0]]": "1 rows for each symbol, as for the first",
    "[matrices]\na = [[1.0, 0.0]]\nb = [[0.0, 0.0]]": "rows of 1 numbers, as many as there are rows (PATH has row 0 of",
    "[matrices]\na = [[1.5]]\nb = [[-0.5]]": "probabilities from 0 to 1 (PATH has row 0 of 'a': [1.5])",
    "[matrices]\na = [[nan]]\nb = [[0.5]]": "probabilities from 0 to 1",
    "[matrices]\na = [[true]]\nb = [[0.5]]": "probabilities from 0 to 1",
    "[matrices]\na = [['1']]\nb = [[0.5]]": "probabilities from 0 to 1",
    "[matrices]\na = [[0.5]]\nb = [[0.49999]]": "sum to 1 within 1e-06 over all symbols (PATH has rows 0 that",
    "[matrices]\na = [[0.5, 0], [0, 0.5]]\nb = [[0.5, 0], [0, 0.5]]": "states with one stationary distribution",
    "[matrices]\na = [[1.0]]\nb = [[0.0]]": "symbols that come again and again (PATH has 'b', which does not)",
    "[matrices]\na = [[0, 0], [0, 1]]\nb = [[0.5, 0.5], [0, 0]]": "symbols that come again and again",
}


@pytest.mark.parametrize(("text", "words"), REFUSED.items())
def test_a_file_that_holds_no_source_is_refused_in_one_line(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        source(tmp_path, text)
    message = str(caught.value)
    assert caught.value.field == "pattern"
    assert words.replace("PATH", str(tmp_path / "source.toml")) in message
    assert "\n" not in message


def test_a_file_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    for spec, words in {
        "hmm": "hmm:mess3, or hmm:PATH",
        f"hmm:{tmp_path}": "readable TOML file",
        f"hmm:{tmp_path}/none.toml": "No such file",
        f"hmm:{tmp_path}/bytes.toml": "a TOML file of matrices",
        "hmm:~nobody-of-that-name/a.toml": "readable TOML file",
    }.items():
        with pytest.raises(ConfigError) as caught:
            parse(spec)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
