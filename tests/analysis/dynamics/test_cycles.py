import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import subspace_angles
from scipy.spatial import procrustes

from analysis.dynamics import (
    aligned,
    collect,
    cycle,
    fit_projection,
    free_running,
    measure_cycle,
    period,
    procrustes_distance,
    procrustes_distances,
)
from analysis.dynamics.cycles import TOLERANCE
from rnn_core.config import TrainConfig
from rnn_core.data import prepare
from rnn_core.training import train

SEEDS = st.integers(0, 2**32 - 1)


def draw(seed: int, steps: int = 20, units: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(steps, units)) + 1


def rotation(seed: int, units: int) -> np.ndarray:
    """A rotation or a reflection."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(units, units)))[0]


@given(SEEDS, st.floats(0.01, 100), st.floats(-5, 5))
def test_a_rotated_scaled_and_shifted_trajectory_is_brought_back(seed: int, scale: float, shift: float) -> None:
    states = draw(seed)
    moved = states @ rotation(seed, 4) * scale + shift
    np.testing.assert_allclose(aligned(moved, states), states, atol=1e-7)
    assert procrustes_distance(moved, states) < 1e-6


@pytest.mark.parametrize("sign", [1, -1])
def test_reflections_count_as_rotations(sign: int) -> None:
    states = draw(1)
    np.testing.assert_allclose(aligned(states * [sign, 1, 1, 1], states), states, atol=1e-9)


def test_single_precision_states_are_not_changed_and_align_as_well() -> None:
    states = draw(2).astype(np.float32)
    moved = (states @ rotation(3, 4)).astype(np.float32)
    before = states.copy(), moved.copy()
    np.testing.assert_allclose(aligned(moved, states), states, atol=1e-5)
    assert procrustes_distance(moved, states) < 1e-5
    assert np.array_equal(states, before[0])
    assert np.array_equal(moved, before[1])


@given(SEEDS, st.integers(1, 6), st.integers(1, 6))
def test_what_alignment_leaves_is_the_distance(seed: int, units: int, others: int) -> None:
    states, reference = draw(seed, units=units), draw(seed + 1, units=others)
    placed = aligned(states, reference)
    assert placed.shape == (20, max(units, others))
    padded = np.pad(reference, ((0, 0), (0, placed.shape[1] - others)))
    left = np.linalg.norm(placed - padded) / np.linalg.norm(reference - reference.mean(axis=0))
    assert left == pytest.approx(procrustes_distance(states, reference), abs=1e-7)
    disparity = procrustes(padded, np.pad(states, ((0, 0), (0, placed.shape[1] - units))))[2]  # SciPy's: its square
    assert left**2 == pytest.approx(disparity, abs=1e-7)


def test_no_rotation_and_scale_tried_at_random_comes_closer() -> None:
    states, reference = draw(5), draw(6)
    least = np.linalg.norm(aligned(states, reference) - reference)
    generator = np.random.default_rng(7)
    for seed in range(200):
        turned = states @ rotation(seed, 4) * generator.uniform(0, 1.5)
        tried = turned - turned.mean(axis=0) + reference.mean(axis=0) + generator.normal(size=4) * 0.01
        assert np.linalg.norm(tried - reference) > least


def test_nets_of_fewer_units_lie_within_those_of_more() -> None:
    narrow = draw(8, units=3)
    wide = np.pad(narrow, ((0, 0), (0, 5))) @ rotation(9, 8) * 2 + 0.5
    np.testing.assert_allclose(aligned(narrow, wide), wide, atol=1e-9)
    np.testing.assert_allclose(aligned(wide, narrow), np.pad(narrow, ((0, 0), (0, 5))), atol=1e-9)
    assert procrustes_distance(narrow, wide) < 1e-7
    projection = fit_projection([wide, aligned(narrow, wide)], 3)
    np.testing.assert_allclose(projection(aligned(narrow, wide)), projection(wide), atol=1e-9)


def test_the_distance_of_known_shapes() -> None:
    # A walk along a line and one at right angles to it in time share nothing; the mean of both is 45 degrees from each.
    line, other = np.array([[1.0], [-1], [1], [-1]]), np.array([[1.0], [1], [-1], [-1]])
    assert procrustes_distance(line, other) == 1.0
    assert procrustes_distance(line, line + other) == pytest.approx(math.sin(math.pi / 4))
    assert procrustes_distance(line, -3 * line + 2) == pytest.approx(0, abs=1e-7)
    # For trajectories of one unit, it is the sine of the angle between them.
    first, second = draw(10, units=1), draw(11, units=1)
    angle = subspace_angles(first - first.mean(), second - second.mean())[0]
    assert procrustes_distance(first, second) == pytest.approx(math.sin(angle))


@given(st.lists(st.integers(1, 5), min_size=3, max_size=5), SEEDS)
def test_distances_are_a_metric(widths: list[int], seed: int) -> None:
    trajectories = [draw(seed + number, 8, units) for number, units in enumerate(widths)]
    distance = procrustes_distances(trajectories)
    assert distance.shape == (len(widths), len(widths))
    assert not distance.diagonal().any()
    assert np.array_equal(distance, distance.T)
    assert distance.min() >= 0
    assert distance.max() <= 1
    # Through any third it is no shorter.
    assert (distance[:, None, :] <= distance[:, :, None] + distance[None, :, :] + 1e-9).all()
    assert distance[0, 1] == procrustes_distance(trajectories[0], trajectories[1])


@given(SEEDS, st.floats(0.01, 100), st.floats(-5, 5))
def test_the_distance_does_not_see_rotation_scale_and_shift(seed: int, scale: float, shift: float) -> None:
    first, second = draw(seed), draw(seed + 1, units=6)
    moved = first @ rotation(seed, 4) * scale + shift
    assert procrustes_distance(moved, second) == pytest.approx(procrustes_distance(first, second), abs=1e-9)


@pytest.mark.parametrize("compare", [aligned, procrustes_distance, lambda *both: procrustes_distances(both)])
def test_trajectories_that_cannot_be_compared_are_refused(compare) -> None:
    with pytest.raises(ValueError, match=r"have \[15, 30\] states; .* the same text"):
        compare(draw(0, 30), draw(1, 15))
    with pytest.raises(ValueError, match=r"trajectory 1 \(from 0\) is constant"):
        compare(draw(0), np.full((20, 3), 0.1, dtype=np.float32))
    with pytest.raises(ValueError, match=r"trajectory 0 \(from 0\) is constant"):
        compare(draw(0, 1), draw(0, 1))


def test_no_trajectories_have_no_distances() -> None:
    assert procrustes_distances([]).shape == (0, 0)


def repeat(places: np.ndarray, steps: int) -> np.ndarray:
    return places[np.arange(steps) % len(places)]


@given(SEEDS, st.integers(2, 12), st.integers(1, 5))
def test_a_cycle_has_its_length_for_period(seed: int, length: int, units: int) -> None:
    found = period(repeat(draw(seed, length, units), 120), 25)
    assert found.lag == length
    assert found.mismatch_p.shape == (25,)
    assert not found.mismatch_p[length - 1 :: length].any()


def test_the_mismatch_is_what_a_hand_loop_finds() -> None:
    states = draw(3, 41, 3)
    settled = states[20:]
    pairs = [np.sum((a - b) ** 2) for a in settled for b in settled]
    unrelated = np.mean(pairs)  # two moments drawn at random, each from all of them
    for lag, mismatch in enumerate(period(states, 10).mismatch_p, start=1):
        apart = [np.sum((settled[t + lag] - settled[t]) ** 2) for t in range(21 - lag)]
        assert mismatch == pytest.approx(math.sqrt(np.mean(apart) / unrelated))


def test_opposite_states_are_further_apart_than_unrelated_ones() -> None:
    found = period(repeat(np.array([[1.0], [-1.0]]), 80), 4)
    np.testing.assert_allclose(found.mismatch_p, [math.sqrt(2), 0, math.sqrt(2), 0], atol=1e-9)
    assert found.lag == 2


@pytest.mark.parametrize("apart", [0.05, 0.5])
def test_a_state_that_returns_every_second_unit_is_told_from_one_that_returns_every_time(apart: float) -> None:
    once = draw(4, 3)
    twice = np.concatenate([once, once + apart * draw(5, 3)])
    assert period(repeat(once, 96), 12).lag == 3
    found = period(repeat(twice, 96), 12)
    assert found.lag == 6
    assert found.mismatch_p[2] < 0.7


def test_a_transient_is_left_out() -> None:
    states = repeat(draw(6, 4), 200)
    states[:100] += 50 * 0.9 ** np.arange(100)[:, None]
    assert period(states, 10).lag == 4


def test_the_tolerance_parts_nets_that_came_back_from_nets_that_did_not() -> None:
    """The slowest net that came back was 1e-4 from itself after 100 characters, the nearest that did not 0.026."""
    assert 10 * 1e-4 <= TOLERANCE <= 0.026 / 10


@pytest.mark.parametrize(("noise", "lag"), [(2e-4, 4), (5e-3, None)])
def test_noise_within_the_tolerance_is_not_seen(noise: float, lag: int | None) -> None:
    states = repeat(draw(6, 4), 200)
    assert period(states + noise * np.random.default_rng(1).normal(size=states.shape), 10).lag == lag


def test_a_cycle_may_drift_a_little_but_not_away() -> None:
    states = repeat(draw(6, 4), 200)
    drift = np.arange(200)[:, None] / 200
    assert period(states + drift * 0.01, 20).lag == 4
    assert period(states + drift, 20).lag is None
    assert period(states + drift, 20, tolerance=0.5).lag == 4


@pytest.mark.parametrize("steps", [200, 4000])
def test_what_only_drifts_has_no_period_however_slow(steps: int) -> None:
    found = period(np.linspace(0, 1, steps)[:, None] * [1.0, 2.0], steps // 4, tolerance=0.02)
    assert found.mismatch_p[0] < 0.03
    assert found.lag is None


@pytest.mark.parametrize("seed", range(5))
def test_a_random_walk_has_no_period(seed: int) -> None:
    walk = np.cumsum(np.random.default_rng(seed).normal(size=(4000, 3)), axis=0)
    assert period(walk, 1000).lag is None


@pytest.mark.parametrize("turns", [(math.sqrt(5) - 1) / 2, math.sqrt(2), 1 / (200 * math.sqrt(2)), math.pi])
def test_a_circle_with_an_irrational_step_has_no_period(turns: float) -> None:
    angle = 2 * math.pi * turns * np.arange(1000)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert period(circle, 100).lag is None


def test_a_circle_with_a_rational_step_has_its_denominator_for_period() -> None:
    angle = 2 * math.pi * 5 / 13 * np.arange(1000)
    assert period(np.stack([np.cos(angle), np.sin(angle)], axis=1), 100).lag == 13


def test_a_state_that_stands_still_returns_at_once() -> None:
    for value in (0.0, 0.3, -1.0):
        found = period(np.full((40, 3), value, dtype=np.float32), 5)
        assert found.lag == 1
        assert found.mismatch_p.tolist() == [0.0] * 5
    wobbling = np.full((40, 3), 0.3, dtype=np.float32)
    wobbling[::3] = np.nextafter(np.float32(0.3), np.float32(1))  # the last digit is not a movement
    assert period(wobbling, 5).lag == 1
    stopping = np.concatenate([draw(1, 20, 3), np.zeros((20, 3))])
    assert period(stopping, 5).lag == 1


@pytest.mark.parametrize(("steps", "longest"), [(38, 10), (40, 11), (40, 0), (40, -1), (2, 1), (0, 1)])
def test_too_few_states_for_the_longest_lag_are_refused(steps: int, longest: int) -> None:
    with pytest.raises(ValueError, match=f"max_lag is {longest} for {steps} states; allowed: 1 to {steps // 4}"):
        period(np.zeros((steps, 2)), longest)


def test_a_quarter_of_the_states_is_enough() -> None:
    assert period(repeat(draw(1, 10), 40), 10).lag == 10


@given(SEEDS, st.integers(1, 6), st.integers(0, 40))
def test_a_cycle_is_the_mean_state_at_each_place(seed: int, length: int, more: int) -> None:
    states = draw(seed, 4 * length + more, 3)
    steps = len(states)
    first = steps - (steps - steps // 2) // length * length  # whole repetitions, counted from the end
    expected = [
        np.mean([states[t] for t in range(first, steps) if t % length == place], axis=0) for place in range(length)
    ]
    np.testing.assert_allclose(cycle(states, length), expected, atol=1e-12)


def test_the_shape_of_a_square() -> None:
    square = np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]]) * 3 + 7
    for steps in (32, 33, 34, 35):
        found = measure_cycle(repeat(square, steps), 4)
        assert found.radius == pytest.approx(3)
        assert found.separation == pytest.approx(1)
        assert found.nearest == pytest.approx(math.sqrt(2))
    # Twice as long a unit: its places fall together in pairs.
    assert measure_cycle(repeat(square, 32), 8).nearest == pytest.approx(0, abs=1e-7)


def test_separation_is_the_share_of_variance_between_the_places() -> None:
    states = repeat(draw(2, 3), 120) + draw(3, 120)
    settled, places = states[60:], np.arange(60) % 3
    total = settled.var(axis=0).sum()
    between = np.mean([np.sum((settled[places == place].mean(axis=0) - settled.mean(axis=0)) ** 2) for place in places])
    found = measure_cycle(states, 3)
    assert found.separation == pytest.approx(between / total)
    assert found.radius == pytest.approx(math.sqrt(total))
    closest = min(np.linalg.norm(cycle(states, 3)[a] - cycle(states, 3)[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert found.nearest == pytest.approx(closest / math.sqrt(total))


def test_states_that_do_not_know_the_place_separate_by_chance_alone() -> None:
    found = [measure_cycle(draw(seed, 24, 5), 3).separation for seed in range(200)]
    assert np.mean(found) == pytest.approx((3 - 1) / (12 - 1), abs=0.02)


@given(SEEDS, st.floats(0.01, 100))
def test_the_radius_grows_with_the_states_and_the_rest_does_not(seed: int, scale: float) -> None:
    states = draw(seed, 60)
    one, other = measure_cycle(states, 3), measure_cycle(states @ rotation(seed, 4) * scale + 2, 3)
    assert other.radius == pytest.approx(one.radius * scale)
    assert other.separation == pytest.approx(one.separation)
    assert other.nearest == pytest.approx(one.nearest)
    assert 0 <= one.separation <= 1


def test_a_state_that_stands_still_has_no_cycle() -> None:
    found = measure_cycle(np.full((40, 3), 0.1, dtype=np.float32), 3)
    assert found.radius < 1e-7
    assert (found.separation, found.nearest) == (0.0, 0.0)


@pytest.mark.parametrize("measure", [cycle, measure_cycle])
@pytest.mark.parametrize(("steps", "length"), [(11, 3), (10, 3), (0, 2)])
def test_a_second_half_without_two_repetitions_is_refused(measure, steps: int, length: int) -> None:
    if steps == 11:  # 6 of them in the second half
        assert measure(draw(0, steps), length) is not None
        return
    with pytest.raises(ValueError, match=f"motif_length is {length} for {steps} states; allowed: 1 to"):
        measure(draw(0, steps), length)


def test_a_unit_has_places() -> None:
    with pytest.raises(ValueError, match="motif_length is 0 for"):
        cycle(draw(0), 0)
    with pytest.raises(ValueError, match="motif_length is 1; allowed: 2 or more"):
        measure_cycle(draw(0), 1)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_trained_net_comes_back_after_three_characters(cell: str) -> None:
    prepared = prepare(TrainConfig(pattern="abc", cell=cell, hidden_size=8, epochs=200, seed=0))
    before = collect(prepared.build_net(), prepared.vocabulary, "abc" * 80).top_th
    *_, last = train(prepared)
    taught = collect(last.net, prepared.vocabulary, "abc" * 80)
    free = free_running(last.net, prepared.vocabulary, "abc" * 5, 240)
    assert free.text == taught.text
    for states in (taught, free):
        found = period(states.top_th, 24)
        assert found.lag == 3
        assert found.mismatch_p[2::3].max() < 1e-5
        assert np.delete(found.mismatch_p, np.s_[2::3]).min() > 1
        assert measure_cycle(states.top_th, 3).separation == pytest.approx(1, abs=1e-6)
    assert procrustes_distance(cycle(free.top_th, 3), cycle(taught.top_th, 3)) < 1e-3
    # Reading drives any net round: the period of what it reads says nothing of what it learnt. The size does.
    assert period(before, 24).lag == 3
    assert measure_cycle(taught.top_th, 3).radius > 2 * measure_cycle(before, 3).radius


def test_a_net_that_has_not_learnt_its_unit_shows_another_period_when_free() -> None:
    prepared = prepare(TrainConfig(pattern="abcabd", hidden_size=8, epochs=100, seed=1))
    *_, last = train(prepared)
    free = free_running(last.net, prepared.vocabulary, "abcabd" * 5, 240)
    assert free.text.endswith("abcabc")
    assert period(free.top_th, 24).lag == 3
    # Taught, the two halves of the unit are a few hundredths apart, and still two.
    found = period(collect(last.net, prepared.vocabulary, "abcabd" * 40).top_th, 24)
    assert found.lag == 6
    assert found.mismatch_p[2] < 0.1
