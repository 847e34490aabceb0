"""What a network takes of this machine's memory, before any of it is drawn; one that does not fit is refused."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.data import Dataset
from channelsim.engine.sizes import layer_bytes, patch_bytes, sample_bytes, step_bytes
from channelsim.errors import InputError
from channelsim.plan import Edge, Kind, Tables, Wiring
from channelsim.plan.sizes import wires
from channelsim.rules import SPARSE_WIRINGS
from channelsim.scenario import OwnRule, Scenario

GIB = 2**30
# An entry of W or C is there in float32 in the plan, in the engine and in a checkpoint on its way to the disk. While a
# matrix is drawn, its random words and the float64 numbers made of them are there too.
BYTES_KEPT, BYTES_DRAWN = 12, 32


def estimate(scenario: Scenario, found: Tables, dataset: Dataset, batch: int) -> dict[str, int]:
    """Bytes by what they are for: data, synapses, frame, layer and patches (see `channelsim.check`)."""
    layers = found.layers
    parts = [(getattr(dataset, f"{part}_x"), getattr(dataset, f"{part}_y")) for part in ("train", "test", "validation")]
    arrays = [x for x, _ in parts] + [y for x, y in parts if y.ndim == 2 and y is not x]
    listed = layers[1]["kind"] == Kind.DENSE and not (scenario.data.flip or scenario.data.shift)
    events = 8 * int(np.count_nonzero(dataset.train_x)) if listed else 0  # an index and a value each
    summed = max(scenario.training.momentum, scenario.training.weight_decay) > 0
    summed |= isinstance(scenario.learning.rule, OwnRule)
    synapses = synapse_bytes(layers, found.edges, scenario.learning.feedback.connections)
    return {
        "data": sum(array.nbytes for array in arrays) + events,
        "synapses": synapses + step_bytes(layers, summed),
        "frame": batch * sample_bytes(layers, found.channels),
        "layer": layer_bytes(layers, batch),
        "patches": patch_bytes(layers, batch),
    }


def synapse_bytes(layers: NDArray[Any], edges: Sequence[Edge], connections: int | None) -> int:
    """Most bytes that all W and C take at one time; connections as in `wires`."""
    entries = [int(size) for size in layers["w_size"]]
    entries += [wires(edge, layers, connections) for edge in edges]
    return BYTES_KEPT * sum(entries) + BYTES_DRAWN * max(entries)


def machine_bytes() -> int | None:
    """The machine's memory; None where the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def refuse_excess(scenario: Scenario, found: Tables, samples: int) -> None:
    """Raises InputError for a network that does not fit into this machine's memory, before any of it is drawn.

    Counted are W, C and the patches of convolutions in frames of a training set of so many `samples`; the message names
    the largest C, and what makes it smaller.
    """
    layers, edges = found.layers, found.edges
    there, connections = machine_bytes(), scenario.learning.feedback.connections
    needed = synapse_bytes(layers, edges, connections) + patch_bytes(layers, scenario.training.frame_size(samples))
    if there is None or needed <= there:
        return
    text = f"{_gib(needed)}, but this machine has {_gib(there)}"
    accepted = "fewer units"
    if edges:
        largest = max(edges, key=lambda edge: wires(edge, layers, connections))
        size = wires(largest, layers, connections)
        if size > layers["w_size"].sum():
            source, target = largest.source, largest.target
            ends = f"{layers[target]['n']:,}"
            if largest.wiring == Wiring.SYNAPSES:
                ends = f"{layers[target]['w_size'] + layers[target]['b_size']:,} synapses"
            text += f" (C of {largest.name} has {size:,} wires, from {layers[source]['n']:,} units to "
            text += f"{ends}: {_gib((BYTES_KEPT + BYTES_DRAWN) * size)})"
            accepted = _remedies(layers, largest, connections) + accepted
    raise InputError(f"{scenario.model.where}: layers: W and C would take {text}; accepted: {accepted}")


def _remedies(layers: NDArray[Any], edge: Edge, connections: int | None) -> str:
    """What makes one C smaller, as words before "fewer units"."""
    words = 'learning.feedback.per = "neuron", ' if edge.wiring == Wiring.SYNAPSES else ""
    if edge.wiring in (Wiring.DENSE, *SPARSE_WIRINGS) and not edge.rank:
        fewer = "k" if connections is None else f"less than {connections}"
        words += f"learning.feedback.connections = {fewer} (so many wires for each unit that receives), "
        if layers[edge.target + 1]["kind"] != Kind.DENSE:
            words += 'a "layered" learning.route (there C is a bank of kernels, or none), '
    return words + "or " if words else words


def _gib(size: int) -> str:
    return f"{size / GIB:,.1f} GiB"
