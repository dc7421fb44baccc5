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
        fitted_text: a text of the pattern on which readouts and subspaces are fitted, with those labels that apply
            somewhere and are numbers or have at most MAX_CLASSES values.
        asked_text: the text on which everything is measured, with the same labels: another draw or, of a pattern that
            is not random (`Pattern.random`), the same text.
    """

    pattern: Pattern
    trained: NetMap
    untrained: NetMap
    fitted_text: LabelledText
    asked_text: LabelledText

    @property
    def nets(self) -> dict[str, NetMap]:
        """Both nets by name."""
        return {"trained": self.trained, "untrained": self.untrained}

    @cached_property
    def states(self) -> dict[str, np.ndarray]:
        """The flat states of both nets after each character of the asked text, (T, K), by name."""
        return {name: net_map.path(self.asked_text.text)[0] for name, net_map in self.nets.items()}

    @cached_property
    def fitted_states(self) -> dict[str, np.ndarray]:
        """The same of the fitted text."""
        return {name: net_map.path(self.fitted_text.text)[0] for name, net_map in self.nets.items()}

    @property
    def remarks(self) -> list[str]:
        """What is to be said beside all that is fitted on the one text and measured on the other, in sentences."""
        if self.fitted_text.text != self.asked_text.text:
            return []
        return [f"{self.pattern.spec} is not random: what was fitted was measured on the same text"]

    @property
    def visited_positions(self) -> slice:
        """Up to MAX_VISITED positions of the asked text, evenly spread."""
        return slice(None, None, -(-len(self.asked_text.text) // MAX_VISITED))

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
        ValueError: a net reads or predicts other characters than the pattern has, or `characters` is below 1.
    """
    if characters < 1:
        raise ValueError(f"characters is {characters}; allowed: 1 or more")
    for net in (trained, untrained):
        for what, there, needed in (
            ("reads", net.alphabet, pattern.alphabet),
            ("predicts", net.outputs, pattern.outputs),
            ("begins anew at", net.mark, pattern.mark),
        ):
            if set(there) != set(needed):
                raise ValueError(f"the net {what} {there!r}; allowed: {needed!r}, as {pattern.spec} has it")
    texts = [draw_text(pattern, characters, seed) for seed in (0, 1)]
    kept = [name for name, value_t in texts[1].labels.items() if _can_be_asked(value_t, texts[0].labels.get(name))]
    fitted, asked = (dataclasses.replace(text, labels={name: text.labels[name] for name in kept}) for text in texts)
    return Subject(pattern, trained, untrained, fitted, asked)


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
