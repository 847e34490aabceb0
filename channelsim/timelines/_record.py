"""What each layer and link did, and when: the messages of a trace, and the layers' acts that follow from them.

A layer serves one frame at a time, first come, first served (docs/design.md, section 5). So when it began and ended
each act follows exactly from when the frames' messages were complete and from how long it computes. Where it sent
something at the end of an act, the trace has that moment itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError
from channelsim.plan import Direction, Edge, Message, Wiring
from channelsim.plan.channels import link_table, settings_of
from channelsim.scenario import Scenario, refuse_undeclared
from channelsim.trace import Trace
from channelsim.units import format_duration

SEND = np.dtype(
    [
        ("frame", "i8"),
        ("sample", "i4"),
        ("channel", "i4"),
        ("link", "i4"),
        ("offered", "i8"),  # ps, as all times
        ("start", "i8"),  # of a message that was lost in a queue: when it was offered
        ("finish", "i8"),  # its last bit leaves
        ("complete", "i8"),
        ("bits", "i8"),
        ("events", "i4"),
        ("delivered", "i4"),
        ("lost", "u1"),  # it found the queue full
        ("again", "u1"),  # another channel has paid for this broadcast
        ("act", "i8"),  # of the receiver, a row of ACT
        ("sender", "i8"),  # the act at the end of which it was sent, a row of ACT
    ]
)

ACT = np.dtype(
    [
        ("layer", "i4"),
        ("frame", "i8"),
        ("channel", "i4"),  # over which its messages came; -1: the frame entered
        ("learning", "u1"),
        ("ready", "i8"),  # all of its messages are complete
        ("start", "i8"),
        ("done", "i8"),  # it acts: reads and changes its weights, and sends
        ("samples", "i8"),
        ("age", "i8"),  # of an error: frames that the layer has computed since the error's own; -1: no error
    ]
)

ENTRY = -1


@dataclass(frozen=True)
class Timeline:
    """The recorded messages in the order in which they were sent, and the acts that they led to.

    Attributes:
        name: the scenario's.
        layers: names, from the input up.
        channels, links: names.
        is_timed: per link, whether sending takes time on it.
        source, target: per channel, the layers that it joins; is_learning: per channel.
        sends: SEND records. acts: ACT records, those of a layer in the order in which it acted.
        notes: what is not in the record, a sentence each.
        window: from when to when it is, in ps; None: all that is recorded.
    """

    name: str
    layers: tuple[str, ...]
    channels: tuple[str, ...]
    links: tuple[str, ...]
    is_timed: NDArray[np.bool_]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    is_learning: NDArray[np.bool_]
    sends: NDArray[Any]
    acts: NDArray[Any]
    notes: tuple[str, ...] = ()
    window: tuple[int, int] | None = None

    @cached_property
    def begin(self) -> int:
        """ps: the beginning of the window, or of the whole record."""
        return (
            int(min(self.sends["offered"].min(), self.acts["start"].min())) if self.window is None else self.window[0]
        )

    @cached_property
    def end(self) -> int:
        """ps: the end of the window, or of the whole record."""
        if self.window is not None:  # in which there may be no message
            return self.window[1]
        return int(max(self.sends["complete"].max(), self.sends["finish"].max(), self.acts["done"].max()))

    def frames(self, first: int, last: int) -> Timeline:
        """From the moment at which frame `first` enters until all that frame `last` leads to is done."""
        recorded = self.sends["frame"]
        if not ((recorded >= first) & (recorded <= last)).any():
            raise InputError(
                f"timeline: no message of frames {first}:{last + 1} is recorded; accepted: frames within "
                f"{recorded.min()}:{recorded.max() + 1}"
            )
        of = (recorded >= first) & (recorded <= last)
        acts = self.acts[(self.acts["frame"] >= first) & (self.acts["frame"] <= last)]
        return self.between(int(self.sends["offered"][of].min()), int(acts["done"].max()))

    def between(self, begin: int, end: int) -> Timeline:
        """What happened, at least in part, from `begin` to `end`, both in ps and both included."""
        acts, sends = self.acts, self.sends
        inside = (acts["done"] >= begin) & (np.minimum(acts["ready"], acts["start"]) <= end)
        held = (np.maximum(sends["complete"], sends["finish"]) >= begin) & (sends["offered"] <= end)
        if not (inside.any() or held.any()):
            raise InputError(
                f"timeline: nothing is recorded from {format_duration(begin)} to {format_duration(end)}; accepted: "
                f"within {format_duration(self.begin)} to {format_duration(self.end)}"
            )
        moved = np.append(np.where(inside, np.cumsum(inside) - 1, -1), -1)
        kept = sends[held].copy()
        for name in ("act", "sender"):
            kept[name] = moved[kept[name]]
        return replace(self, acts=acts[inside], sends=kept, window=(begin, end))


def read(trace: Trace) -> Timeline:
    """The timeline of a trace's recorded messages. Raises InputError where it has none."""
    rows = trace.events()
    if not len(rows):
        raise InputError(
            f'{trace.path}: no messages are recorded; accepted: a trace with some (trace.events = "first 100 frames")'
        )
    refuse_undeclared(trace.resolved)
    scenario = Scenario(**trace.resolved)
    names = trace.channel_names
    records = np.array([trace.channel_settings(name) for name in names])
    edges = [
        Edge(Direction(row["direction"]), int(row["source"]), int(row["target"]), Message.ERROR, Wiring.NONE, name=name)
        for name, row in zip(names, records, strict=True)
    ]
    layers = scenario.depth
    sends, links, is_timed = _sends(rows, scenario, edges, trace)
    source, target = records["source"].astype(np.int64), records["target"].astype(np.int64)
    is_learning = records["direction"] == Direction.LEARNING
    acts = _acts(sends, scenario, source, target, is_learning)
    return Timeline(
        name=scenario.name,
        layers=("input", *(f"layer {h}" for h in range(1, layers)), "top"),
        channels=tuple(names),
        links=links,
        is_timed=is_timed,
        source=source,
        target=target,
        is_learning=is_learning,
        sends=sends,
        acts=acts,
        notes=_notes(rows, scenario, trace),
    )


# --- messages ---------------------------------------------------------------------------------------------------


def _sends(
    rows: NDArray[Any], scenario: Scenario, edges: list[Edge], trace: Trace
) -> tuple[NDArray[Any], tuple[str, ...], NDArray[np.bool_]]:
    sends = np.zeros(len(rows), SEND)
    for name in ("frame", "sample", "channel", "offered", "complete", "bits", "events", "delivered"):
        sends[name] = rows[name]
    sends["lost"] = rows["outcome"] == 2
    sends["start"] = np.where(sends["lost"], rows["offered"], rows["start"])
    per_epoch = trace.metrics("train")["frames"][:1]
    changes = scenario.changes(int(per_epoch[0]) if len(per_epoch) else 2**40) if scenario.schedule.change else []
    entries = np.where(rows["channel"] == 0, rows["frame"], -1)
    # Settings hold from the moment at which their frame enters, for whatever is sent after that.
    bounds = [int(np.argmax(entries >= frame)) if (entries >= frame).any() else len(rows) for frame, _ in changes]
    timed = None
    for k, (first, last) in enumerate(zip([0, *bounds], [*bounds, len(rows)], strict=True)):
        settings = settings_of(scenario, edges, [change for _, change in changes[:k]])
        table, links, link_of = link_table(scenario.links, edges, settings)
        part = sends[first:last]
        part["link"] = np.asarray(link_of)[part["channel"]]
        on = table[part["link"]]
        part["again"] = (on["broadcast"] != 0) & (part["bits"] == 0) & (part["lost"] == 0)
        part["finish"] = part["start"] + _occupation(on, np.where(part["lost"], 0, part["bits"]))
        is_timed = table["ps_numerator"] > 0
        timed = is_timed if timed is None else timed | is_timed
    assert timed is not None
    return sends, links, timed


def _occupation(links: NDArray[Any], bits: NDArray[np.int64]) -> NDArray[np.int64]:
    """ceil(bits numerator / denominator) ps, without overflow."""
    numerator, denominator = links["ps_numerator"], links["ps_denominator"]
    whole, rest = bits // denominator, bits % denominator
    ps: NDArray[np.int64] = whole * numerator + -(-(rest * numerator) // denominator)
    return ps


# --- acts -------------------------------------------------------------------------------------------------------


def _acts(
    sends: NDArray[Any],
    scenario: Scenario,
    source: NDArray[np.int64],
    target: NDArray[np.int64],
    is_learning: NDArray[np.bool_],
) -> NDArray[Any]:
    """The acts, one for each frame and channel, and one for each frame that enters; joins `sends` to them."""
    firsts = np.flatnonzero(sends["sample"] == 0)  # a frame's messages over a channel are sent together
    group = sends[firsts]
    channel = group["channel"]
    entered = np.flatnonzero(channel == 0)
    acts = np.zeros(len(firsts) + len(entered), ACT)
    arrived, entries = acts[: len(firsts)], acts[len(firsts) :]
    arrived["channel"], arrived["frame"] = channel, group["frame"]
    arrived["layer"], arrived["learning"] = target[channel], is_learning[channel]
    arrived["samples"] = np.diff(np.append(firsts, len(sends)))
    arrived["ready"] = np.maximum(group["offered"], np.maximum.reduceat(sends["complete"], firsts))
    entries["channel"], entries["frame"] = ENTRY, group["frame"][entered]
    entries["samples"] = arrived["samples"][entered]
    for name in ("ready", "start", "done"):
        entries[name] = group["offered"][entered]

    # Activities leave at the end of a forward act, errors at that of a learning act, or of the top's forward act.
    top = scenario.depth
    after_learning = is_learning & (source != top)
    sender = _find(acts, group["frame"], source[channel], after_learning[channel])
    has_sender = sender >= 0
    known = np.full(len(acts), -1, np.int64)
    known[sender[has_sender]] = group["offered"][has_sender]

    # At one instant errors act before activities, unless they were sent only then. The order of the rows says what was
    # sent first, and so, of acts that sent something, which came first.
    sent, received = np.full(len(acts), -1, np.int64), np.full(len(acts), -1, np.int64)
    sent[sender[has_sender][::-1]] = firsts[has_sender][::-1]  # the first of them stays
    received[: len(firsts)] = firsts
    arrivals = np.where(sent >= 0, 2 * sent, 2 * received + 1)
    waited = np.zeros(len(acts), bool)
    waited[: len(firsts)] = arrived["learning"].astype(bool) & (group["offered"] < arrived["ready"])
    taken_up = np.where(waited, -1, np.where(known == acts["ready"], arrivals, 2 * received + 1))

    cost = _costs(scenario, acts)
    begun = np.lexsort((taken_up, acts["ready"], acts["layer"]))
    for h in range(1, top + 1):
        mine = begun[acts["layer"][begun] == h]
        ready = np.where(known[mine] >= 0, known[mine] - cost[mine], acts["ready"][mine])
        acts["done"][mine] = first_come_first_served(ready, cost[mine])
        acts["start"][mine] = acts["done"][mine] - cost[mine]
    acted = begun[np.lexsort((arrivals[begun], acts["done"][begun], acts["layer"][begun]))]
    place = np.empty(len(acts) + 1, np.int64)
    place[acted] = np.arange(len(acts))
    place[-1] = -1
    sends["act"] = np.repeat(place[: len(firsts)], arrived["samples"])
    sends["sender"] = np.repeat(place[sender], arrived["samples"])
    acts = acts[acted]
    acts["age"] = _ages(acts)
    return acts


def first_come_first_served(ready: NDArray[np.int64], cost: NDArray[np.int64]) -> NDArray[np.int64]:
    """When each of several jobs is done by one server, in their order: done = max(ready, done before) + cost."""
    total = np.cumsum(cost)
    done: NDArray[np.int64] = np.maximum.accumulate(ready - (total - cost)) + total
    return done


def _find(
    acts: NDArray[Any], frame: NDArray[np.int64], layer: NDArray[np.int64], learning: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The row of each act that is named by its frame, layer and direction; -1 where it is not recorded."""
    keys = (acts["frame"] << 22) | (acts["layer"].astype(np.int64) << 1) | acts["learning"]
    order = np.argsort(keys, kind="stable")
    wanted = (frame << 22) | (layer << 1) | learning
    place = np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
    found: NDArray[np.int64] = np.where(keys[order[place]] == wanted, order[place], -1)
    return found


def _costs(scenario: Scenario, acts: NDArray[Any]) -> NDArray[np.int64]:
    """ps that each act takes. The top layer learns as soon as it has computed, so it takes the time of both."""
    times = np.zeros((scenario.depth + 1, 2), np.int64)
    for h in range(1, scenario.depth + 1):
        times[h] = scenario.compute_times(h)
    times[scenario.depth, 0] += times[scenario.depth, 1]
    cost: NDArray[np.int64] = times[acts["layer"], acts["learning"]] * acts["samples"]
    return cost


def _ages(acts: NDArray[Any]) -> NDArray[np.int64]:
    """Of each error the frames that its layer has computed since the error's own; -1 where that is not recorded, and of
    what is no error."""
    learning = acts["learning"] != 0
    computed = np.cumsum(~learning)
    own = _find(acts, acts["frame"], acts["layer"].astype(np.int64), np.zeros(len(acts), bool))
    ages: NDArray[np.int64] = np.where(learning & (own >= 0), computed - computed[own], -1)
    return ages


def _notes(rows: NDArray[Any], scenario: Scenario, trace: Trace) -> tuple[str, ...]:
    """What an incomplete record leaves open."""
    first, last = int(rows["frame"].min()), int(rows["frame"].max())
    so_far = trace.metrics("train")["frames"]
    is_all = trace.status == "done" and len(so_far) and last + 1 >= int(so_far[-1])
    notes = []
    if scenario.schedule.mode == "pipelined" and not is_all:
        entered = int(rows["offered"][(rows["frame"] == last) & (rows["channel"] == 0)].min())
        notes.append(
            f"frames after {last} are not recorded: what they did from {format_duration(entered)} on is not shown, "
            "and a last act may have ended later than shown"
        )
    if scenario.schedule.mode == "pipelined" and first > 0:
        notes.append(f"frames before {first} are not recorded: what they still did is not shown")
    return tuple(notes)
