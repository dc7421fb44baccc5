"""What a net answers to words: what it allows next, what it says, or the answer if asked; each word is read once."""

import time
from collections.abc import Iterable

import numpy as np

from analysis.dynamics.allowing import allowed
from analysis.dynamics.machines import BEYOND, DEAD, Machine, Output
from analysis.dynamics.net_map import NetMap
from analysis.dynamics.pattern_machines import OutputMeaning, PatternMachine
from rnn_core.measures.reach import ALLOWING_PROBABILITY

ENDS = (DEAD, BEYOND)
"""The outputs after which every longer word has the same one."""


class LimitReachedError(Exception):
    """Raised where a net was asked all that it may be asked; `limit` is "states", "steps" or "seconds"."""

    def __init__(self, limit: str) -> None:
        super().__init__(limit)
        self.limit = limit


class AskedNet:
    """A net as a function from words to outputs, with all words that it was asked, and their prefixes.

    A word is read from the state after the first mark, or from the start where there are no marks. A character that the
    net does not allow leads to the dead output. A net whose outputs are what is said, or answers, does not tell which
    characters may come; then a character that the pattern's machine does not allow leads to the dead output.

    The net is not asked, and the output is that of the pattern's machine, where nothing is asked of a net in training:
    before the first character of a stream, of a transducer's string and of a question, and where a question cannot end.

    Arguments:
        net_map: the net.
        pattern: the machine of its pattern. Without one the net allows or, if its outputs are not its alphabet, says.
        mark: the character before each string; empty for none.
        probability: the net allows a character if its probability is above this one, 0 or more and below 1.
        max_steps: the most steps of the net.
        max_seconds: the most seconds from now.

    Attributes:
        inputs: the V characters that words consist of.
        words: the words that have been asked, each after its prefixes. What follows a dead output is not asked, so of
            such words only the shortest are here.
        steps: the steps of the net.
        longest: the length of the longest of the words.

    Raises:
        ValueError: a character of the pattern is not one that the net reads or predicts, or there is no such
            probability.
    """

    def __init__(
        self,
        net_map: NetMap,
        pattern: PatternMachine | None,
        mark: str,
        probability: float = ALLOWING_PROBABILITY,
        max_steps: float = np.inf,
        max_seconds: float = np.inf,
    ) -> None:
        if not 0 <= probability < 1:
            raise ValueError(f"probability is {probability}; allowed: 0 or more and below 1")
        alone: OutputMeaning = "allowed" if set(net_map.alphabet) == set(net_map.outputs) else "said"
        self._meaning = pattern.meaning if pattern else alone
        self._sign = pattern.sign if pattern else ""
        self.inputs = pattern.machine.inputs if pattern else net_map.alphabet.replace(mark, "", len(mark))
        self._guide = pattern.machine if pattern else None
        known = set().union(*(o for o in self._guide.outputs if o and o != BEYOND)) if self._guide else set()
        for what, needed, there in (
            ("reads", {*self.inputs, *mark, *self._sign}, net_map.alphabet),
            ("predicts", known, net_map.outputs),
        ):
            if missing := needed - set(there):
                raise ValueError(f"the net {what} {there!r} without {min(missing)!r}; allowed: all of {sorted(needed)}")
        self._net_map, self._probability = net_map, probability
        self._max_steps, self._deadline = max_steps, time.monotonic() + max_seconds
        self.words: list[str] = []
        self.steps = self.longest = 0
        self._number: dict[str, int] = {}
        self._outputs: list[Output] = []
        self._parents: list[int] = []
        self._columns: list[int] = []
        self._states: list[np.ndarray | None] = []
        self._guide_states: list[int] = []
        self._levels: list[list[int]] = []
        self._column = {character: column for column, character in enumerate(self.inputs)}
        self._ask_start(mark)

    def ask(self, words: Iterable[str]) -> None:
        """Let the net read words and all their prefixes, in batches; what was read before is not read again.

        Raises:
            LimitReachedError: the net may not be asked as much.
        """
        asked = sorted(set(words), key=lambda word: (len(word), word))
        for length in range(1, len(asked[-1]) + 1 if asked else 0):
            new: dict[str, list[int]] = {}  # for each last character the numbers of the words before it
            for word in dict.fromkeys(word[:length] for word in asked if len(word) >= length):
                before = self._number.get(word[:-1])
                if word not in self._number and before is not None and self._outputs[before] not in ENDS:
                    new.setdefault(word[-1], []).append(before)
            for character, parents in new.items():
                self._read(character, np.array(parents))

    def output(self, word: str) -> Output:
        """Return the output after a word; the error is that of `ask`."""
        self.ask([word])
        while word not in self._number:
            word = word[:-1]
        return self._outputs[self._number[word]]

    def difference(self, machine: Machine) -> str | None:
        """Return the shortest word of those asked after which a machine has another output; None if there is none.

        Of words of one length it is the first in the order of the inputs.

        Arguments:
            machine: a machine over the same inputs, in the same order, whose dead states lead to themselves.
        """
        numbers = {output: number for number, output in enumerate(dict.fromkeys([*self._outputs, *machine.outputs]))}
        expected_s = np.array([numbers[output] for output in machine.outputs])
        found_n = np.array([numbers[output] for output in self._outputs])
        state_n = np.zeros(len(self.words), np.int64)
        parents_n, columns_n = np.array(self._parents), np.array(self._columns)
        for level in map(np.array, self._levels):
            if level[0]:  # not the empty word
                state_n[level] = machine.next_sv[state_n[parents_n[level]], columns_n[level]]
            wrong = level[expected_s[state_n[level]] != found_n[level]]
            if len(wrong):
                words: list[str] = [self.words[number] for number in wrong.tolist()]
                return min(words, key=lambda word: [self._column[character] for character in word])
        return None

    def _ask_start(self, mark: str) -> None:
        """Find the output of the empty word."""
        state_nk = self._net_map.start_k[None]
        output: Output = self._guide.outputs[0] if self._guide else None
        if mark:
            state_nk, logits_nw = self._net_map.predict(state_nk, mark)
            self.steps += 1
            if self._meaning == "allowed":
                (output,) = self._outputs_of(logits_nw)
        elif self._meaning == "allowed" and not self._guide:
            output = frozenset(self.inputs)
        self._add("", output, -1, -1, state_nk[0], 0)

    def _read(self, character: str, parents: np.ndarray) -> None:
        """Let the net read one character after each of the words with these numbers."""
        column = self._column[character]
        before = [self._guide_states[number] for number in parents]
        guides = self._guide.next_sv[before, column].tolist() if self._guide else before
        to_read: list[int] = []  # places of the words that the net has to read
        for place, (number, guide) in enumerate(zip(parents.tolist(), guides, strict=True)):
            expected = self._guide.outputs[guide] if self._guide else None
            output = self._outputs[number]
            if (self._meaning == "allowed" and output is not None and character not in output) or (
                self._meaning != "allowed" and expected == DEAD
            ):
                self._add(self.words[number] + character, DEAD, number, column, None, guide)
            elif expected == BEYOND:
                self._add(self.words[number] + character, BEYOND, number, column, None, guide)
            else:
                to_read.append(place)
        if not to_read:
            return
        self._count(len(to_read))
        states = [state for place in to_read if (state := self._states[parents[place]]) is not None]
        states_nk, logits_nw = self._net_map.predict(np.stack(states), character)
        if self._meaning == "answer":
            _, logits_nw = self._net_map.predict(states_nk, self._sign)
            self._count(len(to_read))
        for place, state_k, said in zip(to_read, states_nk, self._outputs_of(logits_nw), strict=True):
            number, guide = int(parents[place]), guides[place]
            asked = self._guide is None or self._guide.outputs[guide] is not None
            self._add(self.words[number] + character, said if asked else None, number, column, state_k, guide)

    def _outputs_of(self, logits_nw: np.ndarray) -> list[Output]:
        """Return the output that each of N rows of logits means."""
        characters = self._net_map.outputs
        if self._meaning != "allowed":
            return [frozenset(characters[place]) for place in logits_nw.argmax(-1).tolist()]
        allowed_nw = allowed(logits_nw, self._probability)
        return [frozenset(c for c, may_come in zip(characters, row, strict=True) if may_come) for row in allowed_nw]

    def _add(self, word: str, output: Output, parent: int, column: int, state_k: np.ndarray | None, guide: int) -> None:
        """Store a word that has been read."""
        self._number[word] = len(self.words)
        while len(self._levels) <= len(word):
            self._levels.append([])
        self._levels[len(word)].append(len(self.words))
        self.longest = max(self.longest, len(word))
        self.words.append(word)
        self._outputs.append(output)
        self._parents.append(parent)
        self._columns.append(column)
        self._states.append(state_k)
        self._guide_states.append(guide)

    def _count(self, steps: int) -> None:
        """Count steps of the net before they are taken."""
        if self.steps + steps > self._max_steps:
            raise LimitReachedError("steps")
        if time.monotonic() > self._deadline:
            raise LimitReachedError("seconds")
        self.steps += steps
