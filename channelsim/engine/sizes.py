"""How much memory the engine allocates, worked out from a plan's layer table. Imports no Numba."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.engine.config import (
    CACHE_LINE_VALUES,
    EVALUATED_SAMPLES,
    EVALUATED_VALUES,
    GROUPS,
    MAP_PART_SAMPLES,
    MAP_PARTS,
    PART_ROWS,
    PART_SAMPLES,
    PARTS,
    ROW_PARTS,
)
from channelsim.plan.layout import Direction, Kind, Quantizer


def map_parts(samples: int) -> int:
    """Into how many parts, each with scratch memory of its own, the work on maps of so many samples is divided."""
    return max(1, min(MAP_PARTS, samples // MAP_PART_SAMPLES))


def parts(samples: int) -> int:
    """Into how many parts the work on a mini-batch is divided: by its size alone, never by the number of threads."""
    return max(1, min(PARTS, samples // PART_SAMPLES))


def row_parts(pieces: int, fan_in: int) -> int:
    """Into how many parts a sum over the rows of W is divided, of so many pieces: 1 if samples are divided instead.

    A thread then sees in the sum and in the update the same rows of W and the same part of each image. Worth it where
    there are many rows, and not so many samples that their partial sums take more room than W.
    """
    return max(1, min(pieces, fan_in // PART_ROWS)) if pieces <= ROW_PARTS else 1


def partial_room(samples: int, widest: int, n: int) -> int:
    """float32 values that the partial sums of `samples` or fewer take, over layers of `n` units at most."""
    most = min(samples, (ROW_PARTS + 1) * PART_SAMPLES - 1)  # the last mini-batch of an epoch may be smaller
    return (row_parts(parts(most), widest) - 1) * most * n


def list_room(samples: int, widest: int) -> int:
    """int32 values that the lists of a mini-batch take: for each part one more than the longest have."""
    return parts(samples) * (1 + max(widest, GROUPS * (samples + 1) + samples))


def evaluated_at_once(layers: NDArray[Any]) -> int:
    """Samples that an evaluation passes through the network together."""
    return max(1, min(EVALUATED_SAMPLES, EVALUATED_VALUES // int(layers["n"].max())))


def patch_stride(layer: Any) -> int:
    """Values from one row of a patch matrix to the next: whole cache lines, and one more.

    Rows a power of two apart would compete for the same places in the cache.
    """
    return _whole_lines(int(layer["out_height"]) * int(layer["out_width"])) + CACHE_LINE_VALUES


def patch_values(layer: Any) -> int:
    """Values that a convolution needs for the patches of one image.

    The patches are a matrix (in_channels * kernel * kernel, positions), which the kernels are multiplied with. Its rows
    are cut out of planes: one channel of the map below, moved across by each column of the kernel.
    """
    kernel = int(layer["kernel"])
    plane = ((int(layer["out_height"]) - 1) * int(layer["stride"]) + kernel) * int(layer["out_width"])
    channel = int(layer["in_height"]) * int(layer["in_width"])
    return _whole_lines(int(layer["in_channels"]) * kernel**2 * patch_stride(layer) + kernel * plane + channel)


def _whole_lines(values: int) -> int:
    return -(-values // CACHE_LINE_VALUES) * CACHE_LINE_VALUES


def patch_bytes(layers: NDArray[Any], batch: int) -> int:
    """Bytes of the patches (float32) of frames of so many samples: one image per part that is worked on."""
    samples = max(batch, evaluated_at_once(layers))
    largest = max((patch_values(layer) for layer in layers[layers["kind"] == Kind.CONV2D]), default=0)
    return 4 * map_parts(samples) * largest


def layer_bytes(layers: NDArray[Any], batch: int) -> int:
    """Bytes of the buffers in which one layer after another works on a frame, and an evaluation on its samples.

    In learning these are error, signal and inputs, and the inputs once more as events, an index and a value each.
    """
    widest = int(layers["n"].max())
    return 4 * widest * (5 * batch + 2 * evaluated_at_once(layers))


def sample_bytes(layers: NDArray[Any], channels: NDArray[Any]) -> int:
    """Bytes of one sample in flight: activities as computed and as delivered, and its learning messages.

    What a dense layer receives is also kept as events.
    """
    learning = channels[channels["direction"] == Direction.LEARNING]
    messages = np.maximum(learning["n"], layers["n"][learning["target"]]).sum()
    events = layers["fan_in"][layers["kind"] == Kind.DENSE].sum()
    kept = layers["n"][layers["keeps_sums"] != 0].sum()  # S
    return int(4 * kept + 4 * layers["n"][1:].sum() + 4 * layers["fan_in"].sum() + 8 * events + 4 * messages)


def step_bytes(layers: NDArray[Any], summed: bool) -> int:
    """Bytes that are kept for whole steps of W: velocities, or the step that an update quantizer is given.

    summed: there is momentum or weight decay, or a rule of the user's own.
    """
    whole = summed or bool((layers["update_quantizer"] != Quantizer.NONE).any())
    return 4 * int(layers["w_size"].sum()) if whole else 0
