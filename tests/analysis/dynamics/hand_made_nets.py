"""Nets whose steps are set by hand, so that it is known what their states mean."""

import numpy as np
import torch
from torch import Tensor

from analysis.dynamics.net_map import NetMap
from rnn_core.patterns import Pattern

State = tuple[Tensor, ...]


def automaton_net(pattern: Pattern, idle: int = 0, merged: tuple[int, int] | None = None) -> NetMap:
    """The pattern's automaton, its state one-hot, and numbers that stay 0.

    With two states merged, the first takes the place of the second.
    """
    automaton = pattern.automaton
    states, characters = automaton.next_sv.shape
    next_vss = torch.zeros(characters, states, states, dtype=torch.float64)
    for (state, character), after in np.ndenumerate(automaton.next_sv):
        if after >= 0:
            next_vss[character, state, merged[0] if merged and after == merged[1] else after] = 1
    logit_sv = torch.from_numpy(np.log(np.maximum(automaton.probability_sv, 1e-9)))

    def step(input_nv: Tensor, state: State) -> tuple[Tensor, State]:
        after_ns = torch.einsum("nv,ns,vsr->nr", input_nv, state[0][:, :states], next_vss)
        return after_ns @ logit_sv, (torch.cat([after_ns, after_ns.new_zeros(len(after_ns), idle)], 1),)

    start_s = torch.zeros(states + idle, dtype=torch.float64)
    start_s[0] = 1
    inputs_vi = torch.eye(characters, dtype=torch.float64)
    return NetMap(step, (start_s,), inputs_vi, pattern.alphabet, pattern.alphabet, ["state"], pattern.mark)


def bits_net(idle: int = 6) -> NetMap:
    """A flip-flop of two bits, each a number of the state, -1 or 1, and numbers that do nothing but hold noise."""
    pulses = {".": (0, 0), "A": (1, 0), "a": (-1, 0), "B": (0, 1), "b": (0, -1)}
    alphabet = "".join(sorted(pulses))
    set_vb = torch.tensor([pulses[character] for character in alphabet], dtype=torch.float64)
    symbol_bw = torch.tensor([[-9, -9, 9, 9], [-9, 9, -9, 9]], dtype=torch.float64)
    noise_vk = torch.from_numpy(np.random.default_rng(0).normal(size=(len(alphabet), idle)))

    def step(input_nv: Tensor, state: State) -> tuple[Tensor, State]:
        set_nb = input_nv @ set_vb
        bits_nb = torch.where(set_nb == 0, state[0][:, :2], set_nb)
        after_nk = torch.cat([bits_nb, input_nv @ noise_vk], 1)
        return bits_nb @ symbol_bw, (after_nk,)

    start_k = torch.cat([-torch.ones(2), torch.zeros(idle)]).double()
    return NetMap(step, (start_k,), torch.eye(len(alphabet), dtype=torch.float64), alphabet, "0123", ["h"])


def corners_net() -> NetMap:
    """The same flip-flop with a number for each of the four memories, the largest of which counts."""
    bits, corners = bits_net(0), torch.tensor([[-1, -1], [-1, 1], [1, -1], [1, 1]], dtype=torch.float64)

    def step(input_nv: Tensor, state: State) -> tuple[Tensor, State]:
        memory_n = state[0].argmax(1)
        logits_nw, (bits_nb,) = bits.step(input_nv, (corners[memory_n],))
        number_n = (bits_nb @ torch.tensor([2.0, 1.0]).double() + 3).div(2).long()
        return logits_nw, (torch.nn.functional.one_hot(number_n, 4).double(),)

    start = torch.tensor([1, 0, 0, 0], dtype=torch.float64)
    return NetMap(step, (start,), bits.inputs_vi, bits.alphabet, "0123", ["h"])


def counter_net() -> NetMap:
    """Reads a^n b^n: number 0 counts up with an a and down with a b, number 1 says whether b have begun."""

    def step(input_nv: Tensor, state: State) -> tuple[Tensor, State]:
        _, is_a, is_b = input_nv.unbind(1)
        count_n = state[0][:, 0] + is_a - is_b
        begun_n = torch.maximum(state[0][:, 1], is_b)
        after_nk = torch.stack([count_n, begun_n, torch.zeros_like(count_n)], 1)
        more_n = 40 * (count_n - 0.5)  # whether a b is still to come
        logits_nw = torch.stack(
            [-more_n * begun_n - 40 * (1 - begun_n), 40 - 80 * begun_n, 40 + more_n * begun_n - 40 * begun_n], 1
        )
        none_yet = (count_n == 0) & (begun_n == 0)
        logits_nw[:, 2] = torch.where(none_yet, -40.0, logits_nw[:, 2])
        return logits_nw, (after_nk,)

    start = torch.zeros(3, dtype=torch.float64)
    return NetMap(step, (start,), torch.eye(3, dtype=torch.float64), "#ab", "#ab", ["h"], "#")
