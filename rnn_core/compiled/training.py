"""The training of many nets, one after the other, each for some windows: the compiled form of `training.loop.train`."""

import math
from typing import NamedTuple

import numpy as np

from rnn_core.compiled.arithmetic import compiled, exponential, inlined, merged
from rnn_core.compiled.reading import backward, forward, make_buffers

# The end of an array's name gives its axes: N nets, D sets of data, K parameters of a net, E epochs, S steps (packed),
# T steps of a window's longest row, P parts of a state, B rows, L layers, H hidden units, W outputs.


class Data(NamedTuple):
    """The training windows of D sets of data, one set after the other, the steps packed as `compiled.reading` says."""

    read_s: np.ndarray  # the index of the character that is read, int32
    target_s: np.ndarray  # the index of the target after it, int32
    counted_s: np.ndarray  # whether the step counts, bool
    sizes_t: np.ndarray  # the number of rows at each step of each window, int32
    step_starts: np.ndarray  # for each window its first step, and the number of all at the end, int64
    size_starts: np.ndarray  # for each window its first place in `sizes_t`, and the number of all at the end, int64
    fresh: np.ndarray  # for each window whether it is read from a zero state, bool
    window_starts_d: np.ndarray  # for each set its first window, and the number of all at the end, int64


class Nets(NamedTuple):
    """The state of the training of N nets, changed in place; see `StackState`."""

    flat_nk: np.ndarray
    means_nk: np.ndarray
    squares_nk: np.ndarray
    steps_n: np.ndarray  # the optimiser steps taken, of the type of the weights
    windows_n: np.ndarray  # the windows read in all epochs, int64
    alive_n: np.ndarray  # whether the net has not diverged, bool
    loss_sum_n: np.ndarray  # the sums of the present epoch, float64
    correct_n: np.ndarray
    count_n: np.ndarray
    loss_ne: np.ndarray  # the results of the epochs that are done, float64
    accuracy_ne: np.ndarray
    state_nlpbh: np.ndarray


class Settings(NamedTuple):
    """What each net is trained with, (N,), and the constants of Adam."""

    data_n: np.ndarray  # the number of its set of data, int64
    rate_n: np.ndarray
    decay_n: np.ndarray
    clip_n: np.ndarray  # infinite for none
    cosine_n: np.ndarray  # whether the learning rate falls from `rate_n` to 0 over all epochs, bool
    epochs: int
    beta1: float
    beta2: float
    epsilon: float


@inlined
def train_nets(shape, data, nets, settings, first_epoch, goal_n, first, last):
    """Train the nets `first` to `last - 1`, each until it has read `goal_n` windows in all.

    Arguments:
        shape: the sizes of every net; its type says which cell they have.
        data: the sets of data.
        nets: the state of their training, changed in place.
        settings: what they are trained with.
        first_epoch: the epoch of the first column of `loss_ne` and `accuracy_ne`.
        goal_n: the number of windows for each net, over all epochs, (N,).
        first: the number of the first net to train.
        last: the number of the net after the last one.
    """
    most = largest_sizes(data, settings.data_n[first:last])
    buffers = make_buffers(shape, most[0], most[1], nets.flat_nk)
    gradient_k = np.empty(nets.flat_nk.shape[1], nets.flat_nk.dtype)
    for n in range(first, last):
        begin = data.window_starts_d[settings.data_n[n]]
        windows = data.window_starts_d[settings.data_n[n] + 1] - begin
        while nets.windows_n[n] < goal_n[n]:
            number = nets.windows_n[n] % windows
            if nets.alive_n[n]:
                window = begin + number
                steps = slice(data.step_starts[window], data.step_starts[window + 1])
                read_s, target_s, counted_s = data.read_s[steps], data.target_s[steps], data.counted_s[steps]
                sizes_t = data.sizes_t[data.size_starts[window] : data.size_starts[window + 1]]
                if data.fresh[window]:
                    nets.state_nlpbh[n] = 0
                forward(nets.flat_nk[n], shape, read_s, sizes_t, nets.state_nlpbh[n], buffers)
                if score(n, nets, buffers.logits_sw, target_s, counted_s):
                    backward(nets.flat_nk[n], shape, read_s, sizes_t, gradient_k, buffers)
                    done = nets.windows_n[n] / (settings.epochs * windows)
                    adam(n, nets, settings, gradient_k, done)
            nets.windows_n[n] += 1
            if number == windows - 1:
                finish_epoch(n, nets, nets.windows_n[n] // windows - 1 - first_epoch)


@compiled
def largest_sizes(data, data_n):
    """Return the most steps and the most rows of a window, among some sets of data."""
    steps, rows = 0, 0
    for d in data_n:
        for window in range(data.window_starts_d[d], data.window_starts_d[d + 1]):
            steps = max(steps, data.step_starts[window + 1] - data.step_starts[window])
            rows = max(rows, data.sizes_t[data.size_starts[window]])
    return steps, rows


@merged
def score(n, nets, logits_sw, target_s, counted_s):
    """Add a window to the sums of net `n`, and turn its logits into the gradient of the mean loss by the logits.

    A net whose loss is not finite is marked as diverged.

    Returns:
        Whether an optimiser step is to be taken: something counts, and the loss is finite.
    """
    count = 0
    for s in range(len(target_s)):
        count += counted_s[s]
    if not count:
        return False
    type_of = logits_sw.dtype.type
    outputs, correct, loss, product = logits_sw.shape[1], 0, 0.0, 1.0
    for s in range(len(target_s)):
        if not counted_s[s]:
            for w in range(outputs):
                logits_sw[s, w] = 0
            continue
        target, likeliest = target_s[s], 0
        for w in range(outputs):
            if logits_sw[s, w] > logits_sw[s, likeliest]:
                likeliest = w
        largest, logit, total = logits_sw[s, likeliest], logits_sw[s, target], type_of(0)
        for w in range(outputs):
            logits_sw[s, w] = exponential(logits_sw[s, w] - largest)
        for w in range(outputs):
            total += logits_sw[s, w]
        correct += likeliest == target
        loss += np.float64(largest - logit)
        product *= np.float64(total)  # a total is between 1 and W, and one logarithm serves many
        if product > 1e250:
            loss += math.log(product)
            product = 1.0
        factor = type_of(1) / (type_of(count) * total)
        for w in range(outputs):
            logits_sw[s, w] *= factor
        logits_sw[s, target] -= type_of(1) / type_of(count)
    loss += math.log(product)
    nets.loss_sum_n[n] += loss
    nets.correct_n[n] += correct
    nets.count_n[n] += count
    nets.alive_n[n] = math.isfinite(loss)
    return nets.alive_n[n]


@merged
def adam(n, nets, settings, gradient_k, done):
    """Clip the gradient of net `n`, and take a step of Adam, after `done` of all windows, 0 to 1; see `StackAdam`."""
    type_of = gradient_k.dtype.type
    if settings.clip_n[n] < math.inf:
        square = 0.0
        for k in range(len(gradient_k)):
            square += np.float64(gradient_k[k]) * np.float64(gradient_k[k])
        factor = type_of(min(1.0, settings.clip_n[n] / (math.sqrt(square) + 1e-6)))
        for k in range(len(gradient_k)):
            gradient_k[k] *= factor
    nets.steps_n[n] += 1
    rate = settings.rate_n[n]
    if settings.cosine_n[n]:
        rate *= 0.5 * (1 + math.cos(math.pi * done))
    correction1 = 1 - settings.beta1 ** np.float64(nets.steps_n[n])
    correction2 = 1 - settings.beta2 ** np.float64(nets.steps_n[n])
    part1, part2 = type_of(1 - settings.beta1), type_of(1 - settings.beta2)
    size, root = type_of(rate / correction1), type_of(1 / math.sqrt(correction2))
    kept, epsilon = type_of(1 - rate * settings.decay_n[n]), type_of(settings.epsilon)
    flat_k, means_k, squares_k = nets.flat_nk[n], nets.means_nk[n], nets.squares_nk[n]
    for k in range(len(gradient_k)):
        means_k[k] += (gradient_k[k] - means_k[k]) * part1
        squares_k[k] += (gradient_k[k] * gradient_k[k] - squares_k[k]) * part2
    for k in range(len(gradient_k)):
        flat_k[k] = flat_k[k] * kept - size * means_k[k] / (np.sqrt(squares_k[k]) * root + epsilon)


@compiled
def finish_epoch(n, nets, epoch):
    """Write down the results of an epoch of net `n`, and begin new sums; a diverged net keeps its sum of losses.

    Arguments:
        n: the number of the net.
        nets: the state of the training.
        epoch: the column of the results.
    """
    nets.loss_ne[n, epoch] = nets.loss_sum_n[n] / nets.count_n[n] if nets.count_n[n] else nets.loss_sum_n[n]
    nets.accuracy_ne[n, epoch] = nets.correct_n[n] / nets.count_n[n] if nets.count_n[n] else 0.0
    nets.correct_n[n] = 0
    nets.count_n[n] = 0
    if nets.alive_n[n]:
        nets.loss_sum_n[n] = 0
