import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from analysis.dynamics import (
    States,
    collect,
    fit_projection,
    free_running,
    principal_components,
    probe,
)
from analysis.dynamics.probes import FOLDS
from rnn_core.config import TrainConfig
from rnn_core.data import Prepared, prepare
from rnn_core.nets.cell import join
from rnn_core.nets.cells import CELLS
from rnn_core.nets.charrnn import CharRNN
from rnn_core.training import train
from rnn_core.vocabulary import UnknownCharacterError, Vocabulary


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Many threads wait for one another over single steps, for seconds where other processes run beside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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


def test_a_projection_keeps_what_it_was_fitted_on_and_places_other_states() -> None:
    states, others = draw_states(40, 6), draw_states(9, 6) + 1
    projection = fit_projection([states], 3)
    coordinates, share = principal_components(states, 3)
    np.testing.assert_array_equal(projection(states), coordinates)
    np.testing.assert_array_equal(projection.share_k, share)
    pca = PCA(n_components=3, svd_solver="full").fit(states.astype(np.float64))
    np.testing.assert_allclose(np.abs(projection(others)), np.abs(pca.transform(others)), atol=1e-5)
    np.testing.assert_allclose(projection.mean_h, pca.mean_, atol=1e-6)
    np.testing.assert_allclose(projection.direction_kh @ projection.direction_kh.T, np.eye(3), atol=1e-12)


def test_trajectories_of_one_length_are_projected_as_one() -> None:
    first, second = draw_states(30, 5), draw_states(30, 5)[:, ::-1] + 2
    projection = fit_projection([first, second], 5)
    pca = PCA(svd_solver="full").fit(np.concatenate([first, second]).astype(np.float64))
    np.testing.assert_allclose(np.abs(projection(first)), np.abs(pca.transform(first)), atol=1e-5)
    np.testing.assert_allclose(projection.share_k, pca.explained_variance_ratio_, atol=1e-6)
    both = np.concatenate([projection(first), projection(second)])
    assert all(column[np.abs(column).argmax()] > 0 for column in both.T)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_each_trajectory_weighs_alike_however_often_it_goes_round(
    first_turns: int, second_turns: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    first, second = generator.normal(size=(2, 7, 4)) * [4, 3, 2, 1]
    once = fit_projection([first, second], 4)
    often = fit_projection([np.tile(first, (first_turns, 1)), np.tile(second, (second_turns, 1))], 4)
    np.testing.assert_allclose(often.mean_h, once.mean_h, atol=1e-12)
    np.testing.assert_allclose(often.share_k, once.share_k, atol=1e-12)
    np.testing.assert_allclose(np.abs(often(first)), np.abs(once(first)), atol=1e-6)


def test_the_sign_is_that_of_the_largest_coordinate_and_not_of_the_heaviest() -> None:
    short, long = np.array([[-3.0], [3.0]]), np.array([[5.0], *[[-1.0]] * 5] * 20)
    projection = fit_projection([short, long], 1)
    assert projection.mean_h.tolist() == [0.0]
    assert projection(long).max() == 5.0
    flipped = fit_projection([-short, -long], 1)
    assert flipped(-long).max() == 5.0


@pytest.mark.parametrize(("widths", "named"), [((8, 16), r"\[8, 16\]"), ((), r"\[\]")])
def test_trajectories_without_a_common_width_are_refused(widths: tuple[int, ...], named: str) -> None:
    with pytest.raises(ValueError, match=f"have {named} units; .* one width"):
        fit_projection([draw_states(5, width) for width in widths])


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_what_is_collected_is_the_states_that_the_net_goes_through(cell: str, layers: int) -> None:
    net = prepare(TrainConfig(cell=cell, layers=layers, encoding="onehot")).build_net()
    vocabulary = Vocabulary("abc")
    assert collect(net, vocabulary, "abcabca").output_lth.dtype == np.float32
    net.double()  # a cell may take several steps at once, which rounds otherwise
    collected = collect(net, vocabulary, "abcabca")
    states = collected.output_lth
    assert collected.text == "abcabca"
    assert tuple(collected.state) == net.state_names
    assert states.shape == (layers, 7, 16)
    with torch.no_grad():
        x = net.encode(vocabulary.encode("abcabca")[None])
        expected, _ = net.trace(x, net.init_state(1))
        _, last = net(x, net.init_state(1))
        logits = net.readout(torch.from_numpy(states[-1]))
        np.testing.assert_allclose(logits, net(x, net.init_state(1))[0][0], atol=1e-6)
    np.testing.assert_array_equal(states, expected[:, 0].numpy())
    np.testing.assert_array_equal(collected.top_th, states[-1])
    for part, end in zip(collected.state.values(), last, strict=True):
        assert part.shape == (layers, 7, *end.shape[2:])
        np.testing.assert_allclose(part[:, -1], end[:, 0], atol=1e-6)


@pytest.mark.parametrize("text", ["#ab#aabb#", "#", "ab#ab", "##a", "ab"])
@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_with_a_mark_each_string_starts_from_zero(cell: str, text: str) -> None:
    torch.manual_seed(2)
    net, vocabulary = CharRNN(3, 4, cell, 2, "onehot"), Vocabulary("#ab")
    strings = re.findall("#?[ab]*", text)[:-1]
    assert "".join(strings) == text
    states, alone = collect(net, vocabulary, text, "#"), [collect(net, vocabulary, string) for string in strings]
    outputs = np.concatenate([string.output_lth for string in alone], axis=1)
    np.testing.assert_allclose(states.output_lth, outputs, atol=1e-6)
    for name, part in states.state.items():
        np.testing.assert_allclose(part, np.concatenate([string.state[name] for string in alone], axis=1), atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_looking_at_a_net_does_not_change_it(training: bool) -> None:
    net = prepare(TrainConfig(cell="gru")).build_net().train(training)
    before = [weight.detach().clone() for weight in net.parameters()]
    collect(net, Vocabulary("abc"), "abcabc")
    free_running(net, Vocabulary("abc"), "abc", 5)
    assert net.training is training
    assert torch.is_grad_enabled()
    assert all(weight.grad is None and weight.requires_grad for weight in net.parameters())
    assert all(torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))


def test_an_empty_text_has_no_states() -> None:
    with pytest.raises(ValueError, match="the text is empty"):
        collect(CharRNN(3, 4), Vocabulary("abc"), "")
    with pytest.raises(UnknownCharacterError):
        collect(CharRNN(3, 4), Vocabulary("abc"), "abd")


def run_by_hand(net: CharRNN, vocabulary: Vocabulary, prime: str, count: int, mark: str) -> States:
    """Read the prime, then write and read, one character at a time."""
    written, steps = "", []
    hidden, following = net.init_state(1), ""
    with torch.no_grad():
        for t in range(len(prime) + count):
            character = prime[t] if t < len(prime) else following
            if character == mark:
                hidden = net.init_state(1)
            x = net.encode(vocabulary.encode(character)[None])
            output_lbth, _ = net.trace(x, hidden)
            logits_btv, hidden = net(x, hidden)
            following = vocabulary.decode([int(logits_btv[0, -1].argmax())])
            if t >= len(prime):
                written += character
                steps.append([output_lbth[:, :1, 0], *hidden])
    output_lth, *parts = (join(part, 1).numpy() for part in zip(*steps, strict=True))
    return States(written, output_lth, dict(zip(net.state_names, parts, strict=True)))


@pytest.mark.parametrize("mark", ["", "a", "c"])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("cell", CELLS)
def test_free_running_is_reading_what_one_wrote(cell: str, seed: int, mark: str) -> None:
    torch.manual_seed(seed)
    net, vocabulary = CharRNN(3, 5, cell, 2, "onehot").double(), Vocabulary("abc")
    with torch.no_grad():
        for weight in net.parameters():
            weight *= 4  # a fresh net writes one character for ever
    expected = run_by_hand(net, vocabulary, "abca", 25, mark)
    states = free_running(net, vocabulary, "abca", 25, mark)
    assert states.text == expected.text
    assert states.output_lth.shape == (2, 25, 5)
    np.testing.assert_allclose(states.output_lth, expected.output_lth, atol=1e-5)
    assert states.state.keys() == expected.state.keys()
    for name, part in states.state.items():
        came, right = (torch.from_numpy(values) for values in (part, expected.state[name]))
        assert came.shape[1] == right.shape[1] == 25
        difference = join([came[None], -right[None]], 0).sum(0)  # one of them may have grown more
        np.testing.assert_allclose(difference, np.zeros(difference.shape), atol=1e-5)
    again = free_running(net, vocabulary, "abca" + states.text[:10], 15, mark)
    assert again.text == states.text[10:]


@pytest.mark.parametrize(("prime", "count"), [("", 5), ("abc", 0), ("abc", -1)])
def test_running_free_needs_a_prime_and_something_to_write(prime: str, count: int) -> None:
    with pytest.raises(ValueError, match=f"a prime of {len(prime)} characters and a count of {count}"):
        free_running(CharRNN(3, 4), Vocabulary("abc"), prime, count)


def trained(pattern: str, **fields) -> tuple[CharRNN, Prepared]:
    prepared = prepare(TrainConfig(pattern=pattern, hidden_size=8, epochs=300, seed=0, **fields))
    *_, last = train(prepared)
    return last.net, prepared


def test_a_trained_net_writes_its_unit_and_tells_its_characters() -> None:
    net, prepared = trained("abc")
    states = free_running(net, prepared.vocabulary, "abcabc", 60)
    assert states.text == "abc" * 20
    found = probe(states.top_th, states.text, states.text)
    assert found.accuracy == 1.0
    assert found.accuracy_k.tolist() == [1.0] * FOLDS
    assert found.baseline == 1.0
    assert found.chance == pytest.approx(1 / 3)


def test_the_places_of_aab_are_in_the_state_and_not_in_the_character() -> None:
    net, prepared = trained("aab")
    text, places = "aab" * 20, [0, 1, 2] * 20
    found = probe(collect(net, prepared.vocabulary, text).top_th, places, text)
    assert found.accuracy == 1.0
    # b gives its place away; of the two places of a, one can be named
    assert found.baseline == pytest.approx(2 / 3)
    assert probe(np.eye(2)[np.array([0, 0, 1] * 20)], places).accuracy == found.baseline
    # What the net has learnt is not why: an untrained one keeps the places apart too.
    assert probe(collect(prepared.build_net(), prepared.vocabulary, text).top_th, places).accuracy > 0.9


def test_labels_that_the_states_do_not_hold_stay_near_chance() -> None:
    generator = np.random.default_rng(0)
    found = probe(generator.normal(size=(600, 4)), generator.integers(0, 2, 600).tolist())
    assert 0.4 < found.accuracy < 0.6
    assert found.chance < 0.56
    assert found.baseline is None


def test_a_stretch_is_predicted_from_the_others_alone() -> None:
    # One unit says the label, but the other way round in the last stretch: seen nowhere else, so all wrong there.
    labels = [0, 1] * 50
    says = np.array(labels, dtype=float)[:, None]
    says[80:] = 1 - says[80:]
    found = probe(says, labels)
    assert found.accuracy_k.tolist() == [1.0, 1.0, 1.0, 1.0, 0.0]
    assert found.accuracy == 0.8


def test_a_stretch_is_one_of_time_whatever_its_labels() -> None:
    # Where a unit that was silent begins to say the label, one state seen would give the others away.
    labels = [0] * 16 + [0, 1] * 42
    states = np.zeros((100, 2))
    states[:80, 0], states[80:, 1] = np.array(labels[:80]) - 0.5, 9 * (np.array(labels[80:]) - 0.5)
    found = probe(states, labels)
    assert found.accuracy_k.tolist() == [1.0, 1.0, 1.0, 1.0, 0.5]
    assert found.chance == 0.58


def test_accuracy_is_the_share_of_states_where_stretches_differ_in_length() -> None:
    says = np.array([0.0, 1.0] * 6)[:, None]  # stretches of 3, 2, 3, 2, 2
    says[10:] = 1 - says[10:]
    found = probe(says, "ab" * 6)
    assert found.accuracy_k.tolist() == [1.0, 1.0, 1.0, 1.0, 0.0]
    assert found.accuracy == pytest.approx(10 / 12)


def test_several_trajectories_are_one_laid_end_to_end() -> None:
    states, text = draw_states(90, 4), "aabab" * 18
    one = probe(states, text, text[::-1])
    cuts = [0, 20, 55, 90]
    parts = [(states[a:b], text[a:b], text[::-1][a:b]) for a, b in pairwise(cuts)]
    several = probe(*(list(kind) for kind in zip(*parts, strict=True)))
    np.testing.assert_array_equal(several.accuracy_k, one.accuracy_k)
    assert (several.accuracy, several.chance, several.baseline) == (one.accuracy, one.chance, one.baseline)


@settings(max_examples=settings().max_examples // 4)  # a probe is dear
@given(st.integers(2, 4), st.integers(0, 2**32 - 1), st.floats(0.1, 100))
def test_a_probe_does_not_care_for_units_or_names_of_labels(kinds: int, seed: int, scale: float) -> None:
    generator = np.random.default_rng(seed)
    labels = (np.arange(60) % kinds).tolist()
    states = np.eye(kinds)[labels] + generator.normal(size=(60, kinds)) * 0.5
    plain = probe(states, labels)
    renamed = probe(states * scale + 3, [("place", label) for label in labels])
    np.testing.assert_allclose(renamed.accuracy_k, plain.accuracy_k, atol=0.09)  # one state of a stretch may flip


@pytest.mark.parametrize(
    ("steps", "labels", "text", "message"),
    [
        (10, "ab" * 4, None, "8 labels for 10 states"),
        (10, "ab" * 5, "ab" * 6, "12 characters for 10 states"),
        (4, "abab", None, "4 states; allowed: 5 or more"),
        (10, "a" * 10, None, "every state has the label 'a'"),
        (10, [7] * 10, None, "every state has the label 7"),
        (20, "ab" * 9 + "ac", None, "the label 'c' occurs in only one of the 5 folds of 20 states"),
        (20, "ccc" + "ab" * 8 + "a", None, "the label 'c' occurs in only one"),
    ],
)
def test_labels_that_cannot_be_probed_are_refused(steps: int, labels, text: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        probe(draw_states(steps, 3), labels, text)


def test_recording_a_run_does_not_wait_for_scikit_learn() -> None:
    listed = "import sys, analysis.dynamics; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
