"""What a run needs to go on, bit for bit: dumped between two chunks, and restored."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.data import Dataset
from channelsim.engine import saved
from channelsim.engine.layers.inputs import LIST
from channelsim.engine.setup.demands import NOTHING
from channelsim.engine.setup.memory import SCRATCH
from channelsim.engine.state import State, enter_epoch, exchange_tables, start
from channelsim.engine.tables import strides
from channelsim.engine.tables.handles import records
from channelsim.engine.tables.layouts import Memory
from channelsim.errors import InputError
from channelsim.plan import Plan, Recording


def snapshot(state: State) -> dict[str, NDArray[Any]]:
    """Everything needed to go on, bit for bit. Taken between two chunks."""
    kept = {name: array for name, array in state.memory._asdict().items() if name not in SCRATCH}
    for name in ("list_index", "list_value"):
        kept[name] = _without_rest(state, kept[name])
    kept["weights"] = strides.gather(state.net.layers, state.plan, kept["weights"])
    arrays = {name: np.array(array) for name, array in kept.items()}
    arrays["changes_done"] = np.array([state.changes_done], np.int64)
    return arrays


def _without_rest(state: State, lists: NDArray[Any]) -> NDArray[Any]:
    """Event lists with zeros behind them: what stands there depends on the processor, and is never read."""
    memory, cleared = state.memory, np.zeros_like(lists)
    for slot, h in np.argwhere(memory.input_form == LIST):
        first = memory.list_start[slot, h]
        last = first + memory.input_events[slot, h, 0]
        cleared[slot, first:last] = lists[slot, first:last]
    return cleared


def restore(
    plan: Plan,
    dataset: Dataset,
    arrays: dict[str, NDArray[Any]],
    *,
    trace_frames: int = 0,
    recording: Recording = NOTHING,
) -> State:
    """The state that `snapshot` dumped. Raises InputError for arrays that are not those of a run of this plan."""
    state = start(plan, dataset, trace_frames=trace_frames, recording=recording)
    if reason := saved.fault(state, arrays):
        raise InputError(f"/checkpoint: {reason}")
    known = {name: records(np.array(array)) for name, array in arrays.items() if name in Memory._fields}
    known["weights"] = strides.spread(state.net.layers, plan, known["weights"])
    state.memory.deferred_step[:] = known.pop("deferred_step")  # where it is, on a cache line
    state.memory = state.memory._replace(**known)
    state.changes_done = int(arrays["changes_done"][0])
    if state.changes_done:
        exchange_tables(state, plan.changes[state.changes_done - 1])
    enter_epoch(state, min(state.frame // plan.frames_per_epoch, plan.epochs - 1))
    return state
