"""Adam, written out: torch's own imports its compiler first, a third of the time of a short run."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""The paper's defaults, and torch's."""


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1): steps scaled by running means of the gradient and of its square.

    Arguments:
        weights: the tensors to train in place; each needs a gradient at every step.
        learning_rate: the step size alpha, above 0.
    """

    def __init__(self, weights: Iterable[Tensor], learning_rate: float) -> None:
        self.weights = list(weights)
        self.learning_rate = learning_rate
        self.steps = 0
        self.means = [torch.zeros_like(weight) for weight in self.weights]
        self.squares = [torch.zeros_like(weight) for weight in self.weights]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for weight in self.weights:
            weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Take one step along the gradients."""
        self.steps += 1
        # Both running means start at zero; dividing by these corrects for it.
        rate = self.learning_rate / (1 - BETA1**self.steps)
        spread = math.sqrt(1 - BETA2**self.steps)
        for weight, mean, square in zip(self.weights, self.means, self.squares, strict=True):
            gradient = weight.grad
            assert gradient is not None
            mean.lerp_(gradient, 1 - BETA1)
            square.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
            weight.addcdiv_(mean, (square.sqrt() / spread).add_(EPSILON), value=-rate)
