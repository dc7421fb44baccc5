"""Adam with torch's fused kernel.

torch.optim is not used because its import takes a third of the time of a short run: it imports torch's compiler.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""The defaults of the paper and of torch."""


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1), with the weight decay of AdamW (Loshchilov & Hutter 2019, algorithm 2).

    Arguments:
        weights: the tensors to train in place. One that has no gradient, since the loss does not depend on it, gets a
            step with a gradient of 0.
        learning_rate: the step size alpha, 0 or above; the attribute may be changed before each step.
        weight_decay: lambda, 0 or above: each step first multiplies all weights by 1 - alpha lambda.
    """

    def __init__(self, weights: Iterable[Tensor], learning_rate: float, weight_decay: float = 0.0) -> None:
        self.weights = list(weights)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.means = [torch.zeros_like(weight) for weight in self.weights]
        self.squares = [torch.zeros_like(weight) for weight in self.weights]
        self.steps = [torch.zeros((), device=weight.device) for weight in self.weights]

    def zero_grad(self) -> None:
        """Set all gradients to None."""
        for weight in self.weights:
            weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Take one step along the gradients."""
        torch._foreach_add_(self.steps, 1)
        # The kernel of torch.optim.AdamW(fused=True), for all weights in one call; without decay it is Adam.
        torch._fused_adamw_(
            self.weights,
            [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in self.weights],
            self.means,
            self.squares,
            [],  # the running maxima of AMSGrad, which is off
            self.steps,
            lr=self.learning_rate,
            beta1=BETA1,
            beta2=BETA2,
            weight_decay=self.weight_decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )
