"""Nets that are a pattern's own automaton, exactly: the state of the net is one-hot, a step is a product of tables."""

import numpy as np
import torch
from torch import Tensor

from analysis.dynamics.net_map import NetMap
from rnn_core.nets.cell import State
from rnn_core.patterns import Pattern


def net_of_automaton(pattern: Pattern, changed: tuple[int, str, int] | None = None) -> NetMap:
    """Return a pattern's automaton as a net.

    Arguments:
        pattern: a pattern with an automaton.
        changed: one transition that is another one in the net: a state of the automaton, a character, and the state
            that follows in the net.
    """
    automaton = pattern.automaton
    assert automaton is not None
    count, alphabet = len(automaton.states), automaton.alphabet
    next_sv = automaton.next_sv.copy()
    if changed:
        next_sv[changed[0], alphabet.index(changed[1])] = changed[2]
    moves_vss = torch.zeros(len(alphabet), count, count, dtype=torch.float64)
    for state, column in np.argwhere(next_sv >= 0).tolist():
        moves_vss[column, state, next_sv[state, column]] = 1
    probability_sw = automaton.probability_sv
    if not pattern.predicts_next:
        probability_sw = np.eye(len(pattern.outputs))[said_in_states(pattern)]
    logits_sw = torch.from_numpy(np.log(np.maximum(probability_sw, 1e-300)))

    def step(input_nv: Tensor, state: State) -> tuple[Tensor, State]:
        after_ns = torch.einsum("nv,ns,vst->nt", input_nv, state[0], moves_vss)
        return after_ns @ logits_sw, (after_ns,)

    start_s = torch.eye(count, dtype=torch.float64)[0]
    outputs = "".join(sorted(pattern.outputs))
    return NetMap(step, (start_s,), torch.eye(len(alphabet), dtype=torch.float64), alphabet, outputs, ["state"])


def said_in_states(pattern: Pattern) -> list[int]:
    """Return the place of the output of a transducer in each state of its automaton, after a word that is not empty."""
    automaton = pattern.automaton
    assert automaton is not None
    words: dict[int, str] = {}
    queue = [(0, "")]
    for state, word in queue:
        for column, after in enumerate(automaton.next_sv[state].tolist()):
            if after >= 0 and after not in words:
                words[after] = word + automaton.alphabet[column]
                queue.append((after, words[after]))
    outputs = sorted(pattern.outputs)
    return [
        outputs.index(pattern.transduce(words[state])[-1]) if state in words else 0
        for state in range(len(automaton.states))
    ]
