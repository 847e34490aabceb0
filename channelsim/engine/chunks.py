"""Running in chunks: the compiled loop is called, and what stops it (no room, a boundary, a fault) is seen to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import own_transfers, parts
from channelsim.engine.compile.own import RAISED
from channelsim.engine.compile.threads import thread_demands, within_threads
from channelsim.engine.layers import own_steps
from channelsim.engine.loop import event_loop
from channelsim.engine.setup import memory as run_memory
from channelsim.engine.setup.warm_up import compile_for
from channelsim.engine.state import State, busiest, enter_epoch, exchange_tables
from channelsim.engine.tables.layouts import LOSS, OF_LAYERS, OWN_FAILED, STEP_C, STEP_W
from channelsim.errors import RunError
from channelsim.plan import CLOCK_END, Plan, Quantizer

Collect = Callable[[NDArray[Any], NDArray[np.float32]], None]
"""Takes rows (MESSAGE_ROW or VALUE_ROW) and the values that they refer to."""


class Diverged(RunError):
    """A learning signal, loss or weight is no longer finite."""


@dataclass(frozen=True)
class Tally:
    """Training metrics summed since the last collection, of the samples that have reached the top layer."""

    loss: float
    correct: int
    samples: int
    updates: int


def advance(
    plan: Plan, state: State, until_frame: int, collect: Collect | None = None, watch: Collect | None = None
) -> None:
    """Runs until frame `until_frame` would enter (at most the run's last frame; past it, until all is done).

    Events of the frames that have entered and are due later stay in flight. `collect` receives the message rows and
    payload of traced frames whenever the buffer is full, and at the end; `watch` likewise the rows of recorded values,
    and these. Raises Diverged; or RunError where
    something would happen after the end of the clock, or too many frames are in flight.
    """
    compile_for(state.demands | thread_demands())
    until_frame = min(until_frame, plan.frames)
    while True:
        stop = min(until_frame, _next_boundary(plan, state))
        with within_threads():
            status = event_loop.advance(*state.handles(), stop)
        if status == event_loop.DIVERGED:
            _forget_what_has_no_word(state)
            _collect(state, collect, watch)
            frame = int(state.memory.clock[0]["fault_frame"])
            raise Diverged(
                f"the learning signal is no longer finite at update {frame + 1} "
                f"(epoch {frame // plan.frames_per_epoch + 1}): "
                "the weights have grown without bound; a smaller training.learning_rate or a smaller "
                "learning.feedback.scale keeps them finite"
            )
        if status == event_loop.OWN_STAGE_FAILED:
            refuse_own_fault(plan, state)
        if status == event_loop.OUT_OF_TIME:
            raise RunError(f"the simulated clock ends after {CLOCK_END / 1e12:,.0f} s; faster links take less of it")
        if status == event_loop.NO_SLOT or status == event_loop.RING_FULL:
            _grow(state)
        elif status == event_loop.ROWS_FULL:
            _collect(state, collect, watch)
        elif state.frame >= until_frame:
            _collect(state, collect, watch)
            return
        else:
            _collect(state, collect, watch)  # with the tables by which they were sent
            _cross_boundary(plan, state)


def refuse_own_fault(plan: Plan, state: State) -> None:
    """Raises RunError if a function of the user's own has raised an exception, or made something that is not finite."""
    fault = int(state.memory.clock[0]["fault_frame"]) - OWN_FAILED
    if fault < 0:
        return
    what = "raised an exception" if fault % 4 == RAISED else "made a number that is not finite of finite ones"
    raise RunError(f"{_own_place(plan, fault // 4).format(what=what)} near frame {state.frame}")


def _own_place(plan: Plan, number: int) -> str:
    """Where the function is that a fault names (`OWN_FAILED`), and where it is used, around what it did."""
    if number < OF_LAYERS:
        own = plan.own_stages[number]
        return f"{own.part.place} {{what}}, on channel {plan.channel_names[own.channel]}"
    which, h = divmod(number - OF_LAYERS, len(plan.layers))
    if which == LOSS:
        assert plan.own_loss is not None
        return f"{plan.own_loss.place} {{what}}, at the top"
    if which in (STEP_W, STEP_C):
        assert plan.own_rule is not None
        return (
            f"{own_steps.place(plan.own_rule.part, 'step_w' if which == STEP_W else 'step_c')} {{what}}, at layer {h}"
        )
    part = plan.own_transfers[h]
    assert part is not None
    return f"{parts.place_of(part, own_transfers.functions(part)[which])} {{what}}, in layer {h}"


def _next_boundary(plan: Plan, state: State) -> int:
    """The next frame before which the order of samples or the channel tables have to be exchanged."""
    boundary = (state.epoch + 1) * plan.frames_per_epoch
    if state.changes_done < len(plan.changes):
        boundary = min(boundary, plan.changes[state.changes_done].frame)
    return boundary


def _cross_boundary(plan: Plan, state: State) -> None:
    while state.changes_done < len(plan.changes) and plan.changes[state.changes_done].frame <= state.frame:
        exchange_tables(state, plan.changes[state.changes_done])
        state.changes_done += 1
    epoch = state.frame // plan.frames_per_epoch
    if epoch != state.epoch:
        enter_epoch(state, epoch)


def _collect(state: State, collect: Collect | None, watch: Collect | None) -> None:
    clock = state.memory.clock[0]
    if collect is not None and clock["rows"] > 0:
        collect(state.memory.message_rows[: clock["rows"]].copy(), state.memory.payload[: clock["payload"]].copy())
    clock["rows"] = clock["payload"] = 0
    written = state.memory.watch[0]
    if watch is not None and written["rows"] > 0:
        watch(state.memory.value_rows[: written["rows"]].copy(), state.memory.watched[: written["values"]].copy())
    written["rows"] = written["values"] = 0


def _forget_what_has_no_word(state: State) -> None:
    """Strikes out the rows of messages that no quantizer has words for: some of their values are not finite."""
    clock, memory = state.memory.clock[0], state.memory
    rows = memory.message_rows[: clock["rows"]]
    coded = state.net.channels["quantizer"][rows["channel"]] != Quantizer.NONE
    broken = np.concatenate([[0], np.cumsum(~np.isfinite(memory.payload[: clock["payload"]]))])
    whole = broken[rows["payload"]] == broken[rows["payload"] + rows["neurons"]]
    kept = rows[~coded | (whole & np.isfinite(rows["scale"]))]
    memory.message_rows[: len(kept)] = kept
    clock["rows"] = len(kept)


def _grow(state: State) -> None:
    """Makes room for twice as many frames in flight. Raises RunError where the scenario does not want that many."""
    memory, plan = state.memory, state.plan
    if memory.clock[0]["in_flight"] > plan.max_in_flight:
        raise RunError(
            f"more than {plan.max_in_flight} frames are in flight: the network cannot keep up with a frame every "
            f"{plan.interval} ps ({busiest(state)}); "
            "a longer schedule.interval or a larger schedule.max_in_flight is needed"
        )
    state.memory = run_memory.with_more_slots(memory)


def tally(state: State) -> Tally:
    """Training metrics since the last call."""
    clock = state.memory.clock[0]
    result = Tally(float(clock["loss"]), int(clock["correct"]), int(clock["samples"]), int(clock["updates"]))
    clock["loss"] = 0.0
    clock["correct"] = clock["samples"] = clock["updates"] = 0
    return result
