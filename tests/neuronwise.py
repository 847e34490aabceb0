"""A discrete-event simulator with one heap entry for every event of every neuron, in plain Python.

It is a program of part 1 of docs/design.md, written from that text: it judges the engine's messages, times, counts and
ages exactly, and its weights to rounding. So it is written to be believed rather than to be fast: small networks,
Python floats, lists and dicts. A convolution is a layer in which not every pair of neurons has a wire, and many wires
have one weight. It reads a `Plan`, draws from `channelsim.hashing` and calls users' functions by `channelsim.parts`; of
the package it shares nothing else. The
engine has one heap entry for each frame and channel and works out the arrivals inside it; here every neuron's event
travels alone, with an entry of its own.

What can happen, in the heap's order (time, priority, sequence number):

- a neuron's event *arrives* at the receiving layer (and is kept there until the layer acts);
- a message is *complete*: its last bit has arrived, or its deadline has passed;
- a layer is *done* with a frame: it has computed, and sends;
- a frame *enters* the network.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from channelsim import arithmetic, hashing, normals, parts
from channelsim.hashing import Stream
from channelsim.plan import Direction, Distribution, Encoding, Jitter, Plan, Quantizer, Residual, Scale, Wiring
from channelsim.plan import Message as Carries
from tests.neurons import Layer, cancels, image, rounded, sum_in_units
from tests.words import Quantized, decoded, flipped, quantized, scale_of, silence_of, unit_number, unit_of

LEARNING_FIRST, THEN_FORWARD, THEN_FRAMES = 0, 1, 2
WHOLE, PARTLY, LOST_IN_QUEUE = 0, 1, 2
FROM_WEIGHTS = (Wiring.TRANSPOSE, Wiring.SIGN, Wiring.SPARSE_SIGN, Wiring.PRODUCT)
MOST_FLIPPED = 64  # draws of a code word's bit errors


@dataclass(frozen=True)
class Happening:
    """One line of the log. `channel` is the layer where `what` is 'forward' or 'learn'; -1: none."""

    time: int
    what: str
    channel: int
    frame: int
    sample: int = -1
    neuron: int = -1


@dataclass
class Message:
    """What one layer sends over one channel about one sample: a MESSAGE_ROW's fields, and what is received."""

    channel: int
    frame: int
    sample: int
    offered: int
    start: int = 0
    first_arrival: int = 0
    complete: int = 0
    events: int = 0
    delivered: int = 0
    bits: int = 0
    encoding: int = Encoding.DENSE
    outcome: int = WHOLE
    scale: float = 0.0
    sent: dict[int, float] = field(default_factory=dict)  # neuron -> value as sent
    received: dict[int, float] = field(default_factory=dict)  # neuron -> value, filled as the events arrive
    unit: float = 0.0  # what the received values are multiples of; 0: of nothing
    wires: Any = None  # the sender's W at the moment of sending, for the wirings that need it
    wires_unit: float = 0.0  # what these are multiples of
    below: Any = ()  # (W, its unit) of the layers below the sender, where its message passes these too


class Link:
    """A wire that carries one message at a time, first come first served."""

    def __init__(self, record: Any) -> None:
        self.times: list[tuple[int, int]] = []  # (start, end) of every message that it accepted
        self.on_air: dict[Any, tuple[int, int | None]] = {}  # whose message -> its (bits, start), if broadcast
        self.set(record)

    def set(self, record: Any) -> None:
        self.numerator, self.denominator = int(record["ps_numerator"]), int(record["ps_denominator"])
        self.queue, self.broadcast = int(record["queue"]), bool(record["broadcast"])

    def occupation(self, bits: int) -> int:
        return -(-bits * self.numerator // self.denominator)

    def accept(self, now: int, bits: int) -> tuple[int | None, int]:
        """(start, how many were there already); the start is None where the message found the queue full."""
        present = sum(1 for _, end in self.times if end > now)
        waiting = sum(1 for start, _ in self.times if start > now)
        if present and self.queue >= 0 and waiting >= self.queue:
            return None, present
        start = max([now] + [end for _, end in self.times])
        self.times.append((start, start + self.occupation(bits)))
        return start, present


class Simulator:
    """Runs a plan on given data. `x` is float32 (samples, inputs), `y` class numbers (samples,) or real
    targets (samples, outputs).

    `unclear` counts decisions (above a threshold or not, this level or the next, zero or not) that the last digits of a
    sum make: there two programs that are both right may differ.
    """

    def __init__(self, plan: Plan, x: Any, y: Any) -> None:
        self.plan, self.x, self.y = plan, x, y
        self.layers = [Layer(plan, h) for h in range(len(plan.layers))]
        self.channels = plan.channels
        self.links = [Link(record) for record in plan.links]
        self.residual = [np.zeros(int(c["n"]), np.float32) for c in plan.channels]
        self.largest = [np.zeros(int(c["n"]), np.float32) for c in plan.channels]  # |v| of each neuron so far
        self.c, self.exists = map(list, zip(*(self._initial_wires(c) for c in range(len(plan.channels))), strict=True))
        self.c_unit = [float(c["c_unit"]) for c in plan.channels]  # of a C that has not learned yet
        self.kernels: dict[int, Any] = {}  # C shaped as W that is drawn anew: with entries that never meet the map
        self.left = [0 for _ in plan.channels]  # the frame whose messages were sent last
        self.c_speed = [np.zeros_like(wires) for wires in self.c]
        self.counters: list[Counter[str]] = [Counter() for _ in plan.channels]
        self.ages: list[Counter[int]] = [Counter() for _ in self.layers]  # of the errors that each layer learned from
        self.misses = [0 for _ in self.layers]
        self.messages: list[Message] = []
        self.log: list[Happening] = []
        self.heap: list[tuple[int, int, int, str, Any]] = []
        self.pushes = 0
        self.now = 0
        self.inbox: dict[tuple[int, int], list[Message]] = {}  # (channel, frame) -> its complete messages
        self.unclear_messages = 0
        self.own_states: dict[int, Any] = {}  # of the user's own stages, by their number in the plan

    @property
    def unclear(self) -> int:
        return self.unclear_messages + sum(layer.unclear for layer in self.layers)

    # --- the loop ---------------------------------------------------------------------------------------

    def run(self, frames: int) -> Simulator:
        """All that the first `frames` frames cause."""
        if self.plan.pipelined:
            entry = 0
            for frame in range(frames):
                entry += self._gap(frame)
                self._push(entry, THEN_FRAMES, "enter", frame)
            self._work()
        else:
            for frame in range(frames):
                self._push(self.now, THEN_FRAMES, "enter", frame)
                self._work()
        return self

    def _push(self, time: int, priority: int, what: str, about: Any) -> None:
        heapq.heappush(self.heap, (time, priority, self.pushes, what, about))
        self.pushes += 1

    def _work(self) -> None:
        while self.heap:
            self.now, _, _, what, about = heapq.heappop(self.heap)
            if what == "enter":
                self._enter(about)
            elif what == "arrive":
                message, neuron, value = about
                message.received[neuron] = value
                self._note("arrive", message.channel, message.frame, message.sample, neuron)
            elif what == "complete":
                self._complete(about)
            else:
                self._done(*about)

    def _note(self, what: str, channel: int, frame: int, sample: int = -1, neuron: int = -1) -> None:
        self.log.append(Happening(self.now, what, channel, frame, sample, neuron))

    def _gap(self, frame: int) -> int:
        """Time between the entry of this frame and of the one before."""
        if frame == 0:
            return 0
        if not self.plan.poisson:
            return self.plan.interval
        u = self._draw(Stream.ARRIVALS.of(), frame, 0, 0)
        return math.ceil(-self.plan.interval * math.log(1.0 - u))

    def _words(self, stream: int, frame: int, sample: int, indices: Any) -> Any:
        return hashing.bits(hashing.key(self.plan.seed, stream, frame, sample), np.asarray(indices))

    def _draw(self, stream: int, frame: int, sample: int, index: int) -> float:
        return float(hashing.uniform(self._words(stream, frame, sample, [index]))[0])

    # --- frames -----------------------------------------------------------------------------------------

    def samples(self, frame: int) -> list[int]:
        """Which samples of the data set a frame holds."""
        plan = self.plan
        epoch, position = divmod(frame, plan.frames_per_epoch)
        order = np.arange(plan.train_size)
        if plan.shuffle:
            order = hashing.permutation(hashing.key(plan.seed, Stream.ORDER.of(), epoch), plan.train_size)
        return [int(s) for s in order[position * plan.batch : (position + 1) * plan.batch]]

    def _enter(self, frame: int) -> None:
        for change in self.plan.changes:
            if change.frame == frame:
                self.channels = change.channels
                for link, record in zip(self.links, change.links, strict=True):
                    link.set(record)
        self._note("enter", -1, frame)
        images = [image(self.plan, frame, b, rounded(self.x[s])) for b, s in enumerate(self.samples(frame))]
        self._send_over(0, Direction.FORWARD, frame, images)

    # --- sending ----------------------------------------------------------------------------------------

    def _send_over(
        self,
        h: int,
        direction: Direction,
        frame: int,
        values: list[Any],
        targets: Any = None,
        inputs: Sequence[Any] = (),
    ) -> None:
        """Layer h sends `values` (or the targets), one vector a sample, over its channels of one direction.

        `inputs`: what of its input it has stored, of the first samples or of none.
        """
        for c, record in enumerate(self.channels):
            if record["source"] == h and record["direction"] == direction:
                sent = targets if record["message"] == Carries.TARGET else values
                if record["rank"]:
                    sent = [self._reduced(c, vector) for vector in sent]
                for sample, vector in enumerate(sent):
                    self._send(c, frame, sample, vector, inputs[sample] if sample < len(inputs) else None)

    def _reduced(self, c: int, vector: Any) -> Any:
        """The values that travel where C is P Q, as the sender makes them: its vector times P."""
        record = self.channels[c]
        rank, first = int(record["rank"]), int(record["p_offset"])
        p = self.plan.feedback[first : first + len(vector) * rank].reshape(len(vector), rank).astype(np.float64)
        active = np.flatnonzero(vector)
        self.counters[c]["macs"] += len(active) * rank
        terms = np.asarray(vector)[active, None] * p[active]
        self.unclear_messages += int(cancels(terms.sum(0), np.abs(terms).sum(0)).sum())
        return rounded(terms.sum(0))

    def _send(self, c: int, frame: int, sample: int, vector: Any, inputs: Any) -> None:
        record, count = self.channels[c], self.counters[c]
        self.left[c] = frame
        message = Message(c, frame, sample, offered=self.now)
        self.messages.append(message)
        if record["wiring"] in FROM_WEIGHTS:
            source = self.layers[int(record["source"])]
            message.wires, message.wires_unit = source.wires_back(inputs), source.unit()
            if record["wiring"] == Wiring.PRODUCT:
                between = self.layers[int(record["target"]) + 1 : int(record["source"])]
                message.below = [(layer.w.copy(), layer.unit()) for layer in reversed(between)]
        if record["at_receiver"]:
            self._redraw(c, frame)
            active = {neuron: float(vector[neuron]) for neuron in np.flatnonzero(vector)}
            count["macs"] += self._operations(c, [list(active)])
            vector = rounded(self._error(message, active, 0.0))
        count["messages"] += 1
        count["offered"] += int(np.count_nonzero(vector))
        v = self._to_send(c, vector)
        passed = self._above_threshold(c, self._own(c, 0, frame, sample, v), vector)
        noise_scale = scale_of(record["noise_scale_kind"], record["noise_scale"], passed)
        sent = self._quantized(c, frame, sample, passed, [*v, *vector])
        self._keep(c, v, passed, sent)
        message.scale, message.events = sent.scale, len(sent.values)
        message.unit = 0.0 if record["own_after"] else unit_of(record, sent.scale)
        message.sent = {neuron: float(value) for neuron, value in sent.values.items()}
        bits, word, message.encoding = self._length(record, sent)
        priority = THEN_FORWARD if record["direction"] == Direction.FORWARD else LEARNING_FIRST
        deadline = math.inf if record["deadline"] < 0 else self.now + int(record["deadline"])
        link = self.links[int(record["link"])]
        whose = int(record["source"]), Direction(int(record["direction"])), frame, sample
        already, start = link.on_air.get(whose, (None, None)) if link.broadcast else (None, None)
        pays = already != bits
        if pays:
            start, present = link.accept(self.now, bits)
            link.on_air[whose] = bits, start
            count["queue_max"] = max(count["queue_max"], present)
        if start is None:
            message.outcome, message.start = LOST_IN_QUEUE, -1
            count["lost_messages"] += 1
            count["overflow"] += message.events
            message.complete = int(min(self.now + int(record["latency"]), deadline))
            message.first_arrival = message.complete
            self._push(message.complete, priority, "complete", message)
            return
        message.start = start
        count["sent"] += message.events
        if pays:
            message.bits = bits
            count["bits"] += bits
            count["header_bits"] += int(record["header_bits"])
            count["wait"] += start - self.now
            count["busy"] += link.occupation(bits)
        travel = int(record["latency"]) + self._jitter(c, frame, sample)
        body = int(record["header_bits"]) + int(record["scale_bits"])
        arrivals, arriving = [], {}
        received = self._received(message, sent, noise_scale)
        for place, neuron in enumerate(sorted(sent.values)):
            words = place + 1 if message.encoding == Encoding.AER else neuron + 1
            arrival = start + link.occupation(body + words * word) + travel
            if message.encoding == Encoding.ENTROPY:
                arrival = start + link.occupation(bits) + travel
            arrivals.append(arrival)
            if neuron not in received:
                count["corrupted"] += 1
            elif self._draw(Stream.DROP.of(c), frame, sample, neuron) < record["drop"]:
                count["dropped"] += 1
            elif arrival > deadline:
                count["late"] += 1
            else:
                kept = np.float32(1.0 - record["drop"]) if record["rescale"] else np.float32(1)
                arriving[neuron] = arrival, received[neuron] / kept
        count["delivered"] += len(arriving)
        message.delivered = len(arriving)
        for neuron, value in self._own_on_the_way(message, 2, {j: value for j, (_, value) in arriving.items()}).items():
            self._push(arriving[neuron][0], priority, "arrive", (message, neuron, float(value)))
        whole = start + link.occupation(bits) + travel
        message.complete = int(min(whole, deadline))
        message.first_arrival = int(min([*arrivals, whole][0], deadline))
        message.outcome = PARTLY if message.delivered < message.events else WHOLE
        self._push(message.complete, priority, "complete", message)

    def _own(self, c: int, place: int, frame: int, sample: int, values: list[np.float32]) -> list[np.float32]:
        """What the user's own stages of a place make of the values of all neurons, 0 where there is no event."""
        for number, own in enumerate(self.plan.own_stages):
            if (own.channel, own.place) != (c, place):
                continue
            note, n = parts.stage_of(own.part), len(values)
            words = self._words(Stream.OWN.of(c), frame, sample, own.first_draw + np.arange(n * note.draws))
            draws = normals.normal32(words).astype(float) if note.normal else hashing.uniform(words)
            draws = draws.reshape(n, note.draws)
            if note.over == "value":
                given = [(draws[j, 0] if note.draws == 1 else draws[j],) if note.draws else () for j in range(n)]
                values = [
                    np.float32(parts.call(own.part, float(v), *given[j])) if v else v for j, v in enumerate(values)
                ]
                continue
            message = np.array(values, np.float64)
            arguments = [message, draws[:, 0] if note.draws == 1 else draws.T.copy()] if note.draws else [message]
            if note.state:
                arguments.append(self.own_states.setdefault(number, np.zeros((note.state, n))))
            parts.call(own.part, *arguments)
            values = list(message.astype(np.float32))
        return values

    def _own_on_the_way(self, message: Message, place: int, events: dict[int, Any]) -> dict[int, Any]:
        """The same of the events of a message, of which none can come into being."""
        n = int(self.channels[message.channel]["n"])
        values = [np.float32(events.get(neuron, 0)) for neuron in range(n)]
        made = self._own(message.channel, place, message.frame, message.sample, values)
        return {neuron: made[neuron] for neuron in events}

    def _to_send(self, c: int, vector: Any) -> list[np.float32]:
        """v of each neuron: x, and r where the channel has residuals."""
        values = list(np.asarray(vector, np.float32))
        if self.channels[c]["residual"] == Residual.NONE:
            return values
        return [x + r for x, r in zip(values, self.residual[c], strict=True)]

    def _above_threshold(self, c: int, values: list[np.float32], offered: Any) -> dict[int, np.float32]:
        """The threshold stage: which neurons send an event, and v."""
        record, passed = self.channels[c], {}
        doubt = self._doubt(c, [*values, *offered])
        threshold = record["threshold"] if record["has_threshold"] else 0
        for neuron, v in enumerate(values):
            if record["has_threshold"] or record["residual"]:
                close = abs(abs(v) - threshold) <= doubt
                rest = doubt > 0 and self.largest[c][neuron] > 0  # v = 0 may be what is left of larger ones
                self.unclear_messages += bool(close and (v != 0 or offered[neuron] != 0 or rest))
            if abs(v) > threshold:
                passed[neuron] = v
        return passed

    def _keep(self, c: int, values: list[np.float32], passed: dict[int, np.float32], sent: Quantized) -> None:
        """r of each neuron: v where the threshold held it back; with error feedback v - Q(v), of all."""
        kind = self.channels[c]["residual"]
        if kind == Residual.ERROR_FEEDBACK:
            self.largest[c] = np.maximum(self.largest[c], np.abs(np.array(values, np.float32)))
        for neuron, v in enumerate(values):
            if kind == Residual.THRESHOLD:
                self.residual[c][neuron] = np.float32(0) if neuron in passed else v
            elif kind == Residual.ERROR_FEEDBACK:
                self.residual[c][neuron] = v - sent.values.get(neuron, np.float32(0))

    def _doubt(self, c: int, values: Any) -> float:
        """By how much two programs may differ in a value that channel c sends.

        The images are the same in both, but not what a scale that is a sum leaves of them. A residual has the last
        digits of all values so far.
        """
        record = self.channels[c]
        largest = float(np.abs(values).max(initial=0))
        if record["residual"] == Residual.ERROR_FEEDBACK:
            largest = max(largest, float(self.largest[c].max(initial=0)))
            if record["scale_kind"] == Scale.RMS:
                return 3e-6 * largest
        return 0.0 if record["source"] == 0 else 3e-6 * largest

    def _quantized(self, c: int, frame: int, sample: int, passed: dict[int, np.float32], values: Any) -> Quantized:
        """The quantizer stage."""
        record = self.channels[c]
        draws = None
        if record["stochastic"]:
            drawn = hashing.uniform32(self._words(Stream.ROUNDING.of(c), frame, sample, range(int(record["n"]))))
            draws = dict(enumerate(drawn))
        doubt = self._doubt(c, values)
        kind, levels = int(record["quantizer"]), int(record["levels"])
        found = quantized(kind, levels, int(record["scale_kind"]), record["scale"], passed, draws, doubt)
        self.unclear_messages += found.unclear
        return found

    def _received(self, message: Message, sent: Quantized, noise_scale: np.float32) -> dict[int, Any]:
        """What the receiver reads of each event after bit errors and noise, without those whose word means nothing."""
        c, frame, sample = message.channel, message.frame, message.sample
        sigma = np.float32(self.channels[c]["noise"] * noise_scale)
        read = {neuron: self._read(message, sent, neuron) for neuron in sorted(sent.values)}
        values = self._own_on_the_way(message, 1, {neuron: v for neuron, v in read.items() if v is not None})
        if self.channels[c]["noise"] > 0:
            for neuron in values:
                z = normals.normal32(self._words(Stream.NOISE.of(c), frame, sample, [neuron]))[0]
                values[neuron] = values[neuron] + sigma * z
        return values

    def _read(self, message: Message, sent: Quantized, neuron: int) -> np.float32 | None:
        """What the receiver reads of an event after bit errors; None: a word that means nothing."""
        c, frame, sample = message.channel, message.frame, message.sample
        record = self.channels[c]
        value, width = sent.values[neuron], int(record["value_bits"])
        if record["bit_error"] > 0:
            indices = 64 * neuron + np.arange(MOST_FLIPPED)
            uniforms = hashing.uniform(self._words(Stream.BIT_ERRORS.of(c), frame, sample, indices))
            mask = flipped(uniforms.tolist(), float(record["bit_error"]), width)
            self.counters[c]["flipped_bits"] += mask.bit_count()
            word = sent.words[neuron] ^ mask
            if message.encoding == Encoding.DENSE and word == silence_of(record):
                return None
            if mask:
                return decoded(int(record["quantizer"]), int(record["levels"]), sent.scale, word)
        return value

    def _length(self, record: Any, sent: Quantized) -> tuple[int, int, int]:
        """Bits of the whole message, bits of one word (with its address), and the code it is in."""
        events = len(sent.values)
        n, value = int(record["n"]), int(record["value_bits"])
        before = int(record["header_bits"]) + int(record["scale_bits"])
        dense_word = value + (int(record["silence_bits"]) if events < n else 0)
        aer_word = value + int(record["address_bits"])
        if record["encoding"] == Encoding.ENTROPY:
            units = [0] * n
            for neuron, word in sent.words.items():
                units[neuron] = unit_number(int(record["quantizer"]), int(record["levels"]), word)
            return before + len(arithmetic.encode(units, int(record["levels"]))), 0, Encoding.ENTROPY
        use_aer = record["encoding"] == Encoding.AER or (
            record["encoding"] == Encoding.AUTO and events * aer_word < n * dense_word
        )
        if use_aer:
            return before + events * aer_word, aer_word, Encoding.AER
        return before + n * dense_word, dense_word, Encoding.DENSE

    def _jitter(self, c: int, frame: int, sample: int) -> int:
        kind, value = self.channels[c]["jitter_kind"], int(self.channels[c]["jitter"])
        u = self._draw(Stream.JITTER.of(c), frame, sample, 0)
        if kind == Jitter.UNIFORM:
            return math.floor(u * value)
        return math.floor(-value * math.log(1.0 - u)) if kind == Jitter.EXPONENTIAL else 0

    # --- receiving --------------------------------------------------------------------------------------

    def _complete(self, message: Message) -> None:
        """With the last of a frame's messages complete, the layer takes it up as soon as it is free."""
        self._note("complete", message.channel, message.frame, message.sample)
        c, frame = message.channel, message.frame
        box = self.inbox.setdefault((c, frame), [])
        box.append(message)
        size = len(self.samples(frame))
        if len(box) < size:
            return
        record = self.channels[c]
        h, direction = int(record["target"]), Direction(int(record["direction"]))
        alike = [k for k, r in enumerate(self.channels) if (int(r["target"]), int(r["direction"])) == (h, direction)]
        if all(len(self.inbox.get((k, frame), ())) == size for k in alike):
            self._take_up(h, direction, frame, alike)

    def _take_up(self, h: int, direction: Direction, frame: int, channels: list[int]) -> None:
        layer = self.layers[h]
        each = layer.compute[direction]
        if direction == Direction.FORWARD and h == self.plan.top:
            each += layer.compute[Direction.LEARNING]
        layer.free = max(self.now, layer.free) + len(self.samples(frame)) * each
        if layer.free == self.now:
            self._done(h, direction, frame, channels)
        else:
            priority = THEN_FORWARD if direction == Direction.FORWARD else LEARNING_FIRST
            self._push(layer.free, priority, "done", (h, direction, frame, channels))

    def _done(self, h: int, direction: Direction, frame: int, channels: list[int]) -> None:
        boxes = {c: sorted(self.inbox.pop((c, frame)), key=lambda message: message.sample) for c in channels}
        if direction == Direction.FORWARD:
            self._forward(h, frame, *channels, *boxes.values())
        else:
            self._learn(h, frame, boxes)

    def _forward(self, h: int, frame: int, c: int, messages: list[Message]) -> None:
        self._note("forward", h, frame)
        layer = self.layers[h]
        stored = []
        for message in messages:
            x = np.zeros(len(layer.places))
            for neuron, value in message.received.items():
                x[neuron] = value
                self.counters[c]["macs"] += layer.wires_up(neuron)
            stored.append((x, layer.activity(x, message.unit)))
        layer.stored[frame] = stored
        layer.computed.append(frame)
        activities = [o for _, o in stored]
        if h < self.plan.top:
            self._send_over(h, Direction.FORWARD, frame, activities)
            return
        targets = [self._target(layer.n, sample) for sample in self.samples(frame)]
        errors = [rounded(target - o) for target, o in zip(targets, activities, strict=True)]
        self._note("learn", h, frame)
        self._send_over(h, Direction.LEARNING, frame, errors, targets, [x for x, _ in stored])
        self._update(h, frame, c, stored, errors, age=0)

    def _target(self, n: int, sample: int) -> Any:
        """T: the vector that is given, or a 1 at the class."""
        given = self.y[sample]
        return rounded(given) if np.ndim(given) else np.eye(n)[given]

    def _learn(self, h: int, frame: int, boxes: dict[int, list[Message]]) -> None:
        self._note("learn", h, frame)
        layer = self.layers[h]
        age = layer.computed[::-1].index(frame)
        missed = self.plan.stash > 0 and age >= self.plan.stash
        self.misses[h] += missed
        size = len(self.samples(frame))
        for c, messages in boxes.items():
            at_receiver = self.channels[c]["at_receiver"]  # C has made the message
            passes_weights = self.channels[c]["wiring"] in FROM_WEIGHTS  # whether the error is used or not
            if not at_receiver and (passes_weights or not missed or self.plan.on_miss_current):
                self.counters[c]["macs"] += self._operations(c, [list(message.received) for message in messages])
        if missed and not self.plan.on_miss_current:
            self._send_over(h, Direction.LEARNING, frame, [np.zeros(layer.n)] * size)
            return
        stored = layer.stored[layer.computed[-1] if missed else frame][:size]  # the newest frame may have fewer samples
        for c in boxes:
            self._redraw(c, frame)
        errors = []
        only = min(boxes)
        if self.channels[only]["wiring"] == Wiring.SYNAPSES:
            self._update_synapses(h, frame, only, list(zip(boxes[only], stored, strict=False)), age)
            return
        for sample, (_, o) in enumerate(stored):
            parts = [self._error_of(h, c, messages[sample]) for c, messages in boxes.items()]
            error, terms = sum(parts), sum(np.abs(part) for part in parts)
            layer.unclear += int(cancels(error, terms).sum())
            slopes = [layer.slope(v) for v in o] if self.plan.derivative else np.ones(layer.n)
            errors.append(rounded(slopes * error))
        for c, messages in boxes.items():
            if self.channels[c]["adaptive"]:
                self._adapt(c, frame, list(zip(messages, stored, strict=False)), size)
        nothing = [np.zeros(layer.n)] * (size - len(errors))
        self._send_over(h, Direction.LEARNING, frame, errors + nothing, inputs=[x for x, _ in stored])
        if not layer.pools:
            self._update(h, frame, min(boxes), stored, errors, age)

    def _error_of(self, h: int, c: int, message: Message) -> Any:
        """What a message makes at layer h: its values, through C unless they have passed it, times the share."""
        layer, record = self.layers[h], self.channels[c]
        if record["wiring"] == Wiring.PRODUCT:
            return self._through_products(h, message)
        if record["at_receiver"]:
            error = np.zeros(layer.n)
            error[list(message.received)] = list(message.received.values())
        else:
            error = self._error(message, message.received, message.unit)
        return error * record["share"]

    def _through_products(self, h: int, message: Message) -> Any:
        """A message through the W of its sender, then through those of the layers below."""
        values, unit = message.received, message.unit
        for wires, own in [(message.wires, message.wires_unit), *message.below]:
            made = np.zeros(len(wires))
            for i, row in enumerate(wires):
                made[i], size = sum_in_units(values.values(), [row[neuron] for neuron in values], own, unit)
                self.layers[h].unclear += bool(cancels(made[i], size))
            values, unit = dict(enumerate(made)), 0.0
        return made

    def _redraw(self, c: int, frame: int) -> None:
        """The C of a frame, where it is drawn for each."""
        record = self.channels[c]
        if not record["redrawn"]:
            return
        key = hashing.key(self.plan.seed, Stream.FEEDBACK.of(c), frame)
        if record["wiring"] in (Wiring.SIGN, Wiring.BANK):
            source = self.layers[int(record["source"])]
            self.kernels[c] = self._numbers(record, key, len(source.weights))
            self.c[c] = source.spread(self.kernels[c]).T
        else:
            drawn = self._numbers(record, key, self.c[c].size).reshape(self.c[c].shape)
            self.c[c] = np.where(self.exists[c], drawn, 0.0)

    def _numbers(self, record: Any, key: int, count: int) -> Any:
        """So many draws of a distribution, one after another."""
        words = hashing.bits(key, count)
        upper = (words >> np.uint64(63)).astype(float)
        kinds = {
            Distribution.NORMAL: hashing.normal(words),
            Distribution.UNIFORM: math.sqrt(3) * (2 * hashing.uniform(words) - 1),
            Distribution.SIGN: 2 * upper - 1,
            Distribution.BINARY: upper,
        }
        values = rounded(record["deviation"] * kinds[Distribution(int(record["distribution"]))])
        values = rounded(values + record["mean"])
        return np.abs(values) if record["wiring"] in (Wiring.SIGN, Wiring.SPARSE_SIGN) else values

    def _error(self, message: Message, values: dict[int, float], unit: float) -> Any:
        """What values of sending neurons, multiples of `unit`, make through the wires at each receiving neuron."""
        c = message.channel
        layer = self.layers[int(self.channels[c]["target"])]
        error, own = np.zeros(layer.n), self._unit_of_wires(c, message)
        for i in range(layer.n):
            wires = [self._wire(c, message, neuron, i) for neuron in values]
            error[i], size = sum_in_units(values.values(), wires, own, unit)
            layer.unclear += bool(cancels(error[i], size))
        return error

    def _operations(self, c: int, messages: list[list[int]]) -> int:
        """Multiply-accumulates of C m: the wires of the neurons that are active in each message."""
        record = self.channels[c]
        neurons = [neuron for active in messages for neuron in active]
        if record["wiring"] == Wiring.SYNAPSES:
            return len(neurons) * self.c[c].shape[1]
        if record["wiring"] == Wiring.PRODUCT:
            between = self.layers[int(record["target"]) + 1 : int(record["source"])]
            whole = sum(len(layer.weights) for layer in between) * sum(map(bool, messages))
            return whole + sum(self.layers[int(record["source"])].wires_down(neuron) for neuron in neurons)
        if record["wiring"] in (Wiring.TRANSPOSE, Wiring.SIGN, Wiring.BANK):
            return sum(self.layers[int(record["source"])].wires_down(neuron) for neuron in neurons)
        return sum(int(self.exists[c][neuron].sum()) for neuron in neurons)

    def _initial_wires(self, c: int) -> tuple[Any, Any]:
        """C as the plan drew it, and which wires exist: (sender, receiver)."""
        record, plan = self.plan.channels[c], self.plan
        flat = plan.feedback[record["c_offset"] : record["c_offset"] + record["c_size"]].astype(np.float64)
        n, n_target = (int(plan.layers[record[end]]["n"]) for end in ("source", "target"))
        n = int(record["rank"]) or n
        if record["wiring"] == Wiring.SYNAPSES:
            return flat.reshape(n, -1), np.ones((n, len(flat) // n), bool)
        if record["wiring"] == Wiring.DENSE:
            return flat.reshape(n, n_target), np.ones((n, n_target), bool)
        if record["wiring"] in (Wiring.SIGN, Wiring.BANK):
            source = self.layers[int(record["source"])]
            return source.spread(flat).T, source.places.T >= 0
        wires, exists = np.zeros((n, n_target)), np.zeros((n, n_target), bool)
        if record["wiring"] in (Wiring.SPARSE, Wiring.SPARSE_SIGN):
            first = int(record["start_offset"])
            targets = plan.c_index[record["c_offset"] :]
            for j in range(n):
                for w in range(plan.c_start[first + j], plan.c_start[first + j + 1]):
                    wires[j, targets[w]] = flat[w]
                    exists[j, targets[w]] = True
        return wires, exists

    def _wire(self, c: int, message: Message, neuron: int, i: int) -> float:
        """Strength of the wire from sending neuron to receiving neuron i."""
        wiring = self.channels[c]["wiring"]
        if wiring == Wiring.TRANSPOSE:
            return float(message.wires[i, neuron])
        if wiring in (Wiring.SIGN, Wiring.SPARSE_SIGN):
            return float(self.c[c][neuron, i] * np.sign(message.wires[i, neuron]))
        return float(self.c[c][neuron, i])

    def _unit_of_wires(self, c: int, message: Message) -> float:
        """What the wires of a learning channel are multiples of; 0: of nothing."""
        return message.wires_unit if self.channels[c]["wiring"] == Wiring.TRANSPOSE else self.c_unit[c]

    # --- learning ---------------------------------------------------------------------------------------

    def _rate(self, frame: int, initial: float) -> float:
        d = self.plan.learning_rate_decay
        left = [(1 - d) ** frame, max(0.0, 1 - d * frame), 1 / (1 + d * frame)][self.plan.decay_form]
        return float(np.float32(initial * left))

    def _adapt(self, c: int, frame: int, used: list[Any], batch: int) -> None:
        """C += eta_C m (x) O, averaged over the frame's samples, on the wires that exist; with momentum as W."""
        record, count = self.channels[c], self.counters[c]
        self.c_unit[c] = 0.0
        step, active = np.zeros_like(self.c[c]), np.zeros(self.exists[c].shape, bool)
        source = self.layers[int(record["source"])]
        ms, os = [], []
        for message, (_, o) in used:
            m = np.zeros(int(record["n"]))
            for neuron, value in message.received.items():
                m[neuron] = value
            step += np.outer(m, o) / batch
            pairs = np.outer(m != 0, o != 0) & self.exists[c]
            count["update_macs"] += int(pairs.sum())
            active |= pairs
            ms.append(m)
            os.append(o)
        written = int(active.sum())
        if record["wiring"] == Wiring.BANK:
            step = source.spread(source.gathered(step.T)).T
            written = source.written(os, ms)
        whole = self.plan.momentum or self.plan.feedback_decay
        count["writes"] += int(record["c_size"]) if whole else written
        step = step - self.plan.feedback_decay * self.c[c]
        self.c_speed[c] = self.plan.momentum * self.c_speed[c] + step
        rate = self._rate(frame, float(record["learning_rate"]))
        self.c[c] = rounded(self.c[c] + np.where(self.exists[c], rate * self.c_speed[c], 0))

    def _update_synapses(self, h: int, frame: int, c: int, used: list[Any], age: int) -> None:
        """As `_update`, where each synapse (j, i), and each bias, has wires and so an error of its own."""
        layer, size = self.layers[h], len(self.samples(frame))
        products, biases, slopes = [], [], []
        for message, (x, o) in used:
            values, senders = np.array(list(message.received.values())), list(message.received)
            slope = np.array([layer.slope(v) if self.plan.derivative else 1.0 for v in o])
            wires = self.c[c][senders]
            error, terms = values @ wires, np.abs(values) @ np.abs(wires)
            layer.unclear += int(cancels(error, terms).sum())
            by_weight = error[: len(layer.weights)].reshape(-1, layer.n)
            products.append(np.outer(x, slope) * by_weight / size)
            biases.append(slope * np.append(error[len(layer.weights) :], np.zeros(layer.n))[: layer.n])
            slopes.append(slope * bool(np.any(values)))
        self._update(h, frame, c, [stored for _, stored in used], slopes, age, products, biases)

    def _update(
        self,
        h: int,
        frame: int,
        c: int,
        stored: list[Any],
        errors: list[Any],
        age: int,
        products: list[Any] | None = None,
        biases: list[Any] | None = None,
    ) -> None:
        """dW = eta R (x) x, averaged over the frame's samples; the synapses' quantizers. With eta = 0 nothing.

        `products` and `biases`, if given, are what each sample adds to W and b; `errors` then say where that is not 0.
        """
        layer, record, count = self.layers[h], self.plan.layers[h], self.counters[c]
        if record["learning_rate"] == 0:
            return
        self.ages[h][age] += 1
        xs = [x for (x, _), _ in zip(stored, errors, strict=False)]
        size = len(self.samples(frame))
        there = layer.places >= 0
        count["update_macs"] += sum(
            int((np.outer(x != 0, r != 0) & there).sum()) for x, r in zip(xs, errors, strict=False)
        )
        decay = self.plan.weight_decay
        whole = self.plan.momentum or decay or record["update_quantizer"]
        count["writes"] += len(layer.weights) if whole else layer.written(xs, errors)
        products = products or [np.outer(x, r) / size for x, r in zip(xs, errors, strict=False)]
        errors = biases or errors
        terms = self.plan.momentum * np.abs(layer.w_speed) + layer.gathered(sum(np.abs(p) for p in products))
        terms += decay * np.abs(layer.weights)
        layer.w_speed = self.plan.momentum * layer.w_speed + layer.gathered(sum(products)) - decay * layer.weights
        per_sample = bool(record["update_per_sample"])
        if record["update_quantizer"] and not per_sample:
            layer.unclear += int(cancels(layer.w_speed, terms).sum())
        rate = self._rate(frame, float(record["learning_rate"]))
        b_terms = self.plan.momentum * np.abs(layer.b_speed) + layer.gathered_bias(
            sum(np.abs(r) for r in errors) / size
        )
        b_terms += decay * np.abs(layer.biases)
        layer.b_speed = (
            self.plan.momentum * layer.b_speed + layer.gathered_bias(sum(errors) / size) - decay * layer.biases
        )
        for old, speed, size_of in ((layer.weights, layer.w_speed, terms), (layer.biases, layer.b_speed, b_terms)):
            layer.unclear += int(cancels(old + rate * speed, np.abs(old) + rate * size_of).sum())
        if per_sample:
            steps = []
            for b, product in enumerate(products):
                own, own_terms = layer.gathered(size * product), layer.gathered(size * np.abs(product))
                layer.unclear += int(cancels(own, own_terms).sum())
                steps.append(self._quantized_matrix(h, frame, "update", rounded(rate * own), b))
            step = sum(steps) / size
        else:
            step = self._quantized_matrix(h, frame, "update", rounded(rate * layer.w_speed))
        if record["update_quantizer"]:
            messages = len(products) if per_sample else 1
            count["update_bits"] += messages * len(layer.weights) * int(record["update_bits"])
        layer.set(
            self._quantized_matrix(h, frame, "weight", rounded(layer.weights + step)),
            rounded(layer.biases + rate * layer.b_speed),
        )

    def _quantized_matrix(self, h: int, frame: int, which: str, values: Any, sample: int = 0) -> Any:
        """A layer's step or its W, flat, as its quantizer leaves it."""
        record = self.plan.layers[h]
        if not record[f"{which}_quantizer"]:
            return values
        if record[f"{which}_quantizer"] == Quantizer.ABS:
            return np.abs(values)
        draws = None
        if record[f"{which}_stochastic"]:
            stream = Stream.UPDATE_ROUNDING if which == "update" else Stream.WEIGHT_ROUNDING
            draws = dict(enumerate(hashing.uniform32(self._words(stream.of(h), frame, sample, range(len(values))))))
        given = {k: np.float32(v) for k, v in enumerate(values) if v}
        doubt = 3e-6 * float(np.abs(values).max(initial=0))
        keys = [int(record[f"{which}_{word}"]) for word in ("quantizer", "levels", "scale_kind")]
        found = quantized(keys[0], keys[1], keys[2], record[f"{which}_scale"], given, draws, doubt)
        self.layers[h].unclear += found.unclear
        out = np.zeros(len(values))
        for k, value in found.values.items():
            out[k] = value
        return out

    def weights(self) -> Any:
        """All W, flat, in the plan's layout."""
        return np.concatenate([layer.weights for layer in self.layers[1:]])

    def biases(self) -> Any:
        return np.concatenate([layer.biases for layer in self.layers[1:]])

    def feedback(self) -> Any:
        """All C, flat, in the plan's layout."""
        flat = self.plan.feedback.astype(np.float64)
        for c, record in enumerate(self.channels):
            if record["wiring"] in FROM_WEIGHTS:  # its C is drawn where messages leave
                self._redraw(c, self.left[c])
        for c, (record, wires, exists) in enumerate(zip(self.plan.channels, self.c, self.exists, strict=True)):
            place = slice(int(record["c_offset"]), int(record["c_offset"] + record["c_size"]))
            if c in self.kernels:
                flat[place] = self.kernels[c]
            elif record["wiring"] in (Wiring.BANK, Wiring.SIGN):
                shared = self.layers[int(record["source"])].places.T
                flat[place][shared[exists]] = wires[exists]
            elif record["c_size"]:
                flat[place] = wires[exists]
        return flat
