"""hmm: a hidden Markov source, whose exact prediction is a filter over its hidden states."""

import tomllib
from bisect import bisect
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from random import Random

import numpy as np

from rnn_core.config import shown
from rnn_core.files import read_whole_file, why_not_read
from rnn_core.patterns.shared.base import Pattern
from rnn_core.patterns.shared.oracle import Oracle
from rnn_core.patterns.shared.specs import spec_error

MAX_BYTES = 10**7
"""The largest file, in bytes."""

MAX_NUMBERS = 100_000
"""The most numbers in all matrices together."""

TOLERANCE = 1e-6
"""How far from 1 the probabilities of what follows a state may sum up to; they are scaled to sum to 1."""

MESS3_STAY, MESS3_TOLD = 0.9, 0.85
"""Mess3: the probabilities that the state stays, and that the symbol is that of the state entered."""


class Hmm(Pattern):
    """A hidden Markov source: each step draws a symbol and the next hidden state, given the hidden state.

    `hmm:mess3` is the Mess3 process of Shai et al. 2024: three states and the symbols 0, 1 and 2. A state stays with
    probability 0.9 and otherwise changes to each other one evenly; the symbol is that of the state entered with
    probability 0.85, and otherwise each other one evenly. `hmm:PATH` reads the matrices of another source from a TOML
    file, one for each symbol:

        [matrices]
        a = [[0.5, 0.0], [0.0, 0.0]]
        b = [[0.0, 0.5], [1.0, 0.0]]

    Row i, column j of a symbol's matrix is the probability of that symbol and next state j, given state i. A sample
    begins in a state drawn from the stationary distribution. The oracle is the exact filter: it begins with the
    stationary distribution and keeps the probability of each hidden state given the symbols so far, the belief.

    Example:
        >>> Hmm("mess3").sample(40, Random(1))
        '1111111001000000220002000000000000010002'
    """

    family = "hmm"
    example = "hmm:mess3"
    recipe = {
        "encoding": "onehot",
        "cell": "gru",
        "hidden_size": 32,
        "epochs": 10,
        "batch_size": 32,
        "window": 50,
        "schedule": "cosine",
    }
    default_length = 200_000

    def __init__(self, argument: str) -> None:
        self.path: Path | None = None
        if argument == "mess3":
            matrices = mess3()
        elif not argument:
            raise spec_error("hmm", "hmm:mess3, or hmm:PATH, the path of a TOML file of matrices")
        else:
            spec = f"hmm:{argument}"
            self.needs_file = True
            try:
                self.path = Path(argument).expanduser().absolute()
            except (OSError, RuntimeError) as error:  # RuntimeError: the home directory of ~user is unknown
                raise spec_error(spec, f"mess3, or the path of a readable TOML file ({error})") from None
            matrices = read_matrices(spec, self.path)
        self.alphabet = "".join(sorted(matrices))
        self.matrix_vss = np.array([matrices[symbol] for symbol in self.alphabet])
        self.stationary_s = stationary(self.matrix_vss.sum(axis=0))
        self.oracle = self._filter = HmmOracle(self.alphabet, self.matrix_vss, self.stationary_s)

    @property
    def spec(self) -> str:
        return f"hmm:{self.path or 'mess3'}"

    @property
    def short_name(self) -> str:
        """The file with its folder, by which two files of the same name differ."""
        return self.spec if self.path is None else f"hmm:{Path(self.path.parent.name, self.path.name)}"

    def sample(self, length: int, rng: Random) -> str:
        states = len(self.stationary_s)
        steps = [choices(row) for row in self.matrix_vss.transpose(1, 0, 2).reshape(states, -1)]
        begin, sums = choices(self.stationary_s)
        state = begin[bisect(sums, rng.random())]
        symbols = []
        for _ in range(length):
            possible, sums = steps[state]
            symbol, state = divmod(possible[bisect(sums, rng.random())], states)
            symbols.append(self.alphabet[symbol])
        return "".join(symbols)

    def labels(self, text: str) -> dict[str, np.ndarray]:
        """Return `belief_0`, `belief_1` ..., the probability of each hidden state given the characters so far."""
        self._filter.check_possible(text)
        belief_ts = self._filter.beliefs(text)[1:]
        return {f"belief_{state}": belief_ts[:, state] for state in range(belief_ts.shape[1])}


class HmmOracle(Oracle):
    """The filter of a hidden Markov source.

    Arguments:
        alphabet: V symbols.
        matrix_vss: for each symbol, the probability of it and of each next state, by state: float64, (V, S, S).
        prior_s: the probability of each state before a text: float64, (S,).
    """

    def __init__(self, alphabet: str, matrix_vss: np.ndarray, prior_s: np.ndarray) -> None:
        super().__init__(alphabet)
        self._matrix_vss, self._prior_s = matrix_vss, prior_s

    def beliefs(self, text: str) -> np.ndarray:
        """Return the probability of each state before `text` and after each of its characters: (len(text) + 1, S).

        After an impossible character all are 0.
        """
        belief_ts = np.zeros((len(text) + 1, len(self._prior_s)))
        belief_ts[0] = belief_s = self._prior_s
        for position, index in enumerate(self.vocabulary.indices(text), start=1):
            joint_s = belief_s @ self._matrix_vss[index]
            total = joint_s.sum()
            if total == 0:
                break
            belief_ts[position] = belief_s = joint_s / total
        return belief_ts

    def distributions(self, text: str) -> np.ndarray:
        symbol_sv = self._matrix_vss.sum(axis=2).T
        result: np.ndarray = self.beliefs(text)[:-1] @ symbol_sv
        return result


def choices(probability_n: np.ndarray) -> tuple[list[int], list[float]]:
    """Return which of n things are possible, and the sums of their probabilities, all but the last.

    `bisect` finds a uniform draw from 0 to 1 among the sums. Without the last one and what is impossible, rounding
    lets no draw go wrong.
    """
    possible = np.flatnonzero(probability_n).tolist()
    return possible, list(accumulate(probability_n[possible].tolist()))[:-1]


def mess3() -> dict[str, np.ndarray]:
    """Return the matrices of the Mess3 process: for each symbol, float64, (3, 3)."""
    stay_ss = np.where(np.eye(3), MESS3_STAY, (1 - MESS3_STAY) / 2)
    told_vs = np.where(np.eye(3), MESS3_TOLD, (1 - MESS3_TOLD) / 2)
    return {str(symbol): stay_ss * told_vs[symbol] for symbol in range(3)}


def stationary(step_ss: np.ndarray) -> np.ndarray:
    """Return the only distribution over S states that a step does not change: float64, (S,).

    Arguments:
        step_ss: the probability of each next state, by state; it has exactly one such distribution. (S, S).
    """
    size = len(step_ss)
    equations = np.concatenate([step_ss.T - np.eye(size), np.ones((1, size))])
    solution_s = np.linalg.lstsq(equations, np.eye(size + 1)[size], rcond=None)[0]
    # Least squares leaves rounding errors where a state does not last; a negative one is no probability.
    solution_s = np.where(lasting(step_ss), np.maximum(solution_s, 0), 0.0)
    result: np.ndarray = solution_s / solution_s.sum()
    return result


def reachable(step_ss: np.ndarray) -> np.ndarray:
    """Return whether each state can be reached from each state, in any number of steps or none: bool, (S, S)."""
    reach_ss = np.where(step_ss + np.eye(len(step_ss)) > 0, 1, 0)
    for _ in range(len(step_ss).bit_length()):  # each time, twice as many steps
        reach_ss = np.minimum(reach_ss @ reach_ss, 1)
    result: np.ndarray = reach_ss == 1
    return result


def lasting(step_ss: np.ndarray) -> np.ndarray:
    """Return which states can be reached from all states that they reach, so that they come again: bool, (S,)."""
    reach_ss = reachable(step_ss)
    result: np.ndarray = np.logical_and.reduce(reach_ss <= reach_ss.T, axis=1)
    return result


def read_matrices(spec: str, path: Path) -> dict[str, np.ndarray]:
    """Return the matrices in a TOML file: for each symbol float64, (S, S), scaled so that each state's sum to 1.

    Raises:
        ConfigError: the file cannot be read or is no TOML, or it does not hold the matrices of a source of two or more
            symbols with one stationary distribution, under which each symbol is possible.
    """
    try:
        table = tomllib.loads(read_whole_file(path, MAX_BYTES).decode())
    except OSError as error:
        raise spec_error(spec, f"mess3, or the path of a readable TOML file ({path}: {error.strerror})") from None
    except (ValueError, RecursionError) as error:  # neither UTF-8 nor TOML
        raise spec_error(spec, f"a TOML file of matrices ({path}: {why_not_read(error)})") from None
    try:
        return scaled(to_arrays(table))
    except MatricesError as error:
        raise spec_error(spec, f"{error.args[0]} ({path} has {error.args[1]})") from None


class MatricesError(Exception):
    """A table that does not hold the matrices of a source: what is allowed, and what the file has."""


def to_arrays(table: Mapping[str, object]) -> dict[str, np.ndarray]:
    """Return the contents of a TOML file as square matrices of probabilities, by symbol.

    Raises:
        MatricesError: they are none.
    """
    matrices = table.get("matrices")
    if table.keys() != {"matrices"} or not isinstance(matrices, dict):
        raise MatricesError("a file with the table [matrices] and nothing else", ", ".join(table) or "nothing")
    if len(matrices) < 2:
        raise MatricesError("matrices of two or more symbols", len(matrices))
    if long := [symbol for symbol in matrices if len(symbol) != 1]:
        raise MatricesError("symbols of one character", repr(long[0]))
    first = next(iter(matrices.values()))
    size = len(first) if isinstance(first, list) else 0
    if not 1 <= len(matrices) * size**2 <= MAX_NUMBERS:
        raise MatricesError(f"square matrices of 1 to {MAX_NUMBERS} numbers in all", f"{len(matrices)} of {size} rows")
    for symbol, rows in matrices.items():
        if not isinstance(rows, list) or len(rows) != size:
            raise MatricesError(f"{size} rows for each symbol, as for the first", f"others for {symbol!r}")
        for number, row in enumerate(rows):
            if not isinstance(row, list) or len(row) != size:
                raise MatricesError(
                    f"rows of {size} numbers, as many as there are rows", f"row {number} of {symbol!r}: {shown(row)}"
                )
            if not all(type(value) in (int, float) and 0 <= value <= 1 for value in row):
                raise MatricesError("probabilities from 0 to 1", f"row {number} of {symbol!r}: {shown(row)}")
    return {symbol: np.array(rows, dtype=np.float64) for symbol, rows in matrices.items()}


def scaled(matrices: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return matrices whose rows sum to 1 over all symbols, given those that do so within TOLERANCE.

    Arguments:
        matrices: for each symbol, probabilities from 0 to 1: float64, (S, S).

    Raises:
        MatricesError: they do not, or there is more than one stationary distribution, or a symbol is impossible in it.
    """
    step_ss = np.sum(list(matrices.values()), axis=0)
    total_s = step_ss.sum(axis=1)
    for state, total in enumerate(total_s):
        if abs(total - 1) > TOLERANCE:
            allowed = f"rows that sum to 1 within {TOLERANCE:g} over all symbols"
            raise MatricesError(allowed, f"rows {state} that sum to {total:.9g}")
    lasting_s = lasting(step_ss)
    if not reachable(step_ss)[lasting_s][:, lasting_s].all():
        raise MatricesError("states with one stationary distribution", "states that last and never reach each other")
    for symbol, matrix_ss in matrices.items():
        if not matrix_ss[lasting_s].any():
            raise MatricesError("symbols that come again and again", f"{symbol!r}, which does not")
    return {symbol: matrix_ss / total_s[:, None] for symbol, matrix_ss in matrices.items()}
