"""Transfer functions of the user's own (docs/design.md, section 1): their callbacks, and where the engine calls them.

The kernels of such a layer make S, and errors without f'. What is missing follows here: O in the place of S, which is
kept first if f' is given it, and f'. A top layer whose S a loss is given goes the same way, whatever its f.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from channelsim import own_transfers, parts
from channelsim.engine.compile import own
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import address_of, floats_at
from channelsim.engine.compile.thread_pool import in_parts
from channelsim.engine.compile.units import INT, NOTHING, OWN_TRANSFERS, unit
from channelsim.engine.kernels import minibatch, simd, transfers
from channelsim.engine.layers import inputs
from channelsim.engine.tables.handles import MEMORY, NET
from channelsim.engine.tables.layouts import OF_LAYERS, OWN_FAILED

F = np.float32
OWN = transfers.OWN
WELL, RAISED, NOT_FINITE = own.WELL, own.RAISED, own.NOT_FINITE
seen = own.seen


def addresses_of(part: parts.Part) -> tuple[int, int]:
    """Where the callbacks of f and f' are."""
    f, slope = own_transfers.functions(part)
    return own.address_of(part, callback, f), own.address_of(part, derivative, slope)


# --- callbacks -----------------------------------------------------------------------------------------------


def callback(part: parts.Part, function: Any) -> Any:
    """What `own.address_of` compiles of f: (values, n, ...) -> WELL, RAISED or NOT_FINITE; each value gives its own."""
    return _of_each(own.compiled(own_transfers.of_one(part, own_transfers.functions(part)[0], function)))


def derivative(part: parts.Part, function: Any) -> Any:
    """The same of f'."""
    return _of_each(own.compiled(own_transfers.of_one(part, own_transfers.functions(part)[1], function)))


def _of_each(of_one: Any) -> Any:
    def run(values, n, key, first, normals, state):
        array, status = seen(values, (n,)), WELL
        try:
            for i in range(n):
                given = array[i]
                array[i] = F(of_one(np.float64(given)))
                if not math.isfinite(array[i]) and math.isfinite(given):
                    status = NOT_FINITE
        except Exception:
            status = RAISED
        return status

    return run


# --- where the engine calls them -----------------------------------------------------------------------------


@inner()
def forward(net, mem, h, slot, samples):
    """O = f(S) of layer h in the slot, where its kernels have left S."""
    out, first = inputs.outputs(net, mem, h, slot, samples), net.own_transfers[h].sum_offset
    if first >= 0:
        simd.copy(out, sums(net, mem, h, slot, samples))
    activate(net, mem, h, address_of(out), samples)
    minibatch.count_each(out, net.layers[h].n, mem.output_events[:samples])


@inner(inlined=True)
def sums(net, mem, h, slot, samples):
    """S of layer h, which keeps it, for the samples of a slot."""
    first = net.own_transfers[h].sum_offset * net.config.batch
    return mem.sums[slot, first : first + samples * net.layers[h].n]


@unit(NOTHING, NET, MEMORY, INT, INT, INT, needed_by=(OWN_TRANSFERS,))
def activate(net, mem, h, values, samples):
    """f of layer h of so many samples at an address."""
    in_parts(_activate, minibatch.parts(samples), (net, mem, h, values, samples))


@inner()
def _activate(net, mem, h, values, samples, piece, pieces):
    n = net.layers[h].n
    part = floats_at(values, samples * n)[samples * piece // pieces * n : samples * (piece + 1) // pieces * n]
    if net.own_transfers[h].kind != OWN:
        transfers.layer(net.own_transfers[h].kind, part, n)
        return
    status = own.call(net.own_transfers[h].function, part, 0, 0, mem.own_normals, mem.own_room)
    note(mem, h, status)


@unit(NOTHING, NET, MEMORY, INT, INT, INT, needed_by=(OWN_TRANSFERS,))
def times_derivative(net, mem, h, slot, samples):
    """mem.signal *= f' of layer h, for so many samples, from O or S in the slot."""
    in_parts(_times_derivative, minibatch.parts(samples), (net, mem, h, slot, samples))


@inner()
def _times_derivative(net, mem, h, slot, samples, piece, pieces):
    n, of_s = net.layers[h].n, net.own_transfers[h].sum_offset >= 0
    lo, hi = samples * piece // pieces * n, samples * (piece + 1) // pieces * n
    given = sums(net, mem, h, slot, samples) if of_s else inputs.outputs(net, mem, h, slot, samples)
    slopes, error = mem.own_slopes[lo:hi], mem.signal[lo:hi]
    simd.copy(given[lo:hi], slopes)
    status = own.call(net.own_transfers[h].derivative, slopes, 0, 0, mem.own_normals, mem.own_room)
    note(mem, len(net.layers) + h, status)
    for i in range(len(error)):
        error[i] *= slopes[i]


@inner()
def note(mem, number, status):
    """Ends the run where f, f' or the loss, by its number from `OF_LAYERS` on, has failed."""
    if status != WELL and mem.clock.fault_frame < 0:
        mem.clock.fault_frame = OWN_FAILED + 4 * (OF_LAYERS + number) + status
