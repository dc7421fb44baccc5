"""What questions about the inside of a net are asked of: the net, its untrained self, and texts of its pattern."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analysis.dynamics.labelled import LabelledText, draw_text
from analysis.dynamics.net_map import NetMap, map_of_net
from analysis.runs.loading import LoadedRun
from rnn_core.patterns import Pattern

CHARACTERS = 4000
"""The length of each of the two texts, in characters; whole strings may make it a little longer."""

MAX_VISITED = 512
"""The most visited states from which rest and fixed points are looked for."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A net with what is asked about it.

    Attributes:
        pattern: the pattern that it was trained on.
        trained: the net as a map.
        untrained: the net before its training as a map.
        fit: a text of the pattern, with labels, on which readouts and subspaces are fitted.
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
    def states_tk(self) -> np.ndarray:
        """The flat states of the trained net after each character of the test, (T, K)."""
        return self.trained.path(self.test.text)[0]

    def visited(self, net_map: NetMap) -> np.ndarray:
        """Return up to MAX_VISITED flat states of a net, evenly spread over the test, (N, K)."""
        states_tk = self.states_tk if net_map is self.trained else net_map.path(self.test.text)[0]
        return states_tk[:: -(-len(states_tk) // MAX_VISITED)]


def subject_of_run(run: LoadedRun) -> Subject:
    """Return what is asked about the net of a run.

    Arguments:
        run: the run, from `load_run`.

    Raises:
        RunError: the run recorded no net, or its pattern draws other data today.
        ConfigError: its pattern cannot be made again here, such as one whose file is gone.
    """
    pattern, record = run.prepare().pattern, run.record
    trained, untrained = (
        map_of_net(net, record.alphabet, record.outputs, record.mark) for net in (run.net, run.untrained_net())
    )
    fit, test = (draw_text(pattern, CHARACTERS, seed) for seed in (0, 1))
    return Subject(pattern, trained, untrained, fit, test)
