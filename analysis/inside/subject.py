"""What questions about the inside of a net are asked of: the net, its untrained self, and texts of its pattern."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.dynamics.labelled import LabelledText, applies, draw_text
from analysis.dynamics.net_map import NetMap, map_of_net
from analysis.runs.loading import LoadedRun
from rnn_core.patterns import Pattern

CHARACTERS = 4000
"""The length of each of the two texts, in characters; whole strings may make it a little longer."""

MAX_VISITED = 128
"""The most visited states from which rest and fixed points are looked for."""

MAX_CLASSES = 50
"""The most values of a label that is asked about; reading more out of states takes minutes."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A net with what is asked about it.

    Attributes:
        pattern: the pattern that it was trained on.
        trained: the net as a map.
        untrained: the net before its training as a map.
        fit: a text of the pattern, with those labels that apply somewhere and are numbers or have at most MAX_CLASSES
            values, on which readouts and subspaces are fitted.
        test: another one, on which everything is measured.
    """

    pattern: Pattern
    trained: NetMap
    untrained: NetMap
    fit: LabelledText
    test: LabelledText

    @property
    def nets(self) -> dict[str, NetMap]:
        """Both nets by name."""
        return {"trained": self.trained, "untrained": self.untrained}

    @cached_property
    def states(self) -> dict[str, np.ndarray]:
        """The flat states of both nets after each character of the test, (T, K), by name."""
        return {name: net_map.path(self.test.text)[0] for name, net_map in self.nets.items()}

    @property
    def visited_positions(self) -> slice:
        """Up to MAX_VISITED positions of the test, evenly spread."""
        return slice(None, None, -(-len(self.test.text) // MAX_VISITED))

    def visited(self, name: str) -> np.ndarray:
        """Return the flat states of a net at the visited positions, (N, K)."""
        return self.states[name][self.visited_positions]


def make_subject(pattern: Pattern, trained: NetMap, untrained: NetMap, characters: int = CHARACTERS) -> Subject:
    """Return two nets with texts of a pattern, about which the questions can be asked.

    Arguments:
        pattern: the pattern whose characters the nets read and predict.
        trained: the net as a map, from `map_of_net` or `map_of_module`.
        untrained: the net as it was before its training, or one of the same kind with other random weights.
        characters: the length of each of the two texts, 1 or more; whole strings may make it a little longer.

    Raises:
        ValueError: a net reads or predicts other characters than the pattern has.
    """
    for net in (trained, untrained):
        for what, there, needed in (
            ("reads", net.alphabet, pattern.alphabet),
            ("predicts", net.outputs, pattern.outputs),
            ("begins anew at", net.mark, pattern.mark),
        ):
            if set(there) != set(needed):
                raise ValueError(f"the net {what} {there!r}; allowed: {needed!r}, as {pattern.spec} has it")
    fit, test = (draw_text(pattern, characters, seed) for seed in (0, 1))
    kept = [name for name, value_t in test.labels.items() if _can_be_asked(value_t, fit.labels.get(name))]
    fit, test = (dataclasses.replace(text, labels={name: text.labels[name] for name in kept}) for text in (fit, test))
    return Subject(pattern, trained, untrained, fit, test)


def _can_be_asked(value_t: np.ndarray, other_t: np.ndarray | None) -> bool:
    """Return whether a label applies somewhere in both texts, and has at most MAX_CLASSES values if it has classes."""
    if other_t is None or not (applies(value_t).any() and applies(other_t).any()):
        return False
    return value_t.dtype.kind == "f" or len(np.unique(value_t)) <= MAX_CLASSES


def subject_of_run(run: LoadedRun) -> Subject:
    """Return what is asked about the net of a run.

    Arguments:
        run: the run, from `load_run`.

    Raises:
        RunError: the run recorded no net, or its pattern draws other data today.
        ConfigError: its pattern cannot be made again here, such as one whose file is gone.
    """
    net, record = run.net, run.record
    trained, untrained = (
        map_of_net(each, record.alphabet, record.outputs, record.mark) for each in (net, run.untrained_net())
    )
    return make_subject(run.prepare().pattern, trained, untrained, CHARACTERS)
