"""lines: a UTF-8 file, a string a line, whose test are lines that are not trained on."""

import hashlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import ClassVar

import numpy as np

from rnn_core.config import ConfigError
from rnn_core.patterns.shared.base import PROMPT_LENGTH, Pattern
from rnn_core.patterns.shared.cases import Case, Evaluation
from rnn_core.patterns.shared.file_specs import byte_order_note, read_text, short_path, split_option
from rnn_core.patterns.shared.meaning import Meaning
from rnn_core.patterns.shared.ngrams import MEANINGS, ngram_losses
from rnn_core.patterns.shared.specs import spec_error
from rnn_core.patterns.shared.strings import split_strings, with_marks
from rnn_core.vocabulary import Vocabulary, code_points

MARK = "\n"
SEPARATOR = "\t"

RECIPE = {
    "encoding": "embedding",
    "cell": "lstm",
    "hidden_size": 128,
    "epochs": 10,
    "batch_size": 32,
    "learning_rate": 0.01,
    "schedule": "cosine",
    "clip": 1.0,
}

HELD_OUT = 10
"""One of so many distinct lines, about, is held out for the test."""

MAX_CASES = 1000
"""The most questions of the test whose answers are judged as a whole."""

MAX_CASE_NUMBERS = 2**26
"""The most characters of those cases, times the number of characters in the alphabet, to bound the memory."""


class Lines(Pattern):
    r"""The lines of a text file, `lines:PATH`, each read from a zero state, with its end predicted.

    The newline is the mark before and after each line. About a tenth of the distinct lines, chosen by a hash of the
    line, is held out for the test; `lines:PATH:test=PATH` takes the lines of another file instead, which are then not
    trained on. No line is in both parts, and a line that stands in the file several times counts as often in its part.
    Lines are trained on in an order that a hash gives, because the order of a file, often a sorted one, would lead the
    training and leave the last tenth, on which keep=best validates, unlike the rest. A smaller `length` trains on the
    first lines of that order.

    A tab divides a line into a question and its answer, of which only the answer and the mark after it are scored;
    further tabs belong to the answer. Of a line without a tab, all is scored.

    Left out are a byte order mark at the beginning of the file, empty lines, and one carriage return at the end of a
    line. The true distribution of lines is unknown, so there is no floor.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "names.txt").write_text("Ada\nEmmy\nGrace\nMary\n")
        ...     names = Lines(f"{folder}/names.txt")
        >>> names.training_text(length=16, data_seed=0), names.evaluation(length=16, data_seed=0).text
        ('\nEmmy\nMary\nAda\n', '\nGrace\n')
    """

    family = "lines"
    example = "lines:PATH"
    random = False
    recipe = RECIPE
    needs_file = True
    mark = MARK
    meanings: ClassVar[Mapping[str, Meaning]] = MEANINGS

    def __init__(self, argument: str) -> None:
        spec = f"lines:{argument}"
        name, test_name = split_option(argument, "test")
        if not name or test_name == "":
            raise spec_error(spec, "lines:PATH, the path of a UTF-8 file, or lines:PATH:test=PATH")
        self.path, lines, notes = _read_lines(spec, name)
        self.test_path: Path | None = None
        if test_name is None:
            held_out = _held_out(lines)
            if len(held_out) == len(set(lines)):
                raise spec_error(spec, f"files of two or more distinct lines ({self.path} has {len(held_out)})")
            self.test_lines = _in_order(line for line in lines if line in held_out)
        else:
            self.test_path, test_lines, test_notes = _read_lines(spec, test_name)
            held_out, notes = set(test_lines), notes + test_notes
            self.test_lines = _in_order(test_lines)
        self.lines = _in_order(line for line in lines if line not in held_out)
        for path, part in ((self.path, self.lines), (self.test_path or self.path, self.test_lines)):
            if not part:
                raise spec_error(spec, f"files with lines, some of them not in the test ({path} has no such line)")
        if self.test_path is not None and (shared := len(lines) - len(self.lines)):
            notes.append(f"lines of {self.path.name} that are in the test, too, and are not trained on: {shared}")
        everything = self.lines + self.test_lines
        self.alphabet = "".join(sorted(set(MARK).union(*everything)))
        self._ends = list(accumulate(len(line) + 1 for line in self.lines))
        self.default_length = self._ends[-1]
        # So that a short file, too, can be trained on with the defaults.
        self.recipe = RECIPE | {"batch_size": min(32, max(1, len(self.lines) // 10))}
        with_tab = sum(SEPARATOR in line for line in everything)
        self._has_questions = with_tab > 0
        if all(line.find(SEPARATOR) > 0 for line in everything):
            self.separator = SEPARATOR
        elif with_tab:
            without = len(everything) - with_tab
            notes.append(f"lines with a tab, of which what follows it is scored: {with_tab}; without one: {without}")
        self._note = "; ".join(notes)

    @property
    def spec(self) -> str:
        return f"lines:{self.path}" + (f":test={self.test_path}" if self.test_path else "")

    @property
    def short_name(self) -> str:
        """The files with their folders, by which two files of the same name differ."""
        return f"lines:{short_path(self.path)}" + (f":test={short_path(self.test_path)}" if self.test_path else "")

    @property
    def note(self) -> str:
        return self._note

    def check_length(self, length: int) -> None:
        if not 2 <= length <= self.default_length:
            raise ConfigError("length", length, f"2 to {self.default_length}, the training lines of {self.path}")

    def sample(self, length: int, rng: Random) -> str:
        """Return the first lines that have at least `length` characters together, each with the mark at its end."""
        return _joined(self.lines[: 1 + bisect_left(self._ends, length)])

    def evaluation(self, length: int, data_seed: int) -> Evaluation:
        text = _joined(self.test_lines)
        for line in self.test_lines:
            question, tab, answer = line.partition(SEPARATOR)
            if tab:
                return Evaluation(text=text, start=1, prime=MARK + question + tab, truth=answer + MARK)
        return Evaluation(text=text, start=1, prime=MARK, truth="")

    def prompt(self, training_text: str) -> str:
        first = split_strings(training_text, MARK)[0]
        return first.partition(SEPARATOR)[0] if self.separator else first[:PROMPT_LENGTH]

    def scored(self, text: str) -> np.ndarray | None:
        if not self._has_questions:
            return None
        points = code_points(text)
        mark, tab = points == ord(MARK), points == ord(SEPARATOR)
        line = np.cumsum(mark) - mark  # 0 for the first mark; the mark at the end of a line belongs to that line
        tabs_in_line = np.bincount(line, weights=tab).astype(np.int64)
        tabs_before = np.cumsum(tab) - tab - (np.cumsum(tabs_in_line) - tabs_in_line)[line]
        scored: np.ndarray = (line > 0) & ((tabs_before > 0) | (tabs_in_line[line] == 0))
        return scored

    def cases(
        self, evaluation: Evaluation, training_text: str, data_seed: int, every_epoch: bool = False
    ) -> list[Case]:
        """Return the questions of the test with their answers, MAX_CASES of them at most; none without questions."""
        questions = dict.fromkeys(line for line in split_strings(evaluation.text, MARK) if SEPARATOR in line)
        sizes = accumulate((len(line) + 2) * len(self.alphabet) for line in questions)
        return [
            Case("length", _length(line), with_marks(line, MARK))
            for line, size, _ in zip(questions, sizes, range(MAX_CASES), strict=False)
            if size <= MAX_CASE_NUMBERS
        ]

    def target_distributions(self, text: str) -> np.ndarray:
        """Return the distribution that holds each target of a text for certain: float64, (S, W).

        An answer of the test counts as the only right one to its question.
        """
        targets = Vocabulary(self.alphabet).indices(text[1:])
        expected_sw = np.zeros((len(targets), len(self.alphabet)))
        expected_sw[np.arange(len(targets)), targets] = 1
        return expected_sw

    def ranges(self, training_text: str) -> dict[str, tuple[int, int]]:
        lengths = [_length(line) for line in split_strings(training_text, MARK)]
        return {"length": (min(lengths), max(lengths))}

    def references(self, evaluation: Evaluation, training_text: str) -> dict[str, float]:
        """Return the test losses of n-gram models that are counted in the training lines, by name."""
        counted, tested = self.scored(training_text), self.scored(evaluation.text)
        scored = None if counted is None or tested is None else (counted, tested)
        return ngram_losses(Vocabulary(self.alphabet), training_text, evaluation.text, mark=MARK, scored=scored)


def _read_lines(spec: str, name: str) -> tuple[Path, list[str], list[str]]:
    """Return the absolute path of a file, its lines that are not empty, and notes on what is in it.

    Lines end at newlines alone, not at the other signs that Unicode has for it.
    """
    path, text, marked = read_text(spec, name)
    notes = [byte_order_note(path)] if marked else []
    ended = text.split("\n")
    if ended[-1] == "":  # what comes after the last newline is no line
        ended.pop()
    stripped = [line.removesuffix("\r") for line in ended]
    lines = [line for line in stripped if line]
    if returns := sum(line != whole for line, whole in zip(stripped, ended, strict=True)):
        notes.append(f"carriage returns at the ends of lines of {path.name}, left out: {returns}")
    if empty := len(stripped) - len(lines):
        notes.append(f"empty lines of {path.name}, left out: {empty}")
    if copies := len(lines) - len(set(lines)):
        notes.append(f"lines of {path.name} that repeat an earlier one: {copies} of {len(lines)}")
    return path, lines, notes


def _hash(text: str) -> int:
    """Return a number from 0 to 2**64 - 1 that depends on the text alone, on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def _held_out(lines: list[str]) -> set[str]:
    """Return the lines that are held out: those whose hash is divisible by HELD_OUT.

    Thus a line stays in its part when others are added to the file. If all lines would be in one part, as may be in a
    file of few, the line of the smallest hash alone is held out.
    """
    distinct = set(lines)
    held_out = {line for line in distinct if _hash(line) % HELD_OUT == 0}
    return held_out if 0 < len(held_out) < len(distinct) else set(sorted(distinct, key=_hash)[:1])


def _in_order(lines: Iterable[str]) -> list[str]:
    """Return lines in the order in which they are read, whatever theirs was; copies of a line are not side by side."""
    copies: Counter[str] = Counter()
    numbered = []
    for line in lines:
        numbered.append((_hash(f"{copies[line]}\n{line}"), line))
        copies[line] += 1
    return [line for _, line in sorted(numbered)]


def _joined(lines: list[str]) -> str:
    """Return lines as one text, with a mark before and after each."""
    return MARK + "".join(line + MARK for line in lines)


def _length(line: str) -> int:
    """Return the number of characters of a line's question, or of the whole line where it has none."""
    return len(line.partition(SEPARATOR)[0])
