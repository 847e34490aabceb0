"""The learning rules: how a delivered message becomes an error, and what an update does."""

from __future__ import annotations

import numpy as np
import torch

from channelsim.hashing import Stream
from channelsim.plan.layout import Quantizer
from channelsim.reference import draws, own_steps
from channelsim.reference.layers import kind_of
from channelsim.reference.multiples import in_units, of_units, weight_unit
from channelsim.reference.quantizers import quantize, scale_of
from channelsim.reference.state import Arrived, State
from channelsim.rules import SPARSE_WIRINGS, Wiring


def wire_ends(ref: State, c: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sending and receiving neuron of each wire of a sparse C, in the order of its values."""
    channel, plan = ref.channels[c], ref.plan
    n = ref.layers[channel.source].n
    starts = plan.c_start[channel.start_offset :][: n + 1]
    sender = np.repeat(np.arange(n), np.diff(starts))
    receiver = plan.c_index[channel.c_offset :][: channel.c_size]
    return torch.from_numpy(sender), torch.from_numpy(receiver.astype(np.int64))


def matrix(ref: State, c: int) -> torch.Tensor:
    """C as a matrix (n, n_target), zeros where there is no wire."""
    channel = ref.channels[c]
    n, n_target = channel.rank or ref.layers[channel.source].n, ref.layers[channel.target].n
    if channel.wiring in SPARSE_WIRINGS:
        dense = torch.zeros(n, n_target)
        dense[wire_ends(ref, c)] = ref.wires(c)
        return dense
    return ref.wires(c).view(n, n_target)


def sums(ref: State, h: int, x: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
    """S of layer h, (B, n), from what arrived, x (B, fan_in), multiples of `unit` (B, 1)."""
    layer = ref.layers[h]
    w, b = ref.synapses(h)
    own = wires_unit(ref, h)
    if own == 0.0:
        return kind_of(layer).forward(layer, w, b, x)
    s = of_units(kind_of(layer).forward(layer, in_units(w, own), torch.zeros_like(b), in_units(x, unit)), own, unit)
    return s + b.repeat_interleave(layer.n // len(b)) if len(b) else s


def wires_unit(ref: State, h: int) -> float:
    """The unit of layer h's W, 0 if it has none; 1 of a layer without synapses, which passes on what it receives."""
    layer = ref.layers[h]
    return weight_unit(layer, ref.synapses(h)[0], bool(ref.plan.trains[h])) if layer.w_size else 1.0


def error_at(ref: State, frame: int, arrived: dict[int, Arrived]) -> torch.Tensor:
    """The error at a layer, (B, n): those of its learning channels, each times its share, added in their order."""
    total: torch.Tensor | None = None
    for c in sorted(arrived):
        m, unit, error = arrived[c]
        error = (project(ref, c, frame, m, unit) if error is None else error) * ref.channels[c].share
        total = error if total is None else total + error
    assert total is not None
    return total


def project(
    ref: State, c: int, frame: int, m: torch.Tensor, unit: torch.Tensor, x: torch.Tensor | None = None
) -> torch.Tensor:
    """The error at the target of learning channel c, (B, n_target), from the delivered message m (B, n) of a frame,
    multiples of `unit` (B, 1).

    x: what the sender received in that frame, if stashed (see `LayerKind.backward`).
    """
    channel = ref.channels[c]
    if channel.wiring == Wiring.PRODUCT:
        for h in range(channel.source, channel.target, -1):
            m = through_weights(ref, h, m, unit)
            unit = torch.zeros_like(unit)
        return m
    if channel.redrawn:
        ref.set_wires(c, redrawn(ref, c, frame))
    own = wires_unit(ref, channel.source) if channel.wiring == Wiring.TRANSPOSE else ref.feedback_units[c]
    if own == 0.0:
        return error_of(ref, c, m, own, x)
    return of_units(error_of(ref, c, in_units(m, unit), own, x), own, unit)


def through_weights(ref: State, h: int, m: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
    """m (B, n), multiples of `unit`, through the transposed W of dense layer h: (B, fan_in)."""
    layer, own = ref.layers[h], wires_unit(ref, h)
    w = ref.synapses(h)[0]
    if own == 0.0:
        return kind_of(layer).backward(layer, w, m, None)
    return of_units(kind_of(layer).backward(layer, in_units(w, own), in_units(m, unit), None), own, unit)


def redrawn(ref: State, c: int, frame: int) -> torch.Tensor:
    """The C that channel c has in a frame, flat, where it is drawn anew for each."""
    channel = ref.channels[c]
    places = torch.arange(channel.c_size)
    if channel.wiring in SPARSE_WIRINGS:
        sender, receiver = wire_ends(ref, c)
        places = sender * ref.layers[channel.target].n + receiver
    values = draws.feedback(ref.plan.seed, c, frame, channel.distribution, channel.deviation, places)
    if channel.mean:
        values = values + channel.mean
    return values.abs() if channel.wiring in (Wiring.SIGN, Wiring.SPARSE_SIGN) else values


def error_of(ref: State, c: int, m: torch.Tensor, unit: float, x: torch.Tensor | None) -> torch.Tensor:
    """m through the wires of channel c, in units of `unit` if that is not 0."""
    channel = ref.channels[c]
    source = ref.layers[channel.source]
    kind = kind_of(source)
    if channel.wiring == Wiring.TRANSPOSE:
        return kind.backward(source, in_units(ref.synapses(channel.source)[0], unit), m, x)
    if channel.wiring == Wiring.SIGN:
        w, _ = ref.synapses(channel.source)
        return kind.backward(source, in_units(ref.wires(c), unit).view(w.shape) * w.sign(), m, x)
    if channel.wiring == Wiring.SPARSE_SIGN:
        w, _ = ref.synapses(channel.source)
        return m @ (in_units(matrix(ref, c), unit) * w.T.sign())
    if channel.wiring == Wiring.BANK:
        return kind.backward(source, in_units(ref.wires(c), unit).view(kind.shape(source)), m, x)
    return m @ in_units(matrix(ref, c), unit)


def adapt(ref: State, c: int, frame: int, m: torch.Tensor, o: torch.Tensor, r: torch.Tensor, batch: int) -> None:
    """C += (eta_C / B) sum m (x) O, with the feedback learning rate eta_C, on the wires that exist; with momentum as W.

    With the user's own step of C that takes the place of m (x) O; r is R of the layer that receives, (B, n_target).
    A bank is shared by all positions, as W is: its step is that of W with O in the place of x, and m of R.
    """
    channel = ref.channels[c]
    ref.feedback_units[c] = 0.0
    rate = ref.learning_rate(frame, channel.learning_rate)
    if ref.plan.own_rule is not None and ref.plan.own_rule.step_c:
        ends, c_values = None, ref.wires(c)
        if channel.wiring == Wiring.SPARSE:
            ends = wire_ends(ref, c)
        else:
            c_values = c_values.view(channel.n, -1)
        step = batch * own_steps.mean_steps(ref.plan, "step_c", c, frame, batch, m, o, r, c_values, ends).flatten()
    elif channel.wiring == Wiring.BANK:
        source = ref.layers[channel.source]
        step = kind_of(source).gradient(source, o, m)[0].flatten()
    elif channel.wiring == Wiring.SPARSE:
        step = (m.T @ o)[wire_ends(ref, c)]
    else:
        step = (m.T @ o).flatten()
    step = step - batch * ref.plan.feedback_decay * ref.wires(c)
    if ref.plan.momentum > 0:
        v = ref.feedback_velocity[channel.c_offset :][: channel.c_size]
        v.mul_(ref.plan.momentum).add_(step / batch)
        ref.wires(c).add_(rate * v)
    else:
        ref.wires(c).add_(rate / batch * step)


def update_synapses(
    ref: State, c: int, frame: int, x: torch.Tensor, slope: torch.Tensor, m: torch.Tensor, batch: int
) -> None:
    """`update` where each synapse has an error of its own, made of the delivered message m (B, n) by its own wires.

    slope: f'(S) of the receiving layer, (B, n_target).
    """
    channel = ref.channels[c]
    layer = ref.layers[channel.target]
    w, b = ref.synapses(channel.target)
    wires = ref.wires(c).view(ref.layers[channel.source].n, -1)
    step_w, step_b = torch.zeros_like(w), torch.zeros_like(b)
    for activity, f, message in zip(x, slope, m, strict=True):
        error = message @ wires
        step_w += activity[:, None] * (error[: layer.w_size].view(w.shape) * f)
        step_b += error[layer.w_size :] * f[: len(b)]
    grow(ref, channel.target, frame, step_w, step_b, batch)


def update(ref: State, h: int, frame: int, x: torch.Tensor, o: torch.Tensor, r: torch.Tensor, batch: int) -> None:
    """Layer h's synapses learn from what arrived, x (B, fan_in), its activity o (B, n) and learning signal r (B, n).

    `batch` is the number of samples of the frame, over which steps are averaged; B may be less after a miss, when the
    newest frame is shorter.
    """
    layer = ref.layers[h]
    if ref.plan.own_step(h):
        grow(ref, h, frame, *own_sums(ref, h, frame, x, o, r, batch), batch)
        return
    step_w, step_b = kind_of(layer).gradient(layer, x, r)
    rate = ref.learning_rate(frame, layer.learning_rate)
    single = None
    if layer.update_per_sample:
        samples = range(len(x))
        single = torch.stack([rate * kind_of(layer).gradient(layer, x[[i]], r[[i]])[0].flatten() for i in samples])
    grow(ref, h, frame, step_w, step_b[: layer.b_size], batch, single)


def own_sums(
    ref: State, h: int, frame: int, x: torch.Tensor, o: torch.Tensor, r: torch.Tensor, batch: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The user's own steps of layer h's W and b, summed over the samples. A bias is the row of an input that is 1."""
    w, b = ref.synapses(h)
    rows = torch.cat([w, b[None]]) if len(b) else w
    x = torch.cat([x, torch.ones(len(x), 1)], 1)
    steps = batch * own_steps.mean_steps(ref.plan, "step_w", h - 1, frame, batch, x, o, r, rows)
    return steps[: len(w)], steps[len(w) :].flatten()


def grow(
    ref: State,
    h: int,
    frame: int,
    step_w: torch.Tensor,
    step_b: torch.Tensor,
    batch: int,
    single: torch.Tensor | None = None,
) -> None:
    """Layer h's W and b grow by eta times steps that are summed over the samples of a frame of `batch`.

    single: the steps of single samples, times eta, one a row, where these pass a quantizer.
    """
    layer = ref.layers[h]
    w, b = ref.synapses(h)
    rate = ref.learning_rate(frame, layer.learning_rate)
    decay = batch * ref.plan.weight_decay  # for each sample of the mean
    step_w, step_b = step_w - decay * w, step_b - decay * b
    if ref.plan.momentum > 0:
        v_w, v_b = ref.velocities(h)
        v_w.mul_(ref.plan.momentum).add_(step_w.flatten() / batch)
        v_b.mul_(ref.plan.momentum).add_(step_b / batch)
        step_w, step_b = rate * v_w, rate * v_b
    else:
        step_w, step_b = rate / batch * step_w, rate / batch * step_b
    step_w = step_w.flatten() if single is None else single
    if ref.witness is not None:
        ref.witness.update(ref, h, frame, w.flatten().clone(), step_w)
    w.copy_(after_update(ref, h, frame, w.flatten(), step_w).view(w.shape))
    b += step_b


def after_update(ref: State, h: int, frame: int, w: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    """Layer h's flat W after a flat step, both through the synapses' quantizers.

    Where updates are quantized sample by sample, `step` has a row for each, and their mean over the frame is added.
    """
    step = quantized_matrix(ref, h, frame, step, "update")
    if step.ndim == 2:
        step = step.sum(0) / len(ref.samples(frame))
    return quantized_matrix(ref, h, frame, w + step, "weight")


def quantized_matrix(ref: State, h: int, frame: int, values: torch.Tensor, which: str) -> torch.Tensor:
    """Layer h's flat weight step ("update"; or one a row) or stored weights ("weight") as its quantizer leaves them."""
    layer = ref.layers[h]
    kind = getattr(layer, f"{which}_quantizer")
    if kind == Quantizer.NONE:
        return values
    rows = values.view(-1, values.shape[-1])
    u = None
    if getattr(layer, f"{which}_stochastic"):
        stream = Stream.UPDATE_ROUNDING if which == "update" else Stream.WEIGHT_ROUNDING
        u = draws.uniform32(ref.plan.seed, stream, h, frame, range(len(rows)), rows.shape[1])
    a = scale_of(getattr(layer, f"{which}_scale_kind"), getattr(layer, f"{which}_scale"), rows, rows != 0)
    return quantize(kind, getattr(layer, f"{which}_levels"), rows, a, u).view(values.shape)
