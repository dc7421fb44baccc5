import re

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from analysis.hidden_states import principal_components, top_layer, trajectory
from rnn_core.config import TrainConfig
from rnn_core.model import CharRNN
from rnn_core.prepare import prepare
from rnn_core.vocabulary import Vocabulary


def draw_states(steps: int, units: int) -> np.ndarray:
    generator = np.random.default_rng(4)
    spread = np.linspace(3, 1, units)  # each direction varies differently, so that their order is certain
    return (generator.normal(size=(steps, units)) * spread + generator.normal(size=units)).astype(np.float32)


@pytest.mark.parametrize(("steps", "units", "count"), [(50, 16, 2), (50, 16, 16), (7, 16, 3), (200, 3, 2), (3, 2, 1)])
def test_components_are_those_of_scikit_learn_but_for_their_sign(steps: int, units: int, count: int) -> None:
    states = draw_states(steps, units)
    coordinates, share = principal_components(states, count)
    pca = PCA(n_components=count, svd_solver="full")
    expected = pca.fit_transform(states.astype(np.float64))
    assert coordinates.shape == (steps, count)
    for came, right in zip(coordinates.T, expected.T, strict=True):
        assert min(np.abs(came - right).max(), np.abs(came + right).max()) < 1e-5
    np.testing.assert_allclose(share, pca.explained_variance_ratio_, atol=1e-6)


def test_the_furthest_point_of_each_direction_is_on_its_positive_side() -> None:
    states = draw_states(40, 6)
    coordinates, _ = principal_components(states, 4)
    for column in coordinates.T:
        assert column[np.abs(column).argmax()] > 0
    flipped, _ = principal_components(-states, 4)
    np.testing.assert_allclose(flipped, coordinates, atol=1e-5)


def test_distances_are_kept_and_the_states_too() -> None:
    states = draw_states(20, 5)
    before = states.copy()
    coordinates, share = principal_components(states, 5)
    distances = np.linalg.norm(states[:, None].astype(np.float64) - states[None], axis=-1)
    projected = np.linalg.norm(coordinates[:, None] - coordinates[None], axis=-1)
    np.testing.assert_allclose(projected, distances, atol=1e-5)
    assert share.sum() == pytest.approx(1.0)
    assert np.array_equal(states, before)


@pytest.mark.parametrize("units", [1, 16])
def test_a_single_state_stands_at_the_origin(units: int) -> None:
    coordinates, share = principal_components(draw_states(1, units))
    assert coordinates.tolist() == [[0.0, 0.0]]
    assert share.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("value", [0.0, 0.5, -1.0])
def test_states_that_never_change_stand_at_the_origin(value: float) -> None:
    coordinates, share = principal_components(np.full((12, 4), value, dtype=np.float32))
    assert not coordinates.any()
    assert share.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("value", [0.1, 0.3, 0.7])
def test_constant_states_have_no_variance_to_share(value: float) -> None:
    _, share = principal_components(np.full((10, 3), value, dtype=np.float32))
    assert share.tolist() == [0.0, 0.0]


def test_one_unit_has_one_direction_and_the_second_is_zero() -> None:
    states = np.array([[0.5], [-0.25], [1.0], [-0.5]])
    coordinates, share = principal_components(states)
    np.testing.assert_allclose(coordinates[:, 0], states[:, 0] - states.mean(), atol=1e-12)
    assert not coordinates[:, 1].any()
    assert share.tolist() == [1.0, 0.0]


def test_directions_beyond_what_there_is_are_zero() -> None:
    coordinates, share = principal_components(draw_states(3, 2), count=6)
    assert coordinates.shape == (3, 6)
    assert coordinates[:, :2].any(axis=0).all()
    assert not coordinates[:, 2:].any()
    assert not share[2:].any()
    assert share.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_trajectory_is_the_states_that_the_net_goes_through(cell: str, layers: int) -> None:
    net = prepare(TrainConfig(cell=cell, layers=layers, encoding="onehot")).build_net()
    vocabulary = Vocabulary("abc")
    states = trajectory(net, vocabulary, "abcabca")
    assert states.shape == (layers, 7, 16)
    assert states.dtype == np.float32
    with torch.no_grad():
        x = net.encode(vocabulary.encode("abcabca")[None])
        expected = net.states(x, net.init_hidden(1))[0][:, 0]
        logits = net.readout(torch.from_numpy(states[-1]))
        np.testing.assert_allclose(logits, net(x, net.init_hidden(1))[0][0], atol=1e-6)
    np.testing.assert_array_equal(states, expected.numpy())


def test_a_trajectory_starts_from_zero_and_follows_the_equation() -> None:
    torch.manual_seed(2)
    net = CharRNN(vocabulary_size=3, hidden_size=4)
    weights = {name: weight.detach().double().numpy() for name, weight in net.recurrent.named_parameters()}
    h, expected = np.zeros(4), []
    for index in (0, 2, 1, 1):
        from_input = weights["weight_ih_l0"][:, 0] * index + weights["bias_ih_l0"]
        h = np.tanh(from_input + weights["weight_hh_l0"] @ h + weights["bias_hh_l0"])
        expected.append(h)
    np.testing.assert_allclose(trajectory(net, Vocabulary("abc"), "acbb")[0], expected, atol=1e-6)


@pytest.mark.parametrize("text", ["#ab#aabb#", "#", "ab#ab", "##a", "ab"])
@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_with_a_mark_each_string_starts_from_zero(cell: str, text: str) -> None:
    torch.manual_seed(2)
    net, vocabulary = CharRNN(3, 4, cell, 2, "onehot"), Vocabulary("#ab")
    strings = re.findall("#?[ab]*", text)[:-1]
    assert "".join(strings) == text
    alone = [trajectory(net, vocabulary, string) for string in strings]
    np.testing.assert_allclose(trajectory(net, vocabulary, text, "#"), np.concatenate(alone, axis=1), atol=1e-6)


@pytest.mark.parametrize("text", ["#ab#aabb#", "#", "ab#ab", "##a", "ab", "#abba#b"])
@pytest.mark.parametrize("mark", ["", "#"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_the_top_layer_is_the_last_of_a_trajectory(cell: str, layers: int, mark: str, text: str) -> None:
    torch.manual_seed(2)
    net, vocabulary = CharRNN(3, 4, cell, layers, "embedding"), Vocabulary("#ab")
    states = top_layer(net, vocabulary, text, mark)
    assert states.shape == (len(text), 4)
    assert states.dtype == np.float32
    np.testing.assert_allclose(states, trajectory(net, vocabulary, text, mark)[-1], atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_looking_at_a_net_does_not_change_it(training: bool) -> None:
    net = prepare(TrainConfig(cell="gru")).build_net().train(training)
    before = [weight.detach().clone() for weight in net.parameters()]
    trajectory(net, Vocabulary("abc"), "abcabc")
    top_layer(net, Vocabulary("abc"), "abcabc")
    assert net.training is training
    assert torch.is_grad_enabled()
    assert all(weight.grad is None and weight.requires_grad for weight in net.parameters())
    assert all(torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))
