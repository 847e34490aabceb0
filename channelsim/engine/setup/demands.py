"""What of a run needs which units of compiled code: see `compile.units`.

A unit that is left out here is compiled in the middle of the run, when it is first called.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.engine.compile.units import (
    ADAPTIVE,
    AT_RECEIVER,
    AUGMENTED,
    CHANGED,
    DEFERRED,
    ENTROPY_CODED,
    IMMEDIATE,
    LOW_RANK,
    MAPS,
    MINI_BATCH,
    ONE_SAMPLE,
    OWN_STEPS,
    OWN_TRANSFERS,
    PER_SAMPLE,
    PER_SYNAPSE,
    PRODUCTS,
    QUANTIZED,
    RECORDING,
    REDRAWN,
    SEVERAL,
    SIGNED_WIRES,
    SIGNS,
    STAGES,
    TRANSPOSED,
    WATCHING,
)
from channelsim.plan import Direction, Encoding, Jitter, Kind, Plan, Quantizer, Recording, Transfer, Wiring, is_ideal

NOTHING = Recording()


def demands(plan: Plan, *, recording: Recording = NOTHING, frozen: bool = False) -> frozenset[str]:
    """The demands of a run from its beginning to its end, but for those of threads and evaluations."""
    ideal = always_ideal(plan)
    layers, wiring = plan.layers, plan.channels["wiring"]
    dense, learns = layers["kind"] == Kind.DENSE, layers["learning_rate"] > 0
    quantized = (layers["update_quantizer"] != Quantizer.NONE) | (layers["weight_quantizer"] != Quantizer.NONE)
    deferred = dense & ~quantized & may_defer(plan)
    by_synapse = (wiring == Wiring.SYNAPSES).any()
    found = {
        ONE_SAMPLE: plan.batch == 1 and dense.any(),
        MINI_BATCH: plan.batch > 1 and dense.any(),
        DEFERRED: not frozen and (deferred & learns).any(),
        IMMEDIATE: not frozen and ((learns & ~deferred).any() or by_synapse),
        OWN_STEPS: not frozen and plan.own_rule is not None,
        PER_SYNAPSE: not frozen and by_synapse,
        TRANSPOSED: (wiring == Wiring.TRANSPOSE).any(),
        LOW_RANK: plan.channels["rank"].any(),
        PRODUCTS: (wiring == Wiring.PRODUCT).any(),
        REDRAWN: not frozen and plan.channels["redrawn"].any(),
        SEVERAL: several_channels(plan),
        SIGNS: (wiring == Wiring.SIGN).any(),
        SIGNED_WIRES: (wiring == Wiring.SPARSE_SIGN).any(),
        ADAPTIVE: not frozen and plan.channels["adaptive"].any(),
        QUANTIZED: not frozen and quantized.any(),
        PER_SAMPLE: not frozen and plan.batch > 1 and layers["update_per_sample"].any(),
        AT_RECEIVER: plan.channels["at_receiver"].any(),
        STAGES: _has_stages(plan, ideal),
        ENTROPY_CODED: any((channels["encoding"] == Encoding.ENTROPY).any() for channels, _ in tables(plan)),
        CHANGED: not ideal[: plan.top].all(),
        AUGMENTED: not frozen and (plan.flip or plan.shift > 0),
        MAPS: plan.maps,
        OWN_TRANSFERS: ((layers["transfer"] == Transfer.OWN) | (layers["keeps_sums"] != 0)).any(),
        RECORDING: bool(recording.windows),
        WATCHING: recording.values,
    }
    return frozenset(name for name, is_met in found.items() if is_met)


def may_defer(plan: Plan) -> bool:
    """Whether updates of W may wait for the next pass over its rows: they are products of a row's activity and R."""
    return plan.batch == 1 and plan.momentum == 0.0 and plan.weight_decay == 0.0 and plan.own_rule is None


def several_channels(plan: Plan) -> bool:
    """Whether the errors of several learning channels add at some layer."""
    targets = plan.channels["target"][plan.channels["direction"] == Direction.LEARNING]
    return len(np.unique(targets)) < len(targets)


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
        drawn |= (channels["drop"] > 0) | (channels["own_before"] > 0) | (channels["own_after"] > 0)
        sifts = (channels["has_threshold"] != 0) & (channels["quantizer"] == Quantizer.NONE) & ~drawn
        found |= not (timeless & (ideal | (sifts & (channels["deadline"] < 0)))).all()
    return found


def tables(plan: Plan) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """The channels and links of the beginning, and those after each scheduled change."""
    return [(plan.channels, plan.links), *((change.channels, change.links) for change in plan.changes)]
