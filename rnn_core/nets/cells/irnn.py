"""irnn: the cell relu, which starts as a memory that changes nothing (Le, Jaitly & Hinton 2015).

    h_t = max(0, W x_t + b + U h_(t-1) + b')

At the start U is the identity, b = b' = 0, and W is drawn from a normal distribution with mean 0 and standard deviation
0.001.

State and weights are those of relu.
"""

import torch
from torch import nn

from rnn_core.nets.cell import layer_weights
from rnn_core.nets.cells.relu import Relu

SCALE = 0.001
"""The standard deviation of the weights for the input at the start."""


class Irnn(Relu):
    """h_t = max(0, W x_t + b + U h_(t-1) + b'); U starts as the identity."""

    def build_layers(self, input_size: int, hidden_size: int, count: int) -> nn.Module:
        layers = super().build_layers(input_size, hidden_size, count)
        with torch.no_grad():
            for layer in range(count):
                weights = layer_weights(self, layers, layer)
                nn.init.normal_(weights["weight_ih"], std=SCALE)
                nn.init.eye_(weights["weight_hh"])
                nn.init.zeros_(weights["bias_ih"])
                nn.init.zeros_(weights["bias_hh"])
        return layers


CELL = Irnn()
