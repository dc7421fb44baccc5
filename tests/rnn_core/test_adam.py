import math

import pytest
import torch

from rnn_core.training.adam import Adam

SHAPES = ((16, 8), (3,), (1,))


def draw_weights(seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in SHAPES]


@pytest.mark.parametrize("learning_rate", [1e-4, 0.01, 0.3])
@pytest.mark.parametrize("scale", [1.0, 1e-8])
def test_weights_follow_torchs_adam(learning_rate: float, scale: float) -> None:
    ours, theirs = draw_weights(1), draw_weights(1)
    adam, reference = Adam(ours, learning_rate), torch.optim.Adam(theirs, lr=learning_rate)
    generator = torch.Generator().manual_seed(2)
    for step in range(300):
        for mine, other in zip(ours, theirs, strict=True):
            # Stretches of zero gradient show the running means decay; a tiny scale shows the epsilon.
            gradient = scale * torch.randn(mine.shape, generator=generator) * (step % 50 < 40)
            mine.grad, other.grad = gradient.clone(), gradient.clone()
        adam.step()
        reference.step()
        if step % 10 == 9:
            for mine, other in zip(ours, theirs, strict=True):
                torch.testing.assert_close(mine, other, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("weight_decay", [0.01, 0.5])
def test_weights_decay_as_torchs_adamw_lets_them_while_the_step_size_changes(weight_decay: float) -> None:
    ours, theirs = draw_weights(1), draw_weights(1)
    adam = Adam(ours, 0.1, weight_decay)
    reference = torch.optim.AdamW(theirs, lr=0.1, weight_decay=weight_decay)
    generator = torch.Generator().manual_seed(2)
    for step in range(100):
        adam.learning_rate = reference.param_groups[0]["lr"] = 0.1 / (1 + step)
        for mine, other in zip(ours, theirs, strict=True):
            gradient = torch.randn(mine.shape, generator=generator)
            mine.grad, other.grad = gradient.clone(), gradient.clone()
        adam.step()
        reference.step()
        if step % 10 == 9:
            for mine, other in zip(ours, theirs, strict=True):
                torch.testing.assert_close(mine, other, atol=1e-6, rtol=1e-6)


def test_without_a_gradient_weights_shrink_by_decay_times_step_size() -> None:
    weight = torch.tensor([2.0, -3.0], requires_grad=True)
    adam = Adam([weight], 0.1, weight_decay=0.5)
    weight.grad = torch.zeros(2)
    adam.step()
    torch.testing.assert_close(weight.detach(), torch.tensor([2.0, -3.0]) * (1 - 0.1 * 0.5))


def test_a_step_of_size_zero_moves_nothing() -> None:
    weight = torch.tensor([2.0], requires_grad=True)
    adam = Adam([weight], 0.1, weight_decay=0.5)
    adam.learning_rate = 0.0
    weight.grad = torch.tensor([4.0])
    adam.step()
    assert weight.item() == 2.0


@pytest.mark.parametrize("gradient", [1e-3, -2.0, 500.0])
def test_the_first_step_is_as_long_as_the_learning_rate(gradient: float) -> None:
    weight = torch.zeros(1, requires_grad=True)
    weight.grad = torch.tensor([gradient])
    Adam([weight], 0.1).step()
    assert weight.item() == pytest.approx(-math.copysign(0.1, gradient), rel=1e-4)


def test_weights_may_come_from_a_generator() -> None:
    module = torch.nn.Linear(2, 2)
    adam = Adam(module.parameters(), 0.1)
    before = [weight.detach().clone() for weight in module.parameters()]
    module(torch.ones(1, 2)).sum().backward()
    adam.step()
    assert len(adam.weights) == 2
    assert all(not torch.equal(old, new) for old, new in zip(before, module.parameters(), strict=True))


def test_zero_grad_forgets_every_gradient() -> None:
    weights = draw_weights(3)
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    Adam(weights, 0.1).zero_grad()
    assert all(weight.grad is None for weight in weights)


def test_a_step_leaves_the_gradients_and_the_graph_alone() -> None:
    weight = torch.ones(2, requires_grad=True)
    adam = Adam([weight], 0.1)
    weight.grad = torch.tensor([1.0, -1.0])
    adam.step()
    assert weight.grad.tolist() == [1.0, -1.0]
    assert weight.is_leaf
    assert weight.requires_grad
