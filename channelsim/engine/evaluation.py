"""Loss and accuracy of a network as it is, on samples that it does not learn from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.engine.chunks import refuse_own_fault
from channelsim.engine.compile.threads import thread_demands, within_threads
from channelsim.engine.compile.units import EVALUATION
from channelsim.engine.layers import prediction
from channelsim.engine.setup.constants import split
from channelsim.engine.setup.warm_up import compile_for
from channelsim.engine.sizes import evaluated_at_once, list_room
from channelsim.engine.state import State, settle
from channelsim.engine.tables.handles import handle, records
from channelsim.plan import is_ideal


def evaluate(
    state: State, images: NDArray[np.float32], y: NDArray[Any], outputs: NDArray[np.float32] | None = None
) -> tuple[float, float]:
    """(mean loss, accuracy) on images (N, n_0) with the weights as they are; NaN where there are none.

    `y` has class numbers (N,), or real targets (N, n_L), for which there is no accuracy (NaN). `outputs` (N, n_L) is
    filled with the top layer's activity.

    The forward channels do to activities what they do in training, except that residuals are not kept and nothing is
    late.
    """
    if len(y) == 0:
        return math.nan, math.nan
    settle(state)
    plan, net = state.plan, state.net
    compile_for(state.demands | {EVALUATION} | thread_demands())
    channels, links = records(net.channels.copy()), records(net.links.copy())
    channels["residual"], channels["deadline"], links["queue"] = 0, -1, -1
    clockless = net._replace(channels=channels, ideal=is_ideal(channels, links))
    flat = np.ascontiguousarray(images, np.float32).reshape(-1)
    labels, targets = split(y)
    widest = int(plan.layers["n"].max())
    at_once = evaluated_at_once(plan.layers)
    here, there = (np.zeros(at_once * widest, np.float32) for _ in range(2))
    room = np.zeros(at_once, np.int64), np.zeros(list_room(at_once, widest), np.int32)
    net, memory = handle(clockless), state.handles()[1]
    found = np.zeros(2)
    with within_threads():
        for first in range(0, len(y), at_once):
            samples = min(at_once, len(y) - first)
            prediction.evaluate(net, memory, flat, labels, targets, first, samples, here, there, *room, found)
            if outputs is not None:
                top = prediction.top_of(here, there, plan.top)
                outputs[first : first + samples] = top[: samples * outputs.shape[1]].reshape(samples, -1)
    refuse_own_fault(plan, state)
    loss, correct = found / len(y)
    return float(loss), float(correct) if len(labels) else math.nan
