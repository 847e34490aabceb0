"""A loss of the user's own (docs/design.md, section 1): its callback, and where the engine calls it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from channelsim import own_losses, parts
from channelsim.engine.compile import own
from channelsim.engine.compile.jit import inner
from channelsim.engine.kernels import simd
from channelsim.engine.layers import inputs, own_transfers

F = np.float32
WELL, RAISED, NOT_FINITE = own.WELL, own.RAISED, own.NOT_FINITE
seen = own.seen


def address_of(part: parts.Part) -> int:
    """Where the callback of a loss is."""
    return own.address_of(part, callback)


def callback(part: parts.Part, function: Any) -> Any:
    """What `own.address_of` compiles of a loss: (outputs and targets, their number, ...) -> WELL, RAISED or NOT_FINITE.

    e takes the place of the outputs, and the loss is in the state.
    """
    loss, error = own_losses.functions(part)
    both = own_losses.of_two(part, loss, function), own_losses.of_two(part, error, own.compiled_with_helpers(error))
    give = (_of_sample if own_losses.note_of(part).over == "sample" else _of_values)(*map(own.compiled, both))
    give = own.compiled(give)

    def run(values, n, key, first, normals, state):
        pair, found = seen(values, (n,)), seen(state, (1,))
        status, was_finite = WELL, True
        for i in range(n):
            was_finite &= math.isfinite(pair[i])
        try:
            found[0] = give(pair, n // 2)
        except Exception:
            return RAISED
        is_finite = math.isfinite(found[0])
        for i in range(n // 2):
            is_finite &= math.isfinite(pair[i])
        if was_finite and not is_finite:
            status = NOT_FINITE
        return status

    return run


def _of_values(loss: Any, error: Any) -> Any:
    def give(pair, n):
        total = 0.0
        for i in range(n):
            o, t = np.float64(pair[i]), np.float64(pair[n + i])
            total += loss(o, t)
            pair[i] = F(error(o, t))
        return total

    return give


def _of_sample(loss: Any, error: Any) -> Any:
    def give(pair, n):
        o, t = pair[:n].astype(np.float64), pair[n:].astype(np.float64)
        total = np.float64(loss(o, t))
        made = error(o, t)
        if len(made) != n:
            raise ValueError("another number of errors than of outputs")
        for i in range(n):
            pair[i] = F(made[i])
        return total

    return give


# --- where the engine calls it -------------------------------------------------------------------------------


@inner()
def known(net, mem, slot, samples):
    """What the loss is given of the samples of a slot: S of the top layer, if it keeps that, or O."""
    top = net.config.top
    if net.own_transfers[top].sum_offset >= 0:
        return own_transfers.sums(net, mem, top, slot, samples)
    return inputs.outputs(net, mem, top, slot, samples)


@inner()
def compare(net, mem, outputs, target, e):
    """The loss of a sample, and its error in `e`."""
    n, pair = len(target), mem.compared
    simd.copy(outputs, pair[:n])
    simd.copy(target, pair[n : 2 * n])
    status = own.call(net.config.own_loss, pair, 0, 0, mem.own_normals, mem.own_value)
    own_transfers.note(mem, 2 * len(net.layers), status)
    simd.copy(pair[:n], e)
    return mem.own_value[0]
