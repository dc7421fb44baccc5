"""The cell lstm as compiled loops; see `rnn_core.nets.cells.lstm` for its equations, `compiled.cell` for the functions.

The further number of each unit is c.
"""

from rnn_core.compiled.arithmetic import merged, sigmoid, tanh


@merged
def step(gates_sg, begin, rows, state_bg, bias_g, h_before_sh, before, extra_before_sh, h_sh, extra_sh):
    """Take one step of some rows."""
    size = h_sh.shape[1]
    f, g, o = size, 2 * size, 3 * size  # where these gates begin; i begins at 0
    for b in range(rows):
        s = begin + b
        for i in range(2 * size):
            gates_sg[s, i] = sigmoid(gates_sg[s, i] + state_bg[b, i] + bias_g[i])
        for i in range(g, o):
            gates_sg[s, i] = tanh(gates_sg[s, i] + state_bg[b, i] + bias_g[i])
        for i in range(o, 4 * size):
            gates_sg[s, i] = sigmoid(gates_sg[s, i] + state_bg[b, i] + bias_g[i])
        for i in range(size):
            c = gates_sg[s, f + i] * extra_before_sh[before + b, i] + gates_sg[s, i] * gates_sg[s, g + i]
            extra_sh[s, i] = c
            h_sh[s, i] = gates_sg[s, o + i] * tanh(c)


@merged
def step_back(
    gates_sg, begin, rows, h_before_sh, before, extra_before_sh, h_sh, extra_sh, dh_sh, dextra_bh, dinput_sg, dstate_sg
):
    """Carry the gradient of a loss back through one step."""
    one, size = h_sh.dtype.type(1), h_sh.shape[1]
    f, g, o = size, 2 * size, 3 * size
    for b in range(rows):
        s = begin + b
        for i in range(size):
            tanh_c, out = tanh(extra_sh[s, i]), gates_sg[s, o + i]
            dextra_bh[b, i] += dh_sh[s, i] * out * (one - tanh_c * tanh_c)
            dinput_sg[s, o + i] = dh_sh[s, i] * tanh_c * out * (one - out)
        for i in range(size):
            gate = gates_sg[s, i]
            dinput_sg[s, i] = dextra_bh[b, i] * gates_sg[s, g + i] * gate * (one - gate)
        for i in range(size):
            gate = gates_sg[s, f + i]
            dinput_sg[s, f + i] = dextra_bh[b, i] * extra_before_sh[before + b, i] * gate * (one - gate)
        for i in range(size):
            new = gates_sg[s, g + i]
            dinput_sg[s, g + i] = dextra_bh[b, i] * gates_sg[s, i] * (one - new * new)
        for i in range(size):
            dextra_bh[b, i] *= gates_sg[s, f + i]
        for i in range(size):
            dh_sh[s, i] = 0
