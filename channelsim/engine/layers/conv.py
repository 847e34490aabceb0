"""The layer kind `conv2d`: what the loop asks of a kind (forward, error from message, update, counts)."""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import inner, kernel
from channelsim.engine.kernels import conv_counts
from channelsim.engine.layers import maps as map_work
from channelsim.engine.tables.handles import (
    address_of,
    channels,
    counters,
    f4,
    flags,
    i8,
    i8_planes,
    i8_rows,
    layers,
    slots,
    synapses,
)

ZERO = np.float32(0.0)
UNKNOWN = np.int64(-1)


@inner()
def forward(net, mem, h, x, out, samples):
    """out = f(W * x + b) for samples of which mem.event_counts inputs speak. Returns the multiply-accumulates."""
    map_work.forward(net, mem, h, address_of(x), address_of(out), samples)
    return total(i8(mem.macs), samples)


@kernel()
def total(values, count):
    """The sum of the first `count` values."""
    found = 0
    for i in range(count):
        found += values[i]
    return found


@inner()
def through(net, mem, c, slot, matrix, pitch, message, out):
    """The error that delivered messages (B, n) make through a matrix shaped like W of channel c's sender. Counted."""
    source, samples = channels(net.channels)[c].source, slots(mem.slots)[slot].samples
    know(net, mem, c, i8_planes(mem.heard)[slot, c], samples)
    places = address_of(matrix), address_of(message), address_of(out)
    map_work.through_transposed(net, mem, source, places[0], pitch, places[1], places[2], samples)
    counters(mem.counters)[c].macs += total(i8(mem.macs), samples)


@inner()
def sign(net, mem, c):
    """mem.bank = |C| of channel c with the signs of its sender's W."""
    channel = channels(net.channels)[c]
    source = layers(net.layers)[channel.source]
    bank, weights = f4(mem.bank)[: source.w_size], synapses(f4(mem.weights), source)
    magnitudes = f4(mem.feedback)[channel.c_offset : channel.c_offset + channel.c_size]
    maps = source.out_channels
    for r in range(source.w_size // maps):
        for o in range(maps):
            bank[r * maps + o] = with_sign(magnitudes[r * maps + o], weights[r * source.pitch + o])


@kernel(inline="always")
def with_sign(magnitude, w):
    """The sign rule's entry of C: a fixed magnitude with the sign of a weight."""
    return magnitude if w > ZERO else (-magnitude if w < ZERO else ZERO)


@inner()
def survey(net, mem, h, x, signal, samples):
    """What an update from inputs x, of which mem.event_counts speak, and errors `signal` takes: multiply-accumulates.

    mem.learns[b]: whether sample b has anything to learn from; mem.error: the errors of each map, summed; mem.gathered:
    the errors with the maps of a position side by side.
    """
    maps = layers(net.layers)[h].out_channels
    sums = f4(mem.map_sums)[: samples * maps]
    map_work.survey(net, mem, h, address_of(x), address_of(signal), samples)
    summed = f4(mem.error)[:maps]
    summed[:] = ZERO
    for b in range(samples):
        for o in range(maps):
            summed[o] += sums[b * maps + o]
    return total(i8(mem.macs), samples)


@inner()
def accumulate(net, mem, h, x, signal, samples, scale, target, pitch):
    """target += scale * sum over samples and positions of patch (x) R, after `survey` has been made of them.

    `target` is W or a buffer of its size. Returns the entries addressed.
    """
    geometry, layer, learns = i8_rows(net.geometry)[h], layers(net.layers)[h], flags(mem.learns)
    map_work.add_outer(net, mem, h, address_of(target), pitch, address_of(x), samples, scale)
    maps, positions = layer.out_channels, layer.out_height * layer.out_width
    rows = conv_counts.rows_at_work(geometry, x, learns, samples, flags(mem.touched)[: layer.fan_in])
    return rows * conv_counts.maps_at_work(signal, maps, positions, samples)


@inner()
def know(net, mem, c, count, samples):
    """mem.event_counts[b] = the values of sample b that are not zero: its events as delivered over channel c, `count`.

    Or -1 (unknown): a bit error can turn a value into a 0, which is an event all the same.
    """
    known = i8(mem.event_counts)
    exact = channels(net.channels)[c].bit_error == 0.0
    for b in range(samples):
        known[b] = count[b] if exact else UNKNOWN


@inner()
def forget_counts(mem):
    """mem.event_counts: unknown."""
    i8(mem.event_counts)[:] = UNKNOWN
