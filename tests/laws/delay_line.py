"""A network that learns through gradient delay lines, in plain NumPy: no events, no clock, no channels.

Frame k is computed forward by all layers at once. The error of frame k comes to layer h when D_h more frames have been
computed there (or when there are no more), and meets the weights as they are then. That is all that a constant delay
means; `channelsim` has to make the same weights out of latencies and an interval.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from channelsim.data import Dataset
from channelsim.plan import Direction, Plan, Wiring

Matrix = NDArray[np.float64]


def softmax(s: Matrix) -> Matrix:
    raised = np.exp(s - s.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


@dataclass
class DelayLine:
    """A run of `plan` with dense wiring and ideal channels, tanh below a softmax.

    Attributes:
        plan, data: what to learn; samples in their order (`shuffle = false`).
        delays: D_h of layers 1..L; D_L is 0, and D never grows towards the top.
        stash: errors of this age or more have missed their frame; 0: none have.
        current: whether those learn from the newest frame, or not at all.
        w, b: of layers 1..L, at index h. c: learning channel -> C.
        line: layer -> frame -> what is on its way to it: learning channel, message, and W transposed as it was when the
            message left (None: C as it is when it arrives).
        seen: layer -> frame -> (x, O).
    """

    plan: Plan
    data: Dataset
    delays: dict[int, int]
    stash: int = 0
    current: bool = False
    w: dict[int, Matrix] = field(default_factory=dict)
    b: dict[int, Matrix] = field(default_factory=dict)
    c: dict[int, Matrix] = field(default_factory=dict)
    velocity: dict[str, Matrix] = field(default_factory=dict)
    line: dict[int, dict[int, tuple[int, Matrix, Matrix | None]]] = field(default_factory=dict)
    seen: dict[int, dict[int, tuple[Matrix, Matrix]]] = field(default_factory=dict)

    def run(self) -> DelayLine:
        """Everything from the first frame's entry to the last error's arrival."""
        plan = self.plan
        for h in range(1, plan.top + 1):
            layer = plan.layers[h]
            w = plan.weights[layer["w_offset"] :][: layer["w_size"]]
            self.w[h] = w.reshape(layer["fan_in"], layer["n"]).astype(float)
            self.b[h] = np.zeros(layer["n"])
            self.line[h], self.seen[h] = {}, {}
        for i, row in enumerate(plan.channels):
            if row["wiring"] == Wiring.DENSE:
                c = plan.feedback[row["c_offset"] :][: row["c_size"]]
                self.c[i] = c.reshape(row["n"], -1).astype(float)
        for step in range(plan.frames + max(self.delays.values())):
            if step < plan.frames:
                self.forward(step)
            for h in range(plan.top, 0, -1):  # an error passes several layers at one step where their delays are equal
                frame = step - self.delays[h]
                if 0 <= frame < plan.frames:
                    self.learn(h, frame, newest=min(step, plan.frames - 1))
        return self

    def samples(self, frame: int) -> slice:
        first = frame % self.plan.frames_per_epoch * self.plan.batch
        return slice(first, min(first + self.plan.batch, self.plan.train_size))

    def forward(self, frame: int) -> None:
        o = self.data.train_x[self.samples(frame)].astype(float)
        for h in range(1, self.plan.top + 1):
            x, s = o, o @ self.w[h] + self.b[h]
            o = np.tanh(s) if h < self.plan.top else softmax(s)
            self.seen[h][frame] = x, o
        one_hot = np.eye(self.plan.classes)
        e = one_hot[self.data.train_y[self.samples(frame)]] - o
        self.line[self.plan.top][frame] = -1, e, one_hot  # nothing between the top and its own error

    def learn(self, h: int, frame: int, newest: int) -> None:
        """The error of a frame has come to layer h: it is passed on, and then learned from."""
        plan = self.plan
        i, m, wiring = self.line[h].pop(frame)
        x, o = self.seen[h][frame]
        missed = self.stash > 0 and newest - frame >= self.stash
        if missed:
            x, o = self.seen[h][newest]
        r = m @ (self.c[i] if wiring is None else wiring)
        if missed and not self.current:
            r = np.zeros_like(r)
        if h < plan.top and plan.derivative:
            r = r * (1 - o * o)
        for k, channel in enumerate(plan.channels):
            if channel["direction"] == Direction.LEARNING and channel["source"] == h:
                transposed = self.w[h].T.copy() if channel["wiring"] == Wiring.TRANSPOSE else None
                self.line[channel["target"]][frame] = k, r, transposed
        if missed and not self.current:
            return
        eta = (1 - plan.learning_rate_decay) ** frame
        if h < plan.top and plan.channels[i]["adaptive"]:
            self.c[i] += eta * plan.channels[i]["learning_rate"] * self.gain(f"C {i}", m.T @ o / len(o))
        self.w[h] += eta * plan.layers[h]["learning_rate"] * self.gain(f"W {h}", x.T @ r / len(x))
        self.b[h] += eta * plan.layers[h]["learning_rate"] * self.gain(f"b {h}", r.mean(0))

    def gain(self, name: str, gradient: Matrix) -> Matrix:
        """The momentum's V."""
        v = gradient + self.plan.momentum * self.velocity.get(name, np.zeros_like(gradient))
        self.velocity[name] = v
        return v

    @property
    def weights(self) -> Matrix:
        """All W in the plan's layout."""
        return np.concatenate([self.w[h].ravel() for h in sorted(self.w)])

    @property
    def biases(self) -> Matrix:
        return np.concatenate([self.b[h] for h in sorted(self.b)])

    @property
    def feedback(self) -> Matrix:
        return np.concatenate([self.c[i].ravel() for i in sorted(self.c)] or [np.zeros(0)])
