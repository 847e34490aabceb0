"""What of a run needs which units of compiled code: see `compile.units`.

A unit that is left out here is compiled in the middle of the run, when it is first called.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.engine.compile.units import (
    ADAPTIVE,
    AUGMENTED,
    CHANGED,
    DEFERRED,
    ENTROPY_CODED,
    IMMEDIATE,
    MAPS,
    MINI_BATCH,
    ONE_SAMPLE,
    QUANTIZED,
    RECORDING,
    SIGNED_WIRES,
    SIGNS,
    STAGES,
    TRANSPOSED,
)
from channelsim.plan import Encoding, Jitter, Kind, Plan, Quantizer, Wiring, is_ideal


def demands(plan: Plan, *, trace_frames: int = 0, frozen: bool = False) -> frozenset[str]:
    """The demands of a run from its beginning to its end, but for those of threads and evaluations."""
    ideal = always_ideal(plan)
    layers, wiring = plan.layers, plan.channels["wiring"]
    dense, learns = layers["kind"] == Kind.DENSE, layers["learning_rate"] > 0
    quantized = (layers["update_quantizer"] != Quantizer.NONE) | (layers["weight_quantizer"] != Quantizer.NONE)
    deferred = dense & ~quantized & (plan.batch == 1 and plan.momentum == 0.0)
    found = {
        ONE_SAMPLE: plan.batch == 1 and dense.any(),
        MINI_BATCH: plan.batch > 1 and dense.any(),
        DEFERRED: not frozen and (deferred & learns).any(),
        IMMEDIATE: not frozen and (learns & ~deferred).any(),
        TRANSPOSED: (wiring == Wiring.TRANSPOSE).any(),
        SIGNS: (wiring == Wiring.SIGN).any(),
        SIGNED_WIRES: (wiring == Wiring.SPARSE_SIGN).any(),
        ADAPTIVE: not frozen and plan.channels["adaptive"].any(),
        QUANTIZED: not frozen and quantized.any(),
        STAGES: _has_stages(plan, ideal),
        ENTROPY_CODED: any((channels["encoding"] == Encoding.ENTROPY).any() for channels, _ in tables(plan)),
        CHANGED: not ideal[: plan.top].all(),
        AUGMENTED: not frozen and (plan.flip or plan.shift > 0),
        MAPS: plan.maps,
        RECORDING: trace_frames > 0,
    }
    return frozenset(name for name, is_met in found.items() if is_met)


def always_ideal(plan: Plan) -> NDArray[np.bool_]:
    """Channels that never change a value or lose an event, whatever is scheduled to change."""
    return np.logical_and.reduce([is_ideal(channels, links) for channels, links in tables(plan)])


def _has_stages(plan: Plan, ideal: NDArray[np.bool_]) -> bool:
    """Whether more than a threshold happens to some message, at some time: as `sending` asks of one channel."""
    found = False
    for channels, all_links in tables(plan):
        links = all_links[channels["link"]]
        timeless = (links["ps_numerator"] == 0) & (links["queue"] < 0) & (links["broadcast"] == 0)
        timeless &= channels["jitter_kind"] == Jitter.NONE
        drawn = (channels["stochastic"] != 0) | (channels["noise"] > 0) | (channels["bit_error"] > 0)
        drawn |= channels["drop"] > 0
        sifts = (channels["has_threshold"] != 0) & (channels["quantizer"] == Quantizer.NONE) & ~drawn
        found |= not (timeless & (ideal | (sifts & (channels["deadline"] < 0)))).all()
    return found


def tables(plan: Plan) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """The channels and links of the beginning, and those after each scheduled change."""
    return [(plan.channels, plan.links), *((change.channels, change.links) for change in plan.changes)]
