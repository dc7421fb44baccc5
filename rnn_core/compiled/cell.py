"""The compiled form of each cell that has one: its step, and the gradient of its step.

In compiled code the type of a net's shape says which cell it has.
"""

from typing import NamedTuple

from numba.extending import overload

from rnn_core.compiled import gru, lstm, rnn


class Shape(NamedTuple):
    """The sizes of a net."""

    layers: int
    hidden_size: int
    gates: int  # gates of each unit
    inputs: int  # characters that are read
    outputs: int
    encoding: int  # see `compiled.reading.ENCODINGS`
    separate: bool  # whether the gradients by the gates' sums over the input and over the state differ


class Rnn(Shape):
    """The sizes of a net of the cell rnn."""


class Gru(Shape):
    """The sizes of a net of the cell gru."""


class Lstm(Shape):
    """The sizes of a net of the cell lstm."""


SHAPES = {"rnn": (Rnn, 1, False), "gru": (Gru, 3, True), "lstm": (Lstm, 4, False)}
"""By the name of a cell: the class of its shape, its gates, and `separate`."""

_MODULES = {Rnn: rnn, Gru: gru, Lstm: lstm}


def step(shape, *arguments):
    """Take one step of some rows.

    Arguments:
        shape: the sizes of the net; its type says which cell it has.
        *arguments: those of the cell's function, as follows.
        gates_sg: the gates' sums over the input, which become the gates.
        begin, rows: the first of the rows at this step, and their number.
        state_bg: the gates' sums over the state, without `bias_g`.
        bias_g: the bias of these sums.
        h_before_sh, extra_before_sh, before: h, and the further number of each unit, before the step, and the number of
            the first row there.
        h_sh, extra_sh: set to what they are after the step.
    """
    raise NotImplementedError("only for compiled code")


def step_back(shape, *arguments):
    """Carry the gradient of a loss back through one step.

    Arguments:
        shape: the sizes of the net; its type says which cell it has.
        *arguments: those of the cell's function: the first ones as `step` left them, and as follows.
        dh_sh: the gradient by h after the step; becomes that by h before it, without the part through the gates' sums.
        dextra_bh: the same for the further number of each unit.
        dinput_sg, dstate_sg: set to the gradients by the gates' sums over the input and over the state; one array for
            both where they are equal.
    """
    raise NotImplementedError("only for compiled code")


@overload(step, jit_options={"forceinline": True})
def _choose_step(shape, *arguments):
    chosen = _MODULES[shape.instance_class].step
    return lambda shape, *arguments: chosen(*arguments)


@overload(step_back, jit_options={"forceinline": True})
def _choose_step_back(shape, *arguments):
    chosen = _MODULES[shape.instance_class].step_back
    return lambda shape, *arguments: chosen(*arguments)
