"""Products of small matrices, and the logistic functions, as compiled code."""

import functools
import math

import numpy as np
from numba import njit, types
from numba.extending import overload

# The code of this package must be typed with care: in numba an int with a float32 makes a float64.

OPTIONS = {
    "nogil": True,  # they let other threads of Python run
    "error_model": "numpy",  # a division by zero is infinite and raises nothing, so that loops become vector code
    # A sum after a product may be rounded once. Sums must not be reordered ("reassoc"): the compiler holds some copies
    # of a function, and which of them runs depends on whether it comes from the disk. Nor may it be assumed that no
    # number is NaN, or divergence would not be seen.
    "fastmath": {"contract", "arcp", "nsz"},
}
"""How all functions of this package are compiled."""

# Only compiled code calls these, so that no wrappers are needed.
compiled = functools.partial(njit, **OPTIONS, no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""The decorator of compiled functions."""

merged = functools.partial(compiled, forceinline=True)
"""The decorator of those whose machine code LLVM puts where they are called: to hand over a dozen arrays takes longer
than a step of a small net."""

inlined = functools.partial(compiled, inline="always")
"""The decorator of those whose Python code numba puts where they are called, so that it is compiled once, as a part of
the caller. Only for long functions that return nothing: with others numba 0.68 gave wrong numbers."""

LEAST_ROWS = 4
LEAST_WORK = 4096
"""A product of at least so many rows and so many multiplications is quicker by BLAS than by a loop."""

_LOG2_E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.1219444005469057e-4)
"""ln 2 in two parts: the first has few digits, so that its product with a small whole number is exact."""
_ROUNDING = np.float32(1.5 * 2**23)
"""A float32 to which this is added is rounded, and its last bits hold the whole number."""
_TERMS = tuple(np.float32(1 / math.factorial(power)) for power in range(8))


def exponential(x: float) -> float:
    """Return e ** x, of the type of x; single precision becomes vector code, with a relative error below 1e-7.

    Single precision takes x between -87 and 88; what lies beyond counts as these. NaN gives NaN.
    """
    raise NotImplementedError("only for compiled code")


@compiled
def _exponential32(x):
    x = np.float32(88) if x > np.float32(88) else x
    x = np.float32(-87) if x < np.float32(-87) else x
    shifted = x * _LOG2_E + _ROUNDING
    whole = shifted - _ROUNDING
    r = x - whole * _LN2_HIGH - whole * _LN2_LOW  # e ** x = 2 ** whole * e ** r, and |r| is at most ln 2 / 2
    series = _TERMS[7]
    for power in (6, 5, 4, 3, 2, 1, 0):
        series = series * r + _TERMS[power]
    exponent = (np.int32(127) << np.int32(23)) + (np.float32(shifted).view(np.int32) << np.int32(23))
    return series * np.int32(exponent).view(np.float32)


@overload(exponential, inline="always")
def _choose_exponential(x):
    if x == types.float32:
        return lambda x: _exponential32(x)
    return lambda x: math.exp(x)


def sigmoid(x: float) -> float:
    """Return the logistic function, 1 / (1 + e ** -x), of the type of x."""
    raise NotImplementedError("only for compiled code")


@overload(sigmoid, inline="always")
def _choose_sigmoid(x):
    one = _one(x)
    return lambda x: one / (one + exponential(-x))


def tanh(x: float) -> float:
    """Return the hyperbolic tangent, of the type of x."""
    raise NotImplementedError("only for compiled code")


@overload(tanh, inline="always")
def _choose_tanh(x):
    one = _one(x)
    two = one + one
    return lambda x: one - two / (one + exponential(two * x))


def _one(number_type):
    return np.float32(1) if number_type == types.float32 else np.float64(1)


@compiled
def multiply(a_sk, a_row, rows, b_kn, c_sn, c_row):
    """Set some rows of C to some rows of A times B.

    Rows are given by their numbers, because a view of an array costs as much as a short loop.

    Arguments:
        a_sk: A.
        a_row: the first of its rows.
        rows: the number of rows.
        b_kn: B.
        c_sn: C.
        c_row: the first of its rows.
    """
    k, n = b_kn.shape
    if rows >= LEAST_ROWS and rows * k * n >= LEAST_WORK:
        np.dot(a_sk[a_row : a_row + rows], b_kn, c_sn[c_row : c_row + rows])
        return
    in_fours = k // 4 * 4
    for row in range(rows):
        a, c = a_row + row, c_row + row
        for i in range(n):
            c_sn[c, i] = 0
        for j in range(0, in_fours, 4):
            a0, a1, a2, a3 = a_sk[a, j], a_sk[a, j + 1], a_sk[a, j + 2], a_sk[a, j + 3]
            for i in range(n):
                c_sn[c, i] += a0 * b_kn[j, i] + a1 * b_kn[j + 1, i] + a2 * b_kn[j + 2, i] + a3 * b_kn[j + 3, i]
        for j in range(in_fours, k):
            a0 = a_sk[a, j]
            for i in range(n):
                c_sn[c, i] += a0 * b_kn[j, i]


@compiled
def multiply_transposed(a_sm, b_sn, steps, c_mn):
    """Set C to A^T B, of the first `steps` rows of A and B."""
    m, n = c_mn.shape
    if m >= LEAST_ROWS and steps * m * n >= 4 * LEAST_WORK:
        np.dot(a_sm[:steps].T, b_sn[:steps], c_mn)
        return
    for j in range(m):
        for i in range(n):
            c_mn[j, i] = 0
    in_fours = steps // 4 * 4
    for s in range(0, in_fours, 4):
        for j in range(m):
            a0, a1, a2, a3 = a_sm[s, j], a_sm[s + 1, j], a_sm[s + 2, j], a_sm[s + 3, j]
            for i in range(n):
                c_mn[j, i] += a0 * b_sn[s, i] + a1 * b_sn[s + 1, i] + a2 * b_sn[s + 2, i] + a3 * b_sn[s + 3, i]
    for s in range(in_fours, steps):
        for j in range(m):
            a0 = a_sm[s, j]
            for i in range(n):
                c_mn[j, i] += a0 * b_sn[s, i]


@compiled
def transpose(a_mn, b_nm):
    """Set B to A^T."""
    for i in range(a_mn.shape[0]):
        for j in range(a_mn.shape[1]):
            b_nm[j, i] = a_mn[i, j]


@inlined
def add_row(x_sn, row, y_sn, other_row):
    """Add a row of the second matrix to a row of the first one."""
    for i in range(x_sn.shape[1]):
        x_sn[row, i] += y_sn[other_row, i]


@inlined
def copy_row(x_sn, row, y_sn, other_row):
    """Set a row of the first matrix to a row of the second one."""
    for i in range(x_sn.shape[1]):
        x_sn[row, i] = y_sn[other_row, i]


@compiled
def sum_rows(x_sn, rows, sum_n):
    """Set a vector to the sum of the first `rows` rows of a matrix."""
    for i in range(len(sum_n)):
        sum_n[i] = 0
    for s in range(rows):
        for i in range(len(sum_n)):
            sum_n[i] += x_sn[s, i]
