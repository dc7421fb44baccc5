"""The cell rnn as compiled loops; see `rnn_core.nets.cells.rnn` for its equation, `compiled.cell` for the functions."""

from rnn_core.compiled.arithmetic import merged, tanh


@merged
def step(gates_sg, begin, rows, state_bg, bias_g, h_before_sh, before, extra_before_sh, h_sh, extra_sh):
    """Take one step of some rows."""
    size = h_sh.shape[1]
    for b in range(rows):
        s = begin + b
        for i in range(size):
            h_sh[s, i] = tanh(gates_sg[s, i] + state_bg[b, i] + bias_g[i])


@merged
def step_back(
    gates_sg, begin, rows, h_before_sh, before, extra_before_sh, h_sh, extra_sh, dh_sh, dextra_bh, dinput_sg, dstate_sg
):
    """Carry the gradient of a loss back through one step."""
    one, size = h_sh.dtype.type(1), h_sh.shape[1]
    for s in range(begin, begin + rows):
        for i in range(size):
            dinput_sg[s, i] = dh_sh[s, i] * (one - h_sh[s, i] * h_sh[s, i])
        for i in range(size):
            dh_sh[s, i] = 0
