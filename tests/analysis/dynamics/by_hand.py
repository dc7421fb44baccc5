"""Nets whose weights are set by hand, so that their fixed points, cycles and exponents are known."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from analysis.dynamics.net_map import NetMap, map_of_module, map_of_net
from rnn_core.nets.cell import State
from rnn_core.nets.charrnn import CharRNN


def tanh_map(recurrent: object, inputs: object, alphabet: str, readout: object = None, outputs: str = "") -> NetMap:
    """Return h' = tanh(recurrent h + inputs x), with one column of inputs, (H, V), for each character."""
    recurrent_hh = torch.tensor(recurrent, dtype=torch.float32)
    layers = nn.RNN(len(alphabet), len(recurrent_hh), bias=False)
    linear = nn.Linear(len(recurrent_hh), len(outputs or alphabet), bias=False)
    with torch.no_grad():
        layers.weight_hh_l0.copy_(recurrent_hh)
        layers.weight_ih_l0.copy_(torch.tensor(inputs, dtype=torch.float32))
        if readout is not None:
            linear.weight.copy_(torch.tensor(readout, dtype=torch.float32))
    return map_of_module(layers, linear, alphabet, outputs)


def linear_map(matrices: dict[str, np.ndarray], offset_k: np.ndarray, readout_wk: np.ndarray, mark: str = "") -> NetMap:
    """Return h' = matrices[character] h + offset, whose logits are readout h'."""
    matrix_vkk = torch.tensor(np.array(list(matrices.values())), dtype=torch.float64)
    offset, readout = torch.tensor(offset_k), torch.tensor(readout_wk)

    def step(input_nv: Tensor, state: State) -> tuple[Tensor, State]:
        after_nk = torch.einsum("nv,vij,nj->ni", input_nv, matrix_vkk, state[0]) + offset
        return after_nk @ readout.mT, (after_nk,)

    size = len(offset_k)
    inputs_vv = torch.eye(len(matrices), dtype=torch.float64)
    start = (torch.zeros(size, dtype=torch.float64),)
    return NetMap(step, start, inputs_vv, "".join(matrices), "".join(matrices), ["h"], mark)


def one_number_map(function: Callable[[Tensor], Tensor]) -> NetMap:
    """Return h' = function(h) for a state of one number, on the character a, whose logits are h'."""

    def step(input_nv: Tensor, state: State) -> tuple[Tensor, State]:
        after_nk = function(state[0])
        return after_nk, (after_nk,)

    start = (torch.zeros(1, dtype=torch.float64),)
    return NetMap(step, start, torch.ones((1, 1), dtype=torch.float64), "a", "a", ["h"])


def net_map_of(cell: str, hidden_size: int = 4, layers: int = 1, seed: int = 3) -> NetMap:
    """Return an untrained net on a, b and c."""
    torch.manual_seed(seed)
    return map_of_net(CharRNN(3, hidden_size, cell, layers, "onehot"), "abc", rows=4)
