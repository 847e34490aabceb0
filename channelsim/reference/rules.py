"""The learning rules: how a delivered message becomes an error, and what an update does."""

from __future__ import annotations

import numpy as np
import torch

from channelsim.hashing import Stream
from channelsim.plan.layout import Quantizer
from channelsim.reference import draws
from channelsim.reference.layers import kind_of
from channelsim.reference.multiples import in_units, of_units, weight_unit
from channelsim.reference.quantizers import quantize, scale_of
from channelsim.reference.state import State
from channelsim.rules import SPARSE_WIRINGS, Wiring


def wire_ends(ref: State, c: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sending and receiving neuron of each wire of a sparse C, in the order of its values."""
    channel, plan = ref.channels[c], ref.plan
    starts = plan.c_start[channel.start_offset :][: channel.n + 1]
    sender = np.repeat(np.arange(channel.n), np.diff(starts))
    receiver = plan.c_index[channel.c_offset :][: channel.c_size]
    return torch.from_numpy(sender), torch.from_numpy(receiver.astype(np.int64))


def matrix(ref: State, c: int) -> torch.Tensor:
    """C as a matrix (n, n_target), zeros where there is no wire."""
    channel = ref.channels[c]
    n_target = ref.layers[channel.target].n
    if channel.wiring in SPARSE_WIRINGS:
        dense = torch.zeros(channel.n, n_target)
        dense[wire_ends(ref, c)] = ref.wires(c)
        return dense
    return ref.wires(c).view(channel.n, n_target)


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


def project(ref: State, c: int, m: torch.Tensor, unit: torch.Tensor, x: torch.Tensor | None = None) -> torch.Tensor:
    """The error at the target of learning channel c, (B, n_target), from the delivered message m (B, n), multiples of
    `unit` (B, 1).

    x: what the sender received in that frame, if stashed (see `LayerKind.backward`).
    """
    channel = ref.channels[c]
    own = wires_unit(ref, channel.source) if channel.wiring == Wiring.TRANSPOSE else ref.feedback_units[c]
    if own == 0.0:
        return error_of(ref, c, m, own, x)
    return of_units(error_of(ref, c, in_units(m, unit), own, x), own, unit)


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


def adapt(ref: State, c: int, frame: int, m: torch.Tensor, o: torch.Tensor, batch: int) -> None:
    """C += (eta_C / B) sum m (x) O, with the feedback learning rate eta_C, on the wires that exist; with momentum as W.

    A bank is shared by all positions, as W is: its step is that of W with O in the place of x, and m of R.
    """
    channel = ref.channels[c]
    ref.feedback_units[c] = 0.0
    rate = ref.learning_rate(frame, channel.learning_rate)
    if channel.wiring == Wiring.BANK:
        source = ref.layers[channel.source]
        step = kind_of(source).gradient(source, o, m)[0].flatten()
    elif channel.wiring == Wiring.SPARSE:
        step = (m.T @ o)[wire_ends(ref, c)]
    else:
        step = (m.T @ o).flatten()
    if ref.plan.momentum > 0:
        v = ref.feedback_velocity[channel.c_offset :][: channel.c_size]
        v.mul_(ref.plan.momentum).add_(step / batch)
        ref.wires(c).add_(rate * v)
    else:
        ref.wires(c).add_(rate / batch * step)


def update(ref: State, h: int, frame: int, x: torch.Tensor, r: torch.Tensor, batch: int) -> None:
    """Layer h's synapses learn from what arrived, x (B, fan_in), and its learning signal r (B, n).

    `batch` is the number of samples of the frame, over which steps are averaged; B may be less after a miss, when the
    newest frame is shorter.
    """
    layer = ref.layers[h]
    w, b = ref.synapses(h)
    step_w, step_b = kind_of(layer).gradient(layer, x, r)
    step_b = step_b[: len(b)]  # none where the layer has no biases
    rate = ref.learning_rate(frame, layer.learning_rate)
    if ref.plan.momentum > 0:
        v_w, v_b = ref.velocities(h)
        v_w.mul_(ref.plan.momentum).add_(step_w.flatten() / batch)
        v_b.mul_(ref.plan.momentum).add_(step_b / batch)
        step_w, step_b = rate * v_w, rate * v_b
    else:
        step_w, step_b = rate / batch * step_w, rate / batch * step_b
    if ref.witness is not None:
        ref.witness.update(ref, h, frame, w.flatten().clone(), step_w.flatten())
    w.copy_(after_update(ref, h, frame, w.flatten(), step_w.flatten()).view(w.shape))
    b += step_b


def after_update(ref: State, h: int, frame: int, w: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    """Layer h's flat W after a flat step, both through the synapses' quantizers."""
    return quantized_matrix(ref, h, frame, w + quantized_matrix(ref, h, frame, step, "update"), "weight")


def quantized_matrix(ref: State, h: int, frame: int, values: torch.Tensor, which: str) -> torch.Tensor:
    """Layer h's flat weight step ("update") or stored weights ("weight") as its quantizer leaves them."""
    layer = ref.layers[h]
    kind = getattr(layer, f"{which}_quantizer")
    if kind == Quantizer.NONE:
        return values
    row = values[None]
    u = None
    if getattr(layer, f"{which}_stochastic"):
        stream = Stream.UPDATE_ROUNDING if which == "update" else Stream.WEIGHT_ROUNDING
        u = draws.uniform32(ref.plan.seed, stream, h, frame, [0], len(values))
    a = scale_of(getattr(layer, f"{which}_scale_kind"), getattr(layer, f"{which}_scale"), row, row != 0)
    return quantize(kind, getattr(layer, f"{which}_levels"), row, a, u)[0]
