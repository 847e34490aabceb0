"""Transfer functions f and their derivatives, as passes over flat float32 buffers that vectorize.

Of a layer with a function of the user's own, kernels leave S, and errors, as they are: `layers.own_transfers`.
"""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.fused import fma
from channelsim.engine.compile.jit import inner
from channelsim.engine.kernels import elementary
from channelsim.plan import Transfer

LINEAR, TANH, LOGISTIC, RELU, SOFTMAX, OWN = (int(kind) for kind in Transfer)
F = np.float32
# tanh(x) = x P(x^2) / Q(x^2) on |x| <= 7.9053, the rational minimax approximation of Eigen (generic_fast_tanh_float):
# largest error 4e-7 against the true function. Unlike a call into the C library it vectorizes. From 7.9053 to 9.01 it
# is what it is at 7.9053, and beyond that 1, which is the float32 nearest to tanh there.
CLAMP, SATURATED = F(7.90531110763549805), F(9.01)
P1, P3, P5, P7 = (
    F(4.89352455891786e-03),
    F(6.37261928875436e-04),
    F(1.48572235717979e-05),
    F(5.12229709037114e-08),
)
P9, P11, P13 = F(-8.60467152213735e-11), F(2.00018790482477e-13), F(-2.76076847742355e-16)
Q0, Q2, Q4, Q6 = (
    F(4.89352518554385e-03),
    F(2.26843463243900e-03),
    F(1.18534705686654e-04),
    F(1.19825839466702e-06),
)
ONE = F(1.0)


@inner(inlined=True)
def tanh(x):
    """tanh in float32. NaN stays NaN: the comparisons are written so that it passes the clamp."""
    saturated, negative = abs(x) >= SATURATED, x < F(0.0)
    x = CLAMP if x > CLAMP else (-CLAMP if x < -CLAMP else x)
    y = x * x
    p = P13
    p = fma(p, y, P11)
    p = fma(p, y, P9)
    p = fma(p, y, P7)
    p = fma(p, y, P5)
    p = fma(p, y, P3)
    p = fma(p, y, P1)
    q = Q6
    q = fma(q, y, Q4)
    q = fma(q, y, Q2)
    q = fma(q, y, Q0)
    one = -ONE if negative else ONE
    return one if saturated else x * p / q


@inner()
def apply(kind, values):
    """O = f(S) in place; softmax is `softmax`, which needs whole rows."""
    if kind == TANH:
        for i in range(len(values)):
            values[i] = tanh(values[i])
    elif kind == LOGISTIC:
        for i in range(len(values)):
            values[i] = F(1.0 / (1.0 + elementary.exp(-np.float64(values[i]))))
    elif kind == RELU:
        for i in range(len(values)):
            v = values[i]
            values[i] = F(0.0) if v < F(0.0) else v  # NaN passes


@inner()
def layer(kind, values, n):
    """O = f(S) in place for samples of n values each."""
    if kind == SOFTMAX:
        for b in range(len(values) // n):
            softmax(values[b * n : b * n + n])
    else:
        apply(kind, values)


@inner()
def softmax(values):
    """Softmax of one sample in place."""
    top = values[0]
    for i in range(len(values)):
        top = max(top, values[i])
    for i in range(len(values)):  # apart from the sum, whose order keeps it from being vector code
        values[i] = F(elementary.exp(np.float64(values[i] - top)))
    total = F(0.0)
    for i in range(len(values)):
        total += values[i]
    for i in range(len(values)):
        values[i] /= total


@inner()
def times_derivative(kind, error, output):
    """error *= f'(S), worked out from the output O = f(S)."""
    if kind == TANH:
        for i in range(len(error)):
            error[i] *= ONE - output[i] * output[i]
    elif kind == LOGISTIC:
        for i in range(len(error)):
            error[i] *= output[i] * (ONE - output[i])
    elif kind == RELU:
        for i in range(len(error)):
            error[i] = error[i] if output[i] > F(0.0) else F(0.0)
