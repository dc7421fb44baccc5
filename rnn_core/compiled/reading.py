"""A window read by one net, forward and backward, as compiled loops over the steps that exist.

The steps of a window are *packed*: all rows at the first step, then all that are not at their end at the second, and so
on. Rows are sorted, the longest first, so that those of a step are always the first ones.

The end of an array's name gives its axes: L layers, S steps (packed), T steps of the longest row, B rows, H hidden
units, I inputs, G = gates * H, V input characters, W outputs, K parameters of the net.
"""

from typing import NamedTuple

import numpy as np

from rnn_core.compiled.arithmetic import (
    add_row,
    compiled,
    copy_row,
    inlined,
    multiply,
    multiply_transposed,
    sum_rows,
    transpose,
)
from rnn_core.compiled.cell import step, step_back

INDEX, ONEHOT, EMBEDDING = range(3)
ENCODINGS = {"index": INDEX, "onehot": ONEHOT, "embedding": EMBEDDING}
"""The encodings, and how compiled code calls them."""


class Buffers(NamedTuple):
    """Memory for reading windows of up to S steps and B rows, forward and backward."""

    table_vg: np.ndarray  # what each character adds to the gates' sums of the lowest layer; backward, its gradient
    gates_lsg: np.ndarray
    h_lsh: np.ndarray
    extra_lsh: np.ndarray  # a further number of each unit, such as c of an LSTM
    logits_sw: np.ndarray
    dinput_sg: np.ndarray
    dstate_sg: np.ndarray
    dh_sh: np.ndarray
    before_sh: np.ndarray
    step_bg: np.ndarray
    step_bh: np.ndarray
    weight_ig: np.ndarray  # input weights of a layer, transposed
    weight_hg: np.ndarray
    weight_hw: np.ndarray
    dextra_bh: np.ndarray
    first_lpbh: np.ndarray  # the state before the window: h and the further numbers


@compiled
def make_buffers(shape, steps, rows, like):
    """Return buffers whose numbers have the type of the array `like`.

    Arguments:
        shape: the sizes of the net.
        steps: S.
        rows: B.
        like: the array.
    """
    size, width = shape.hidden_size, shape.gates * shape.hidden_size
    dtype = like.dtype
    dinput_sg = np.empty((steps, width), dtype)
    return Buffers(
        np.empty((shape.inputs, width), dtype),
        np.empty((shape.layers, steps, width), dtype),
        np.empty((shape.layers, steps, size), dtype),
        np.zeros((shape.layers, steps, size), dtype),  # a cell that has no such number leaves them as they are
        np.empty((steps, shape.outputs), dtype),
        dinput_sg,
        np.empty((steps, width), dtype) if shape.separate else dinput_sg,
        np.empty((steps, size), dtype),
        np.empty((steps, size), dtype),
        np.empty((rows, width), dtype),
        np.empty((rows, size), dtype),
        np.empty((size, width), dtype),
        np.empty((size, width), dtype),
        np.empty((size, shape.outputs), dtype),
        np.empty((rows, size), dtype),
        np.zeros((shape.layers, 2, rows, size), dtype),
    )


@compiled
def embedding(flat_k, shape):
    """Return a view of the embedding, (V, H), which are the first numbers of a net that has one."""
    return flat_k[: shape.inputs * shape.hidden_size].reshape((shape.inputs, shape.hidden_size))


@compiled
def weights_of_layer(flat_k, shape, layer):
    """Return views of a layer's weights: by input, (G, I), by state, (G, H), and their two biases, (G,)."""
    size, width = shape.hidden_size, shape.gates * shape.hidden_size
    inputs, begin = size, 0
    if shape.encoding == INDEX:
        inputs = 1
    elif shape.encoding == ONEHOT:
        inputs = shape.inputs
    else:
        begin = shape.inputs * size
    if layer:
        begin += width * (inputs + size + 2) + (layer - 1) * width * (2 * size + 2)
        inputs = size
    middle = begin + width * inputs
    end = middle + width * size
    return (
        flat_k[begin:middle].reshape((width, inputs)),
        flat_k[middle:end].reshape((width, size)),
        flat_k[end : end + width],
        flat_k[end + width : end + 2 * width],
    )


@compiled
def readout(flat_k, shape):
    """Return views of the readout's weight, (W, H), and bias, (W,), which are the last numbers of a net."""
    outputs, size = shape.outputs, shape.hidden_size
    begin = len(flat_k) - outputs * (size + 1)
    return flat_k[begin : len(flat_k) - outputs].reshape((outputs, size)), flat_k[len(flat_k) - outputs :]


@inlined
def fill_table(flat_k, shape, weight_gi, bias_g, buffers):
    """Set each row of the table to what a character adds to the gates' sums of the lowest layer."""
    table_vg = buffers.table_vg
    if shape.encoding == EMBEDDING:
        transpose(weight_gi, buffers.weight_ig)
        multiply(embedding(flat_k, shape), 0, shape.inputs, buffers.weight_ig, table_vg, 0)
    elif shape.encoding == ONEHOT:
        transpose(weight_gi, table_vg)
    else:
        weight_g, number = weight_gi.reshape(len(bias_g)), flat_k.dtype.type(0)
        for v in range(shape.inputs):
            for g in range(len(bias_g)):
                table_vg[v, g] = number * weight_g[g]
            number += flat_k.dtype.type(1)
    for v in range(shape.inputs):
        for g in range(len(bias_g)):
            table_vg[v, g] += bias_g[g]


@inlined
def forward(flat_k, shape, read_s, sizes_t, state_lpbh, buffers):
    """Read a window: fill the buffers, up to the logits, and set the state to that after the window.

    Arguments:
        flat_k: all numbers of the net, in the order of its parameters.
        shape: the sizes of the net; its type says which cell it has.
        read_s: the indices of the characters, packed.
        sizes_t: the number of rows that have a step t.
        state_lpbh: h and the further numbers of each layer, before the window and then after it.
        buffers: the memory.
    """
    steps = len(read_s)
    for layer in range(shape.layers):
        weight_gi, weight_gh, bias_g, state_bias_g = weights_of_layer(flat_k, shape, layer)
        gates_sg = buffers.gates_lsg[layer]
        if layer:
            transpose(weight_gi, buffers.weight_ig)
            multiply(buffers.h_lsh[layer - 1], 0, steps, buffers.weight_ig, gates_sg, 0)
            for s in range(steps):
                for g in range(len(bias_g)):
                    gates_sg[s, g] += bias_g[g]
        else:
            fill_table(flat_k, shape, weight_gi, bias_g, buffers)
            for s in range(steps):
                copy_row(gates_sg, s, buffers.table_vg, read_s[s])
        steps_forward(shape, layer, weight_gh, state_bias_g, sizes_t, state_lpbh, buffers)
    weight_wh, bias_w = readout(flat_k, shape)
    transpose(weight_wh, buffers.weight_hw)
    multiply(buffers.h_lsh[shape.layers - 1], 0, steps, buffers.weight_hw, buffers.logits_sw, 0)
    for s in range(steps):
        for w in range(len(bias_w)):
            buffers.logits_sw[s, w] += bias_w[w]


@inlined
def steps_forward(shape, layer, weight_gh, bias_g, sizes_t, state_lpbh, buffers):
    """Take all steps of one layer, whose gates' sums over the input are in the buffers."""
    gates_sg, h_sh, extra_sh = buffers.gates_lsg[layer], buffers.h_lsh[layer], buffers.extra_lsh[layer]
    h_before_sh, extra_before_sh = buffers.first_lpbh[layer, 0], buffers.first_lpbh[layer, 1]
    for b in range(sizes_t[0]):
        copy_row(h_before_sh, b, state_lpbh[layer, 0], b)
        copy_row(extra_before_sh, b, state_lpbh[layer, 1], b)
    transpose(weight_gh, buffers.weight_hg)
    before, begin = 0, 0
    for t in range(len(sizes_t)):
        rows = sizes_t[t]
        multiply(h_before_sh, before, rows, buffers.weight_hg, buffers.step_bg, 0)
        step(
            shape,
            gates_sg,
            begin,
            rows,
            buffers.step_bg,
            bias_g,
            h_before_sh,
            before,
            extra_before_sh,
            h_sh,
            extra_sh,
        )
        h_before_sh, extra_before_sh, before = h_sh, extra_sh, begin
        begin += rows
    for b in range(sizes_t[-1]):  # the rows that may go on in the next window
        copy_row(state_lpbh[layer, 0], b, h_sh, before + b)
        copy_row(state_lpbh[layer, 1], b, extra_sh, before + b)


@inlined
def backward(flat_k, shape, read_s, sizes_t, gradient_k, buffers):
    """Set the gradient of a loss by all numbers of a net, after `forward` has read the window.

    No gradient flows to the state before the window.

    Arguments:
        flat_k: as for `forward`.
        shape: as for `forward`.
        read_s: as for `forward`.
        sizes_t: as for `forward`.
        gradient_k: set to the gradient by `flat_k`.
        buffers: the memory; in the place of the logits stands the gradient by the logits.
    """
    steps, top = len(read_s), shape.layers - 1
    weight_wh, _ = readout(flat_k, shape)
    dweight_wh, dbias_w = readout(gradient_k, shape)
    multiply_transposed(buffers.logits_sw, buffers.h_lsh[top], steps, dweight_wh)
    sum_rows(buffers.logits_sw, steps, dbias_w)
    multiply(buffers.logits_sw, 0, steps, weight_wh, buffers.dh_sh, 0)
    for layer in range(top, -1, -1):
        weight_gi, weight_gh, _, _ = weights_of_layer(flat_k, shape, layer)
        dweight_gi, dweight_gh, dbias_g, dstate_bias_g = weights_of_layer(gradient_k, shape, layer)
        steps_backward(shape, layer, weight_gh, sizes_t, steps, buffers)
        multiply_transposed(buffers.dstate_sg, buffers.before_sh, steps, dweight_gh)
        sum_rows(buffers.dinput_sg, steps, dbias_g)
        if shape.separate:
            sum_rows(buffers.dstate_sg, steps, dstate_bias_g)
        else:
            dstate_bias_g[:] = dbias_g
        if layer:
            multiply_transposed(buffers.dinput_sg, buffers.h_lsh[layer - 1], steps, dweight_gi)
            multiply(buffers.dinput_sg, 0, steps, weight_gi, buffers.dh_sh, 0)
        else:
            gradient_of_table(flat_k, shape, weight_gi, dweight_gi, read_s, gradient_k, buffers)


@inlined
def steps_backward(shape, layer, weight_gh, sizes_t, steps, buffers):
    """Carry the gradient back through the steps of one layer, from `dh_sh` of the buffers to `dinput_sg`, `dstate_sg`.

    `before_sh` is set to h before each step.
    """
    gates_sg, h_sh, extra_sh = buffers.gates_lsg[layer], buffers.h_lsh[layer], buffers.extra_lsh[layer]
    dh_sh, step_bh = buffers.dh_sh, buffers.step_bh
    for b in range(sizes_t[0]):
        for i in range(shape.hidden_size):
            buffers.dextra_bh[b, i] = 0
    begin = steps
    for t in range(len(sizes_t) - 1, -1, -1):
        rows = sizes_t[t]
        begin -= rows
        if t:
            h_before_sh, extra_before_sh, before = h_sh, extra_sh, begin - sizes_t[t - 1]
        else:
            h_before_sh, extra_before_sh, before = buffers.first_lpbh[layer, 0], buffers.first_lpbh[layer, 1], 0
        for b in range(rows):
            copy_row(buffers.before_sh, begin + b, h_before_sh, before + b)
        step_back(
            shape,
            gates_sg,
            begin,
            rows,
            h_before_sh,
            before,
            extra_before_sh,
            h_sh,
            extra_sh,
            dh_sh,
            buffers.dextra_bh,
            buffers.dinput_sg,
            buffers.dstate_sg,
        )
        if t:
            multiply(buffers.dstate_sg, begin, rows, weight_gh, step_bh, 0)
            for b in range(rows):
                for i in range(shape.hidden_size):
                    dh_sh[before + b, i] += dh_sh[begin + b, i] + step_bh[b, i]


@inlined
def gradient_of_table(flat_k, shape, weight_gi, dweight_gi, read_s, gradient_k, buffers):
    """Set the gradient by the input weights of the lowest layer, and by the embedding."""
    dtable_vg = buffers.table_vg
    dtable_vg[:] = 0
    for s in range(len(read_s)):
        add_row(dtable_vg, read_s[s], buffers.dinput_sg, s)
    if shape.encoding == EMBEDDING:
        multiply_transposed(dtable_vg, embedding(flat_k, shape), shape.inputs, dweight_gi)
        multiply(dtable_vg, 0, shape.inputs, weight_gi, embedding(gradient_k, shape), 0)
    elif shape.encoding == ONEHOT:
        transpose(dtable_vg, dweight_gi)
    else:
        dweight_gi[:] = 0
        number = flat_k.dtype.type(0)
        for v in range(shape.inputs):
            for g in range(len(dweight_gi)):
                dweight_gi[g, 0] += number * dtable_vg[v, g]
            number += flat_k.dtype.type(1)
