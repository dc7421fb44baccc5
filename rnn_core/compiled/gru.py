"""The cell gru as compiled loops; see `rnn_core.nets.cells.gru` for its equations, `compiled.cell` for the functions.

The further number of each unit is the part of n's sum that comes from the state, U_n h_(t-1) + b'_n.
"""

from rnn_core.compiled.arithmetic import merged, sigmoid, tanh


@merged
def step(gates_sg, begin, rows, state_bg, bias_g, h_before_sh, before, extra_before_sh, h_sh, extra_sh):
    """Take one step of some rows."""
    size = h_sh.shape[1]
    z, n = size, 2 * size  # where these gates begin; r begins at 0
    for b in range(rows):
        s = begin + b
        for i in range(2 * size):
            gates_sg[s, i] = sigmoid(gates_sg[s, i] + state_bg[b, i] + bias_g[i])
        for i in range(size):
            extra_sh[s, i] = state_bg[b, n + i] + bias_g[n + i]
        for i in range(size):
            new = tanh(gates_sg[s, n + i] + gates_sg[s, i] * extra_sh[s, i])
            gates_sg[s, n + i] = new
            h_sh[s, i] = new + gates_sg[s, z + i] * (h_before_sh[before + b, i] - new)


@merged
def step_back(
    gates_sg, begin, rows, h_before_sh, before, extra_before_sh, h_sh, extra_sh, dh_sh, dextra_bh, dinput_sg, dstate_sg
):
    """Carry the gradient of a loss back through one step."""
    one, size = h_sh.dtype.type(1), h_sh.shape[1]
    z, n = size, 2 * size
    for b in range(rows):
        s = begin + b
        for i in range(size):
            new = gates_sg[s, n + i]
            dinput_sg[s, n + i] = dh_sh[s, i] * (one - gates_sg[s, z + i]) * (one - new * new)
        for i in range(size):
            kept = gates_sg[s, z + i]
            change = h_before_sh[before + b, i] - gates_sg[s, n + i]
            dinput_sg[s, z + i] = dh_sh[s, i] * change * kept * (one - kept)
        for i in range(size):
            reset = gates_sg[s, i]
            dinput_sg[s, i] = dinput_sg[s, n + i] * extra_sh[s, i] * reset * (one - reset)
        for i in range(2 * size):
            dstate_sg[s, i] = dinput_sg[s, i]
        for i in range(size):
            dstate_sg[s, n + i] = dinput_sg[s, n + i] * gates_sg[s, i]
        for i in range(size):
            dh_sh[s, i] *= gates_sg[s, z + i]
