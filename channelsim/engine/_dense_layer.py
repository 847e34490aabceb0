"""The layer kind `dense`: what the loop asks of a kind (forward, error from message, update, counts)."""

from __future__ import annotations

import numpy as np

from channelsim.engine import _batch, _dense, _inputs
from channelsim.engine._jit import inner, kernel

F = np.float32
ZERO, ONE = F(0.0), F(1.0)


@inner()
def forward(net, mem, h, slot):
    """S = W x + b for every sample of the frame, into O's place. Returns the multiply-accumulates."""
    layer = net.layers[h]
    n, fan_in, w = layer.n, layer.fan_in, layer.w_offset
    samples = mem.slots[slot].samples
    out = mem.outputs[slot]
    o = layer.unit_offset * net.config[0].batch
    count = mem.counts[slot, h]
    start = mem.starts[slot, h]
    form = mem.forms[slot, h]
    _batch.fill_bias(mem.biases, layer.b_offset, n, out, o, samples)
    if form == _inputs.MATRIX:
        flush(net, mem, h)
        x, i = _inputs.activities(net, mem, h, slot)
        _batch.multiply(
            ONE,
            x[i : i + samples * fan_in].reshape(samples, fan_in),
            mem.weights[w : w + layer.w_size].reshape(fan_in, n),
            ONE,
            out[o : o + samples * n].reshape(samples, n),
        )
    elif net.config[0].batch > 1:
        index, value = _inputs.events(net, mem, h, slot)
        _batch.forward_events(mem.weights, w, n, start, index, value, count, out, o, np.int64(0), samples)
    elif form == _inputs.FULL:
        x, i = _inputs.activities(net, mem, h, slot)
        _forward_one(net, mem, h, net.iota, np.int64(0), x, i, fan_in, out, o)
    else:
        index, value = _inputs.events(net, mem, h, slot)
        _forward_one(net, mem, h, index, start[0], value, start[0], count[0], out, o)
    macs = 0
    for b in range(samples):
        macs += count[b]
    return macs * n


@inner()
def _forward_one(net, mem, h, index, i, value, v, count, out, o):
    layer, state = net.layers[h], mem.layer_states[h]
    n, w, p = layer.n, layer.w_offset, layer.input_offset
    if state.pending:
        _dense.update_and_add_rows(
            mem.weights,
            w,
            n,
            index,
            i,
            value,
            v,
            count,
            mem.pending_step,
            layer.unit_offset,
            mem.pending_x,
            p,
            out,
            o,
        )
        if not (state.pending_full and count == layer.fan_in):
            _flush_rows(net, mem, h)
        state.pending = False
    else:
        _dense.add_rows(mem.weights, w, n, index, i, value, v, count, out, o)


@kernel()
def flush(net, mem, h):
    """Applies the update that waits at layer h, if one does."""
    if mem.layer_states[h].pending:
        _flush_rows(net, mem, h)
        mem.layer_states[h].pending = False


@inner()
def _flush_rows(net, mem, h):
    layer, state = net.layers[h], mem.layer_states[h]
    p = layer.input_offset
    if state.pending_full:
        _dense.update_rows(
            mem.weights, layer.w_offset, layer.n, net.iota, np.int64(0), layer.fan_in, mem.pending_step, layer.unit_offset,
            mem.pending_x, p,
        )  # fmt: skip
    else:
        _dense.update_rows(
            mem.weights, layer.w_offset, layer.n, mem.pending_index, p, state.pending_count, mem.pending_step,
            layer.unit_offset, mem.pending_x, p,
        )  # fmt: skip


@inner()
def defer(net, mem, h, slot, eta):
    """One sample's update: kept until the next pass over the rows, with R in mem.signal."""
    flush(net, mem, h)
    layer, state = net.layers[h], mem.layer_states[h]
    n, p, u = layer.n, layer.input_offset, layer.unit_offset
    for j in range(n):
        g = eta * mem.signal[j]
        mem.pending_step[u + j] = g
        mem.biases[layer.b_offset + j] += g
    state.pending = True
    if mem.forms[slot, h] == _inputs.FULL:
        x, i = _inputs.activities(net, mem, h, slot)
        for k in range(layer.fan_in):
            mem.pending_x[p + k] = x[i + k]
        state.pending_full = True
        return
    index, value = _inputs.events(net, mem, h, slot)
    i, count = mem.starts[slot, h, 0], mem.counts[slot, h, 0]
    for k in range(count):
        mem.pending_index[p + k] = index[i + k]
        mem.pending_x[p + index[i + k]] = value[i + k]
    state.pending_full = False
    state.pending_count = count


@inner()
def accumulate(net, mem, h, slot, samples, scale, target, t, beta):
    """target = beta * target + scale * sum_b x_b (x) R_b over the frame's samples, R in mem.signal.

    `target` is W itself or a buffer of its size, from offset t; beta is 0 or 1. mem.signal may be scaled in place.
    Samples whose R is zero cost nothing.
    """
    layer = net.layers[h]
    n, fan_in = layer.n, layer.fan_in
    if beta == ZERO:
        for k in range(t, t + layer.w_size):
            target[k] = ZERO
    learning = 0
    for b in range(samples):
        mem.learns[b] = any_speaks(mem.signal, b * n, n)
        learning += mem.learns[b]
    if learning == 0:
        return
    if mem.forms[slot, h] == _inputs.MATRIX:
        x, i = _inputs.activities(net, mem, h, slot)
        r = mem.signal
        if learning < samples:
            x, i = _gather(mem.gathered, x, i, fan_in, mem.learns, samples), np.int64(0)
            _gather(r, r, np.int64(0), n, mem.learns, samples)
        _batch.multiply_first_transposed(
            scale,
            x[i : i + learning * fan_in].reshape(learning, fan_in),
            r[: learning * n].reshape(learning, n),
            ONE,
            target[t : t + layer.w_size].reshape(fan_in, n),
        )
        return
    for k in range(samples * n):
        mem.signal[k] *= scale
    if net.config[0].batch == 1 and mem.forms[slot, h] == _inputs.FULL:
        x, i = _inputs.activities(net, mem, h, slot)
        for k in range(fan_in):
            _add_scaled(mem.signal, n, x[i + k], target, t + k * n)
        return
    index, value = _inputs.events(net, mem, h, slot)
    count = mem.learning_counts
    for b in range(samples):
        count[b] = mem.counts[slot, h, b] if mem.learns[b] else 0
    _batch.by_row(
        mem.starts[slot, h],
        index,
        value,
        count,
        samples,
        fan_in,
        mem.columns,
        mem.column_sample,
        mem.column_value,
    )
    target_rows = target[t : t + layer.w_size]
    _batch.update_events(
        target_rows, np.int64(0), n, mem.columns, mem.column_sample, mem.column_value, mem.signal, np.int64(0), fan_in
    )


@kernel(fastmath={"contract"})
def _add_scaled(signal, n, x, target, t):
    for j in range(n):
        target[t + j] += x * signal[j]


@kernel()
def any_speaks(values, lo, n):
    for i in range(lo, lo + n):
        if values[i] != ZERO:
            return True
    return False


@kernel()
def _gather(out, values, offset, n, wanted, samples):
    """Moves the wanted samples' rows together at the start of `out` (which may be `values` itself)."""
    k = 0
    for b in range(samples):
        if wanted[b]:
            for j in range(n):
                out[k * n + j] = values[offset + b * n + j]
            k += 1
    return out


@inner()
def transposed(net, mem, source, samples, message, heard, out, o):
    """bp: the error that delivered messages make through W of the layer that sent them. message: (B, n) -> out: (B, fan_in)."""
    layer = net.layers[source]
    flush(net, mem, source)
    through(mem.weights, layer.w_offset, layer.fan_in, layer.n, samples, message, heard, out, o)


@kernel()
def through(weights, w, rows, n, samples, message, heard, out, o):
    """out[b] = message[b] @ weights.T for a (rows, n) matrix; silent messages cost nothing."""
    if samples == 1:
        if heard[0] == 0:
            for r in range(rows):
                out[o + r] = ZERO
        else:
            _dense.dot_rows(weights, w, n, rows, message, np.int64(0), out, o)
        return
    _batch.multiply_second_transposed(
        ONE,
        message[: samples * n].reshape(samples, n),
        weights[w : w + rows * n].reshape(rows, n),
        ZERO,
        out[o : o + samples * rows].reshape(samples, rows),
    )
