"""The automaton of a net: the minimal Moore machine of what it allows, learnt by asking it words."""

import time
from dataclasses import dataclass

from analysis.dynamics.allowing import threshold
from analysis.dynamics.asked_net import AskedNet
from analysis.dynamics.kearns_vazirani import Limits, learn
from analysis.dynamics.machines import BEYOND, Machine, Output
from analysis.dynamics.net_map import NetMap
from analysis.dynamics.pattern_machines import PatternMachine, machine_of_pattern
from analysis.words import counted
from rnn_core.measures.reach import ALLOWING_PROBABILITY
from rnn_core.patterns import Pattern


@dataclass(frozen=True, eq=False)
class LearntMachine:
    """The machine of a net, as far as it was learnt.

    Attributes:
        machine: the minimal machine; if a limit ended the learning, that of the last guess.
        limit: which limit ended the learning: "states", "steps" or "seconds"; empty if none did.
        words: the number of words that the net was asked. If no limit ended the learning, the machine has the net's
            output after each of them.
        longest: the length of the longest of these words, in characters.
        steps: the number of steps of the net.
        seconds: the time that it took.
    """

    machine: Machine
    limit: str
    words: int
    longest: int
    steps: int
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether learning ended by itself: no counterexample was found."""
        return not self.limit


@dataclass(frozen=True, eq=False)
class MachineComparison:
    """The machine of a net beside that of its pattern.

    Attributes:
        learnt: the machine of the net.
        pattern: the machine of the pattern.
        difference: the shortest word on which the net was seen to differ from the pattern; None if it never did. Where
            learning was complete it is also the shortest on which the two machines differ.
        of_net: the output of the net after this word.
        of_pattern: the output of the pattern after it.
    """

    learnt: LearntMachine
    pattern: PatternMachine
    difference: str | None
    of_net: Output
    of_pattern: Output

    @property
    def equal(self) -> bool | None:
        """Whether the two machines are equal; None if a limit ended the learning before they differed."""
        if self.difference is not None:
            return False
        return True if self.learnt.complete else None

    @property
    def in_short(self) -> str:
        """What was found, in a word or two: equal, not equal or unknown."""
        return {True: "equal", False: "not equal", None: "unknown"}[self.equal]

    @property
    def verdict(self) -> str:
        """What was found, in one sentence."""
        asked = f"{self.learnt.words:,} words up to length {self.learnt.longest}"
        depth = "" if self.pattern.depth is None else f" up to depth {self.pattern.depth}"
        states = f"{counted(self.learnt.machine.size, 'state')}{depth}"
        if self.difference is not None:
            word = f"after {self.difference!r}" if self.difference else "at the beginning"
            of_net, of_pattern = (_in_words(output) for output in (self.of_net, self.of_pattern))
            verb = {"allowed": "allows", "said": "says", "answer": "answers"}[self.pattern.meaning]
            found = f"not equal: {word} the net {verb} {of_net}, the pattern {of_pattern}"
            return found + (
                f"; stopped by the limit of {self.learnt.limit}" if self.learnt.limit else f"; the net has {states}"
            )
        if self.learnt.limit:
            return f"unknown: stopped by the limit of {self.learnt.limit}, no counterexample among {asked}"
        return f"equal: {states}, no counterexample among {asked}"


def learn_machine(
    net_map: NetMap,
    pattern: PatternMachine | None = None,
    mark: str | None = None,
    limits: Limits | None = None,
    probability: float = ALLOWING_PROBABILITY,
) -> LearntMachine:
    """Learn the minimal Moore machine of what a net allows, with its dead state.

    It is learnt by the algorithm of Kearns & Vazirani (1994), as AALpy has it. Each guess is tested on all words that
    the net was asked before, on the shortest word on which it differs from the pattern, on all short words from each of
    its states, and on random ones. What words, outputs and arguments mean is said at `AskedNet`.

    Arguments:
        net_map: the net.
        pattern: the machine of its pattern, which says what its outputs mean; None if it is unknown.
        mark: the character before each string; empty for none, None for that of the map.
        limits: how much the net is asked; None for the defaults.
        probability: the net allows a character if its probability is above this one, 0 or more and below 1.

    Raises:
        ValueError: the net does not read and predict the characters of the pattern, or the probability is out of its
            range.
        ModuleNotFoundError: AALpy is not installed.
    """
    return _learn(net_map, pattern, net_map.mark if mark is None else mark, limits or Limits(), probability)[0]


def compare_with_pattern(
    net_map: NetMap,
    pattern: Pattern,
    depth: int | None = None,
    limits: Limits | None = None,
    probability: float | None = None,
) -> MachineComparison:
    """Learn the machine of a net and compare it with that of its pattern.

    Arguments:
        net_map: the net.
        pattern: the pattern.
        depth: the depth of the machines; see `machine_of_pattern`.
        limits: how much the net is asked; None for the defaults.
        probability: the net allows a character if its probability is above this one, 0 or more and below 1. None for
            0.01, or for half the least probability that the pattern has, if that is lower.

    Raises:
        ValueError: the pattern has no machine, the net does not read and predict its characters, or the probability is
            out of its range.
        ModuleNotFoundError: AALpy is not installed.
    """
    true = machine_of_pattern(pattern, depth)
    if probability is None:
        probability = threshold(true.least_probability)
    learnt, asked = _learn(net_map, true, pattern.mark, limits or Limits(), probability)
    difference = asked.difference(true.machine)
    if difference is None:
        return MachineComparison(learnt, true, None, None, None)
    return MachineComparison(learnt, true, difference, asked.output(difference), true.machine.run(difference))


def _learn(
    net_map: NetMap, pattern: PatternMachine | None, mark: str, limits: Limits, probability: float
) -> tuple[LearntMachine, AskedNet]:
    """Return the machine of a net, and the net with all that it was asked."""
    begin = time.monotonic()
    asked = AskedNet(net_map, pattern, mark, probability, limits.steps, limits.seconds)
    machine, limit = learn(asked, pattern.machine if pattern else None, limits)
    seconds = time.monotonic() - begin
    return LearntMachine(machine, limit, len(asked.words), asked.longest, asked.steps, seconds), asked


def _in_words(output: Output) -> str:
    if output is None:
        return "nothing"
    if output == BEYOND:
        return "what is beyond the depth"
    return " ".join(sorted(output)) or "nothing (a dead state)"
