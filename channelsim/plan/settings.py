"""Scenario tables -> record fields: stages, clock and code of a channel, and the quantizers of synapses."""

from __future__ import annotations

import math
from typing import Any

from channelsim.plan.layout import Encoding, Jitter, Quantizer, Residual, Scale
from channelsim.plan.own import at_the_sender
from channelsim.scenario import Channel, LowPrecision

FLOAT_BITS = 32


def channel_fields(row: Any, channel: Channel) -> None:
    """Writes a channel's settings (stages, clock, code) into its record."""
    threshold, quantize, noise = channel.threshold, channel.quantize, channel.noise
    row["has_threshold"] = threshold is not None
    row["threshold"] = threshold.value if threshold else 0.0
    row["residual"] = Residual[channel.residual.upper()] if channel.residual else Residual.NONE
    quantizer_fields(row, quantize, "quantizer", "levels", "scale_kind", "scale", "stochastic")
    row["noise"] = noise.sigma if noise else 0.0
    row["noise_scale_kind"], row["noise_scale"] = scale_of(noise.scale if noise else 1.0)
    row["bit_error"] = channel.bit_errors.probability if channel.bit_errors else 0.0
    row["drop"] = channel.drop.probability if channel.drop else 0.0
    row["rescale"] = bool(channel.drop and channel.drop.rescale)
    row["own_before"] = at_the_sender(channel)
    row["own_after"] = len(channel.stage) - at_the_sender(channel)
    row["latency"] = channel.latency
    row["jitter_kind"] = Jitter[channel.jitter.distribution.upper()] if channel.jitter.value else Jitter.NONE
    row["jitter"] = channel.jitter.value
    row["deadline"] = -1 if channel.deadline is None else channel.deadline
    row["encoding"] = Encoding[channel.encoding.upper()]
    row["header_bits"] = channel.header
    quantizer = Quantizer(int(row["quantizer"]))
    row["address_bits"] = address_bits(int(row["n"]))
    row["value_bits"] = quantize.width if quantize else FLOAT_BITS
    bit_error_fields(row)
    row["scale_bits"] = FLOAT_BITS if quantizer != Quantizer.NONE and row["scale_kind"] != Scale.FIXED else 0
    row["silence_bits"] = quantize is not None and not quantize.has_silence


def address_bits(n: int) -> int:
    """ceil(log2 n)"""
    return (n - 1).bit_length()


def bit_error_fields(row: Any) -> None:
    """Writes what follows from the probability of a bit error and the length of a word."""
    keep = 1.0 - float(row["bit_error"])
    row["word_error"] = 1.0 - math.prod([keep] * int(row["value_bits"]))  # one factor after another


def quantizer_fields(
    row: Any, quantize: LowPrecision | None, kind: str, levels: str, scale_kind: str, scale: str, stochastic: str
) -> None:
    """Writes a quantizer table (or None) into five named fields of a record."""
    row[kind] = Quantizer[quantize.kind.upper()] if quantize else Quantizer.NONE
    row[levels] = quantize.levels if quantize else 0
    row[scale_kind], row[scale] = scale_of(quantize.scale if quantize else 1.0)
    row[stochastic] = bool(quantize and quantize.rounding == "stochastic")


def scale_of(scale: str | float) -> tuple[Scale, float]:
    return (Scale[scale.upper()], 1.0) if isinstance(scale, str) else (Scale.FIXED, float(scale))
