"""A discrete-event simulator with one heap entry for every event of every neuron, in plain Python.

It is the judge of the engine's clock, so it is written to be believed rather than to be fast: small
networks, Python floats, lists and dicts. A convolution is a layer in which not every pair of neurons has a wire, and
many wires have one weight. It reads a `Plan` and draws from `channelsim.hashing`; of the package it shares nothing
else. The engine has one heap entry for each frame and channel and works out the
arrivals inside it; here every neuron's event travels alone, with an entry of its own.

What can happen, in the heap's order (time, priority, sequence number):

- a neuron's event *arrives* at the receiving layer (and is kept there until the layer acts);
- a message is *complete*: its last bit has arrived, or its deadline has passed;
- a layer is *done* with a frame: it has computed, and speaks;
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

from channelsim import hashing
from channelsim.hashing import Stream
from channelsim.plan import Direction, Encoding, Jitter, Plan, Quantizer, Scale, Wiring
from channelsim.plan import Message as Says
from tests.neurons import Layer, image, rounded

LEARNING_FIRST, THEN_FORWARD, THEN_FRAMES = 0, 1, 2
WHOLE, DAMAGED, LOST_IN_QUEUE = 0, 1, 2


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
    """What one layer says over one channel about one sample: a MESSAGE_ROW's fields, and what was heard."""

    channel: int
    frame: int
    sample: int
    offered: int
    start: int = 0
    first_arrival: int = 0
    last_arrival: int = 0
    complete: int = 0
    events: int = 0
    delivered: int = 0
    bits: int = 0
    encoding: int = Encoding.DENSE
    outcome: int = WHOLE
    scale: float = 0.0
    sent: dict[int, float] = field(default_factory=dict)  # neuron -> value as sent
    heard: dict[int, float] = field(default_factory=dict)  # neuron -> value, filled as the events arrive
    wires: Any = None  # the sender's W at the moment of sending, for the wirings that need it


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
    """Runs a plan on given data. `x` is float32 (samples, inputs), `y` integer labels (samples,)."""

    def __init__(self, plan: Plan, x: Any, y: Any) -> None:
        self.plan, self.x, self.y = plan, x, y
        self.layers = [Layer(plan, h) for h in range(len(plan.layers))]
        self.channels = plan.channels
        self.links = [Link(record) for record in plan.links]
        self.residual = [np.zeros(int(c["n"]), np.float32) for c in plan.channels]
        self.c, self.exists = map(list, zip(*(self._initial_wires(c) for c in range(len(plan.channels))), strict=True))
        self.c_speed = [np.zeros_like(wires) for wires in self.c]
        self.counters = [Counter() for _ in plan.channels]
        self.ages = [Counter() for _ in self.layers]  # per layer: age of its updates in frames -> how many
        self.messages: list[Message] = []
        self.log: list[Happening] = []
        self.heap: list[tuple[int, int, int, str, Any]] = []
        self.pushes = 0
        self.now = 0
        self.inbox: dict[tuple[int, int], list[Message]] = {}  # (channel, frame) -> its complete messages

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
                message.heard[neuron] = value
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

    def _draw(self, stream: int, frame: int, sample: int, index: int) -> float:
        word = hashing.bits(hashing.key(self.plan.seed, stream, frame, sample), np.array([index]))
        return float(hashing.uniform(word)[0])

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
        self._speak(0, Direction.FORWARD, frame, images)

    # --- sending ----------------------------------------------------------------------------------------

    def _speak(
        self,
        h: int,
        direction: Direction,
        frame: int,
        values: list[Any],
        targets: Any = None,
        heard: Sequence[Any] = (),
    ) -> None:
        """Layer h says `values` (or the targets), one vector a sample, over its channels of one direction.

        `heard`: what of its input it remembers, of the first samples or of none.
        """
        for c, record in enumerate(self.channels):
            if record["source"] == h and record["direction"] == direction:
                said = targets if record["message"] == Says.TARGET else values
                for sample, vector in enumerate(said):
                    self._send(c, frame, sample, vector, heard[sample] if sample < len(heard) else None)

    def _send(self, c: int, frame: int, sample: int, vector: Any, heard: Any) -> None:
        record, count = self.channels[c], self.counters[c]
        message = Message(c, frame, sample, offered=self.now)
        self.messages.append(message)
        count["messages"] += 1
        count["offered"] += int(np.count_nonzero(vector))
        if record["wiring"] in (Wiring.TRANSPOSE, Wiring.SIGN, Wiring.SPARSE_SIGN):
            message.wires = self.layers[int(record["source"])].wires_back(heard)
        message.sent, message.scale = self._quantized(record, self._speaking(c, vector))
        message.events = len(message.sent)
        bits, word, message.encoding = self._length(record, message.events)
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
            message.first_arrival = message.last_arrival = message.complete
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
        arrivals = []
        for place, (neuron, value) in enumerate(sorted(message.sent.items())):
            words = place + 1 if message.encoding == Encoding.AER else neuron + 1
            arrival = start + link.occupation(body + words * word) + travel
            arrivals.append(arrival)
            if self._draw(Stream.DROP.of(c), frame, sample, neuron) < record["drop"]:
                count["dropped"] += 1
            elif arrival > deadline:
                count["late"] += 1
            else:
                count["delivered"] += 1
                message.delivered += 1
                kept = np.float32(1.0 - record["drop"]) if record["rescale"] else np.float32(1)
                self._push(arrival, priority, "arrive", (message, neuron, float(np.float32(value) / kept)))
        whole = start + link.occupation(bits) + travel
        message.complete = message.last_arrival = int(min(whole, deadline))
        message.first_arrival = min([*arrivals, message.complete])
        message.outcome = DAMAGED if message.delivered < message.events else WHOLE
        self._push(message.complete, priority, "complete", message)

    def _speaking(self, c: int, vector: Any) -> dict[int, float]:
        """The threshold stage: which neurons speak, and what they would say."""
        record, said = self.channels[c], {}
        for neuron, value in enumerate(np.asarray(vector, np.float32)):
            if not record["has_threshold"]:
                if value != 0:
                    said[neuron] = float(value)
                continue
            meant = value + self.residual[c][neuron] if record["residual"] else value
            if abs(meant) > record["threshold"]:
                said[neuron] = float(meant)
                meant = np.float32(0)
            if record["residual"]:
                self.residual[c][neuron] = meant
        return said

    def _quantized(self, record: Any, said: dict[int, float]) -> tuple[dict[int, float], float]:
        """The quantizer stage: the values as sent, and the scale."""
        if record["quantizer"] == Quantizer.NONE:
            return said, float(record["scale"])
        assert record["quantizer"] == Quantizer.LOG2, "this simulator knows one quantizer"
        magnitudes = [abs(v) for v in said.values()]
        a = np.float32(record["scale"])
        if record["scale_kind"] == Scale.MAX:
            a = np.float32(max(magnitudes, default=0.0))
        elif record["scale_kind"] == Scale.RMS:
            a = np.float32(math.sqrt(sum(m * m for m in magnitudes) / max(len(magnitudes), 1)))
        sent = {}
        for neuron, v in said.items():
            level = round(min(max(math.log2(abs(v) / float(a)), 1 - int(record["bits"])), 0))
            sent[neuron] = math.copysign(float(a) * 2.0**level, v)
        return sent, float(a)

    def _length(self, record: Any, events: int) -> tuple[int, int, int]:
        """Bits of the whole message, bits of one word (with its address), and the code it is in."""
        n, value = int(record["n"]), int(record["value_bits"])
        before = int(record["header_bits"]) + int(record["scale_bits"])
        dense_word = value + (int(record["silence_bits"]) if events < n else 0)
        aer_word = value + int(record["address_bits"])
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
        direction = Direction(int(record["direction"]))
        self._take_up(int(record["target"]), direction, frame, c)

    def _take_up(self, h: int, direction: Direction, frame: int, c: int) -> None:
        layer = self.layers[h]
        layer.free = max(self.now, layer.free) + len(self.samples(frame)) * layer.compute[direction]
        if layer.free == self.now:
            self._done(h, direction, frame, c)
        else:
            priority = THEN_FORWARD if direction == Direction.FORWARD else LEARNING_FIRST
            self._push(layer.free, priority, "done", (h, direction, frame, c))

    def _done(self, h: int, direction: Direction, frame: int, c: int) -> None:
        messages = sorted(self.inbox.pop((c, frame)), key=lambda message: message.sample)
        if direction == Direction.FORWARD:
            self._forward(h, frame, messages)
        else:
            self._learn(h, frame, c, messages)

    def _forward(self, h: int, frame: int, messages: list[Message]) -> None:
        self._note("forward", h, frame)
        layer = self.layers[h]
        memory = []
        for message in messages:
            x = np.zeros(len(layer.places))
            for neuron, value in message.heard.items():
                x[neuron] = value
            memory.append((x, layer.activity(x)))
        layer.memory[frame] = memory
        layer.newest = max(layer.newest, frame)
        activities = [o for _, o in memory]
        if h < self.plan.top:
            self._speak(h, Direction.FORWARD, frame, activities)
            return
        targets = [np.eye(layer.n)[self.y[sample]] for sample in self.samples(frame)]
        errors = [rounded(target - o) for target, o in zip(targets, activities, strict=True)]
        self._note("learn", h, frame)
        self._speak(h, Direction.LEARNING, frame, errors, targets, [x for x, _ in memory])
        self._update(h, frame, memory, errors)

    def _learn(self, h: int, frame: int, c: int, messages: list[Message]) -> None:
        self._note("learn", h, frame)
        layer = self.layers[h]
        missed = self.plan.stash > 0 and layer.newest - frame >= self.plan.stash
        if missed and not self.plan.on_miss_current:
            self._speak(h, Direction.LEARNING, frame, [np.zeros(layer.n)] * len(messages))
            return
        memory = layer.memory[layer.newest if missed else frame]
        errors = []
        remembered = list(zip(messages, memory, strict=False))  # a newer frame may have fewer samples
        for message, (_, o) in remembered:
            error = np.zeros(layer.n)
            for neuron, value in message.heard.items():
                for i in range(layer.n):
                    error[i] += value * self._wire(c, message, neuron, i)
            slopes = [layer.slope(v) for v in o] if self.plan.derivative else np.ones(layer.n)
            errors.append(rounded(slopes * error))
        silence = [np.zeros(layer.n)] * (len(messages) - len(errors))
        self._speak(h, Direction.LEARNING, frame, errors + silence, heard=[x for x, _ in memory])
        if not layer.pools:
            self._update(h, frame, memory, errors)
        if self.channels[c]["adaptive"]:
            step = np.zeros_like(self.c[c])
            for message, (_, o) in remembered:
                for neuron, value in message.heard.items():
                    step[neuron] += value * o / len(messages)
            if self.channels[c]["wiring"] == Wiring.BANK:
                step = self.layers[int(self.channels[c]["source"])].shared(step.T).T
            self.c_speed[c] = self.plan.momentum * self.c_speed[c] + step
            rate = self._rate(frame, self.plan.feedback_learning_rate)
            self.c[c] = rounded(self.c[c] + np.where(self.exists[c], rate * self.c_speed[c], 0))

    def _initial_wires(self, c: int) -> tuple[Any, Any]:
        """C as the plan drew it, and which wires exist: (sender, receiver)."""
        record, plan = self.plan.channels[c], self.plan
        flat = plan.feedback[record["c_offset"] : record["c_offset"] + record["c_size"]].astype(np.float64)
        n, n_target = int(record["n"]), int(plan.layers[record["target"]]["n"])
        if record["wiring"] == Wiring.DENSE:
            return flat.reshape(n, n_target), True
        if record["wiring"] in (Wiring.SIGN, Wiring.BANK):
            return self.layers[int(record["source"])].spread(flat).T, True
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

    # --- learning ---------------------------------------------------------------------------------------

    def _rate(self, frame: int, initial: float) -> float:
        return float(np.float32(initial * (1 - self.plan.decay) ** frame))

    def _update(self, h: int, frame: int, memory: list[tuple[Any, Any]], errors: list[Any]) -> None:
        """dW = eta R (x) x, averaged over the frame's samples."""
        layer = self.layers[h]
        self.ages[h][layer.newest - frame] += 1
        size = len(self.samples(frame))
        w_step = sum(np.outer(x, r) for (x, _), r in zip(memory, errors, strict=False)) / size
        b_step = sum(errors) / size
        layer.w_speed = self.plan.momentum * layer.w_speed + layer.shared(w_step)
        layer.b_speed = self.plan.momentum * layer.b_speed + layer.shared_bias(b_step)
        rate = self._rate(frame, self.plan.learning_rate)
        layer.w = rounded(layer.w + rate * layer.w_speed)
        layer.b = rounded(layer.b + rate * layer.b_speed)

    def weights(self) -> Any:
        """All W, flat, in the plan's layout."""
        return np.concatenate([layer.collected()[0] for layer in self.layers[1:]])

    def biases(self) -> Any:
        return np.concatenate([layer.collected()[1] for layer in self.layers[1:]])
