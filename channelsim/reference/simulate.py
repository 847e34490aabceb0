"""The event loop: frames enter, layers receive messages, compute, send and learn.

Events are ordered by (time, priority, number): learning messages before forward messages before entering
frames, and of equals the one that was scheduled first.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

import torch

from channelsim.plan import Direction
from channelsim.reference import rules
from channelsim.reference.augment import augment
from channelsim.reference.channels import send
from channelsim.reference.clock import arrival_gap
from channelsim.reference.state import Arrived, Remembered, State, links_of, records
from channelsim.reference.transfer import activity, own_loss, slope
from channelsim.rules import FROM_WEIGHTS, Message, Wiring

LEARNING, FORWARD, ENTRY = 0, 1, 2


def step(ref: State) -> None:
    """Up to and including the next frame's entry and all that happens before the one after it enters.

    Under the sequential schedule: the next update.
    """
    advance(ref, ref.frame + 1)


def advance(ref: State, until_frame: int) -> None:
    """All that happens before frame `until_frame` enters; to the very end if the run has no such frame."""
    until = min(until_frame, ref.plan.frames)
    while True:
        if not ref.heap:
            if ref.frame >= until:
                return
            schedule(ref, ref.now, ENTRY, enter, ref.frame)
        time, priority, _, act, arguments = ref.heap[0]
        if priority == ENTRY and arguments[0] >= until:
            return
        heapq.heappop(ref.heap)
        ref.now = time
        act(ref, *arguments)


def schedule(ref: State, time: int, priority: int, act: Callable[..., None], *arguments: Any) -> None:
    heapq.heappush(ref.heap, (time, priority, ref.pushed, act, arguments))
    ref.pushed += 1


def enter(ref: State, frame: int) -> None:
    """A frame of training samples enters at layer 0."""
    plan = ref.plan
    ref.frame = frame + 1
    for change in plan.changes:
        if change.frame == frame:
            change_channels(ref, change.channels, change.links)
    if plan.pipelined and frame + 1 < plan.frames:
        gap = arrival_gap(plan.seed, frame + 1, plan.interval) if plan.poisson else plan.interval
        schedule(ref, ref.now + gap, ENTRY, enter, frame + 1)
    send_forward(ref, 0, frame, augment(plan, frame, ref.images[ref.samples(frame)]))


def change_channels(ref: State, channels: Any, links: Any) -> None:
    """New settings; what is on the links and what the senders kept back stays."""
    ref.channels[:] = records(channels)
    for link, new in zip(ref.links, links_of(links), strict=True):
        link.numerator, link.denominator, link.queue = new.numerator, new.denominator, new.queue


def send_forward(ref: State, source: int, frame: int, o: torch.Tensor) -> None:
    """Layer `source` sends its activity (B, n) to the layer above."""
    c = source  # the forward channels come first in the plan, in the order of their sources
    x, unit, complete = send(ref, c, frame, o)
    schedule(ref, complete, FORWARD, serve, FORWARD, source + 1, frame, len(o), receive_forward, x, unit)


def send_learning(ref: State, source: int, frame: int, r: torch.Tensor, x: torch.Tensor | None) -> None:
    """Layer `source` sends its learning signal (B, n), or the target, over each learning channel it feeds.

    x: what it received in that frame; None: no longer stashed.
    """
    for c in ref.learning_channels(source):
        channel = ref.channels[c]
        values = ref.targets(frame) if channel.message == Message.TARGET else r
        error: torch.Tensor | None
        if channel.at_receiver:  # what travels is what C makes of them
            m, unit = values, torch.zeros(len(values), 1)
            error, _, complete = send(ref, c, frame, rules.project(ref, c, frame, m, unit, x))
        else:
            m, unit, complete = send(ref, c, frame, values @ ref.projection(c) if channel.rank else values)
            error = rules.project(ref, c, frame, m, unit, x) if channel.wiring in FROM_WEIGHTS else None
        schedule(ref, complete, LEARNING, collect, c, frame, Arrived(m, unit, error))


def collect(ref: State, c: int, frame: int, arrived: Arrived) -> None:
    """The messages of learning channel c are complete; the layer takes up the frame when those of all its channels
    are."""
    h = ref.channels[c].target
    there = ref.arrived.setdefault((h, frame), {})
    there[c] = arrived
    if len(there) == len(ref.arriving_channels(h)):
        del ref.arrived[h, frame]
        serve(ref, LEARNING, h, frame, len(arrived.m), receive_learning, there)


def serve(
    ref: State,
    priority: int,
    h: int,
    frame: int,
    batch: int,
    act: Callable[..., None],
    *arguments: Any,
) -> None:
    """Layer h takes up a frame when it is free, first come first served, computes, and acts."""
    layer = ref.layers[h]
    compute = layer.compute_learning if priority == LEARNING else layer.compute_forward
    if priority == FORWARD and h == ref.plan.top:
        compute += layer.compute_learning  # it learns as soon as it has computed
    finish = max(ref.now, ref.layer_free[h]) + batch * compute * ref.clock
    ref.layer_free[h] = finish
    if finish == ref.now:
        act(ref, h, frame, *arguments)
    else:
        schedule(ref, finish, priority, act, h, frame, *arguments)


def receive_forward(ref: State, h: int, frame: int, x: torch.Tensor, unit: torch.Tensor) -> None:
    """Layer h has the activity x (B, fan_in) as the channel delivered it, multiples of `unit` (B, 1)."""
    layer = ref.layers[h]
    s = rules.sums(ref, h, x, unit)
    o = activity(layer, s)
    remember(ref, h, frame, x, o, s if layer.keeps_sums else o)
    if h < ref.plan.top:
        send_forward(ref, h, frame, o)
        return
    if ref.plan.own_loss is None:
        e = ref.targets(frame) - o
    else:
        _, e = own_loss(ref.plan.own_loss, s if layer.keeps_sums else o, ref.targets(frame))
    send_learning(ref, h, frame, e, x)
    if layer.learning_rate:
        rules.update(ref, h, frame, x, o, e, len(e))
        ref.ages[h][0] += 1


def receive_learning(ref: State, h: int, frame: int, arrived: dict[int, Arrived]) -> None:
    """Layer h has the messages of its learning channels: their errors add, in the order of the channels."""
    layer, plan = ref.layers[h], ref.plan
    channels = sorted(arrived)
    batch = len(arrived[channels[0]].m)
    age, remembered = recall(ref, h, frame)
    if remembered is None:
        send_learning(ref, h, frame, torch.zeros(batch, layer.n), None)
        return
    x, o, known = (part[:batch] for part in remembered)
    used = len(x)  # after a miss: the newest frame may be the shorter last one of an epoch
    factor = slope(layer, known) if plan.derivative else torch.ones_like(o)
    if ref.channels[channels[0]].wiring == Wiring.SYNAPSES:  # there is no one error of a neuron, to be sent on
        if layer.learning_rate:
            rules.update_synapses(ref, channels[0], frame, x, factor, arrived[channels[0]].m[:used], batch)
            ref.ages[h][age] += 1
        return
    error = rules.error_at(ref, frame, arrived)
    r = torch.zeros(batch, layer.n)
    r[:used] = error[:used] * factor
    for c in channels:
        if ref.channels[c].adaptive:
            rules.adapt(ref, c, frame, arrived[c].m[:used], o, r[:used], batch)
    send_learning(ref, h, frame, r, x)
    if layer.learning_rate:
        rules.update(ref, h, frame, x, o, r[:used], batch)
        ref.ages[h][age] += 1


def remember(ref: State, h: int, frame: int, x: torch.Tensor, o: torch.Tensor, known: torch.Tensor) -> None:
    """Layer h keeps what it received and computed until the error of this frame comes; the newest ones always."""
    ref.computed[h] += 1
    ref.current[h] = x, o, known
    if any(c.direction == Direction.LEARNING and c.target == h for c in ref.channels):
        ref.memory[h][frame] = ref.computed[h], x, o, known


def recall(ref: State, h: int, frame: int) -> tuple[int, Remembered | None]:
    """The age of the error that has come for a frame, and what it goes with: the frame's own, or after a miss the
    newest, or None (`on_miss`)."""
    number, *own = ref.memory[h].pop(frame)
    age = ref.computed[h] - number
    if ref.plan.stash and age >= ref.plan.stash:
        return age, ref.current[h] if ref.plan.on_miss_current else None
    return age, (own[0], own[1], own[2])
