"""Operations and synapse writes of any network, its convolutions among them: the engine's counters against a count by
hand.

The per-neuron simulator says which events each layer heard and what its neurons' R were; loops over positions and taps
(`tests.naive`) count what has to be done with them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim import engine, reference
from channelsim.plan import Direction, Kind, Plan, Wiring
from channelsim.reference import stages
from tests import naive
from tests.laws.cases import Case, cases
from tests.networks import dataset, plan_of_chain
from tests.neuronwise import Simulator


class Witness(Simulator):
    """Counts as it goes along, in `macs`, `update_macs` and `updates` of each channel."""

    def __init__(self, plan: Plan, x: Any, y: Any) -> None:
        super().__init__(plan, x, y)
        self.found = np.zeros((len(plan.channels), 3), np.int64)

    def _done(self, h: int, direction: Direction, frame: int, c: int) -> None:
        messages = sorted(self.inbox[c, frame], key=lambda message: message.sample)
        heard = np.zeros((len(messages), int(self.plan.channels[c]["n"])))
        for row, message in zip(heard, messages, strict=True):
            row[list(message.heard)] = list(message.heard.values())
        self.hearing = c, heard
        layer = self.plan.layers[h]
        if direction == Direction.FORWARD and layer["w_size"]:
            silent = np.zeros((len(messages), int(layer["n"])))
            self.found[c, 0] += naive.convolution_counts(as_convolution(layer), heard, silent, silent).forward_macs
        elif direction == Direction.LEARNING:
            self.found[c, 0] += self._error_macs(c, heard)
            if self.channels[c]["adaptive"]:
                self.found[c, 1:] += self._adapted(c, heard, np.array([o for _, o in self.layers[h].memory[frame]]))
        super()._done(h, direction, frame, c)

    def _update(self, h: int, frame: int, memory: list[tuple[Any, Any]], errors: list[Any]) -> None:
        x, r = np.array([x for x, _ in memory]), np.array(errors)
        counts = naive.convolution_counts(as_convolution(self.plan.layers[h]), x, r, r)
        self.found[self.hearing[0], 1:] += counts.update_macs, counts.writes
        super()._update(h, frame, memory, errors)

    def _error_macs(self, c: int, heard: Any) -> int:
        row, source = self.channels[c], self.plan.layers[self.channels[c]["source"]]
        if row["wiring"] == Wiring.TRANSPOSE and not source["w_size"]:
            return 0
        if row["wiring"] in (Wiring.TRANSPOSE, Wiring.SIGN, Wiring.BANK):
            silent = np.zeros((len(heard), int(source["fan_in"])))
            return naive.convolution_counts(as_convolution(source), silent, heard, heard).error_macs
        return int(((heard != 0) @ self._wires(c)).sum())

    def _wires(self, c: int) -> Any:
        """How many wires leave each neuron that sends."""
        row = self.channels[c]
        there = np.ones((int(row["n"]), int(self.plan.layers[row["target"]]["n"]))) * self.exists[c]
        return there.sum(1).astype(np.int64)

    def _adapted(self, c: int, heard: Any, o: Any) -> tuple[int, int]:
        """(multiply-accumulates, writes) of C's own update: each wire of those who spoke, or as W of a convolution."""
        if self.channels[c]["wiring"] == Wiring.BANK:
            source = as_convolution(self.plan.layers[self.channels[c]["source"]])
            counts = naive.convolution_counts(source, o, heard, heard)
            return counts.update_macs, counts.writes
        spoke = heard != 0
        return int((spoke @ self._wires(c)).sum()), int((spoke.any(0) @ self._wires(c)).sum())


def as_convolution(layer: Any) -> Any:
    """A dense layer is a convolution over one pixel."""
    layer = layer.copy()
    if layer["kind"] == Kind.DENSE:
        layer["in_channels"], layer["out_channels"] = layer["fan_in"], layer["n"]
        layer["kernel"], layer["stride"], layer["padding"] = 1, 1, 0
        for side in ("in_height", "in_width", "out_height", "out_width"):
            layer[side] = 1
    return layer


lossy = st.fixed_dictionaries({}, optional={"drop": st.just({"probability": 0.3, "rescale": False})})


@settings(deadline=None, max_examples=80, derandomize=True)
@given(cases(lossy, transfers=("tanh", "relu"), quantized_synapses=False))
def test_counted_as_by_hand(case: Case) -> None:
    """One epoch of small steps: a neuron that is almost silent stays one that speaks."""
    training = {**case.tables["training"], "epochs": 1, "learning_rate": 1e-4, "momentum": 0}
    case = case.with_unequal_wires().with_tables(training=training)
    plan, data = case.plan(), case.data()
    witness = Witness(plan, data.train_x, data.train_y).run(plan.frames)
    state = engine.start(plan, data)
    engine.advance(plan, state, plan.frames)
    for name, counter, expected in zip(plan.channel_names, state.counters, witness.found, strict=True):
        assert [counter[word] for word in ("macs", "update_macs", "writes")] == expected.tolist(), name


def test_what_a_bit_error_makes_zero_is_received_but_not_multiplied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two classes err by x and -x: both are active, in 2 bits, of which an error makes the level in the middle."""
    layers = [
        {"kind": "conv2d", "channels": 3, "kernel": 2, "transfer": "tanh"},
        {"kind": "conv2d", "channels": 2, "kernel": 3, "transfer": "softmax"},
    ]
    channel = {"quantize": {"kind": "uniform", "bits": 2}, "bit_errors": {"probability": 0.3}}
    plan = plan_of_chain([1, 4, 4], layers, 2, 40, training={"batch": 40}, channels={"learning": channel})
    rng = np.random.default_rng(6)
    images = dataset(rng.uniform(-1, 1, (40, 1, 4, 4)), rng.integers(2, size=40), 2)
    received: dict[int, stages.Received] = {}
    transmit = stages.transmit

    def transmit_and_keep(channel: Any, c: int, *rest: Any) -> stages.Received:
        received[c] = transmit(channel, c, *rest)
        return received[c]

    monkeypatch.setattr(stages, "transmit", transmit_and_keep)
    reference.step(reference.start(plan, images))
    c = plan.channel_names.index("learning.1")
    zeros, values = np.zeros((40, int(plan.layers[2]["fan_in"]))), received[c].values.numpy()
    assert ((values == 0).any(1) & ~received[c].corrupted.numpy().any(1)).any()
    state = engine.start(plan, images)
    engine.advance(plan, state, 1)
    assert state.counters[c]["macs"] == naive.convolution_counts(plan.layers[2], zeros, values, values).error_macs
