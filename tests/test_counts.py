"""Operations, synapse writes and bits of updates, counted by hand, and by the per-neuron simulator.

`tests/laws/test_text.py` compares all counters in random scenarios; these are the cases in which it is easy to count
too much or too little.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from channelsim.plan import Plan
from tests import networks
from tests.networks import conv, plan_of, plan_of_chain
from tests.neuronwise import Simulator

ONCE = {"batch": 1, "epochs": 1, "learning_rate": 1e-4, "shuffle": False}
COUNTED = ("sent", "delivered", "corrupted", "flipped_bits", "macs", "update_macs", "writes", "update_bits")


def counted(p: Plan, x: Any, y: Any) -> dict[str, dict[str, int]]:
    """Channel -> what the engine counts in a whole run; the per-neuron simulator counts the same."""
    state, _ = networks.run(p, np.asarray(x, np.float32), np.asarray(y))
    simulator = Simulator(p, np.asarray(x, np.float32), np.asarray(y)).run(p.frames)
    found = {
        name: {word: int(row[word]) for word in COUNTED}
        for name, row in zip(p.channel_names, state.counters, strict=True)
    }
    for name, theirs in zip(p.channel_names, simulator.counters, strict=True):
        assert found[name] == {word: theirs[word] for word in COUNTED}, name
    return found


def some(seed: int, samples: int, *shape: int) -> Any:
    return np.random.default_rng(seed).uniform(0.1, 1, (samples, *shape))


# --- the bits of quantized updates ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("update", "bits"),
    [({"kind": "sign"}, 192), ({"kind": "ternary"}, 2 * 192), ({"kind": "log2", "exponents": 3}, 3 * 192)],
)
def test_an_update_takes_a_word_for_each_synapse(update: dict[str, Any], bits: int) -> None:
    """8 updates of 8 x 3 synapses."""
    p = plan_of([8, 3], 8, learning={"rule": "top"}, training=ONCE, synapses={"update": update})
    assert counted(p, some(0, 8, 8), [0, 1] * 4)["forward.1"]["update_bits"] == bits


# --- events that bit errors turn into the value 0 ---------------------------------------------------------

TERNARY = {"quantize": {"kind": "ternary", "scale": 0.3}, "bit_errors": {"probability": 0.3}}


@pytest.mark.parametrize(("batch", "delivered"), [(1, 110), (8, 105), (35, 106)])
def test_a_zero_that_is_delivered_costs_a_forward_event(batch: int, delivered: int) -> None:
    """4-3: each event that is addressed and delivered meets three weights, and a quarter of them is 0. An update
    multiplies those that are not."""
    channels = {"forward": {**TERNARY, "encoding": "aer"}}
    p = plan_of([4, 3], 35, learning={"rule": "top"}, training={**ONCE, "batch": batch}, channels=channels, seed=27)
    found = counted(p, some(0, 35, 4), np.arange(35) % 3)["forward.1"]
    assert found["sent"] - found["corrupted"] == found["delivered"] == delivered
    assert found["macs"] == 3 * delivered  # 330 of the first
    assert 0.6 * found["macs"] < found["update_macs"] < 0.9 * found["macs"]


@pytest.mark.parametrize("batch", [1, 8])
def test_the_word_of_silence_in_a_dense_message_is_no_event(batch: int) -> None:
    """The same flips: what is a 0 when it has an address is lost, and corrupted, where it is the word of silence."""
    found = {}
    for encoding in ("aer", "dense"):
        channels = {"forward": {**TERNARY, "encoding": encoding}}
        p = plan_of([4, 3], 35, learning={"rule": "top"}, training={**ONCE, "batch": batch}, channels=channels, seed=5)
        found[encoding] = counted(p, some(0, 35, 4), np.arange(35) % 3)["forward.1"]
    aer, dense = found["aer"], found["dense"]
    assert aer["flipped_bits"] == dense["flipped_bits"]
    assert dense["delivered"] == aer["update_macs"] // 3 < aer["delivered"]
    assert dense["macs"] == dense["update_macs"] == aer["update_macs"]


@pytest.mark.parametrize("batch", [1, 7, 20])
@pytest.mark.parametrize("rule", ["bp", "rbp", "srbp", "asrbp", "arbp", "sign", "sparse", "sparse sign"])
def test_a_zero_that_is_delivered_costs_its_wires(rule: str, batch: int) -> None:
    """Learning channels: each event that arrives costs its wires, whatever the rule and the batch."""
    sparse = {"feedback": {"connections": 1}} if rule.startswith("sparse") else {}
    learning = {"rule": {"sparse": "srbp", "sparse sign": "sign"}.get(rule, rule), **sparse}
    coded = {"quantize": {"kind": "uniform", "bits": 2}, "bit_errors": {"probability": 0.3}, "encoding": "aer"}
    p = plan_of([4, 5, 3], 20, learning=learning, training={**ONCE, "batch": batch}, channels={"learning": coded})
    row = counted(p, some(1, 20, 4), np.arange(20) % 3)["learning.1"]
    if not sparse:
        assert row["macs"] == 5 * row["delivered"]


@pytest.mark.parametrize("batch", [1, 7, 20])
@pytest.mark.parametrize("rule", ["bp", "rbp", "arbp", "sign"])
def test_a_zero_that_is_delivered_costs_its_weights_in_a_convolution(rule: str, batch: int) -> None:
    """At every position that it meets, forward and back."""
    coded = {"quantize": {"kind": "uniform", "bits": 2}, "bit_errors": {"probability": 0.3}, "encoding": "aer"}
    layers = [conv(3, 2, padding=1, transfer="tanh"), conv(2, 5, transfer="softmax")]
    channels = {"forward": coded, "learning": coded}
    training = {**ONCE, "batch": batch}
    p = plan_of_chain([2, 4, 4], layers, 2, 20, learning={"rule": rule}, training=training, channels=channels)
    x = np.random.default_rng(3).uniform(-1, 1, (20, 32))
    assert counted(p, x, np.arange(20) % 2)["learning.1"]["delivered"] > 0


def test_noise_can_make_a_zero_too() -> None:
    """What matters is whether the event was delivered, not what the receiver reads."""
    work = {"quantize": {"kind": "sign", "scale": 0.5}, "noise": {"sigma": 1.0}}
    p = plan_of([4, 3], 9, learning={"rule": "top"}, training={**ONCE, "batch": 3}, channels={"forward": work})
    assert counted(p, some(0, 9, 4), np.arange(9) % 3)["forward.1"]["macs"] == 9 * 4 * 3


# --- an adaptive C ----------------------------------------------------------------------------------------


def silent_receivers(training: dict[str, Any]) -> dict[str, int]:
    """A 4-2-3 network in which 7 of 16 activities of its relus are not 0."""
    p = plan_of([4, 2, 3], 8, ["relu", "softmax"], learning={"rule": "asrbp"}, training={**ONCE, **training})
    w = p.weights[:8].reshape(4, 2)
    rng, rows = np.random.default_rng(0), []
    for active in (0, 1, 1, 1, 1, 1, 1, 1):  # of the two relus
        while True:
            x = rng.uniform(0.1, 1, 4)
            if np.count_nonzero(x @ w > 1e-3) == active:
                rows.append(x)
                break
    return counted(p, rows, np.arange(8) % 3)["learning.1"]


def test_an_adaptive_wire_costs_where_both_ends_are_active() -> None:
    """7 errors times 4 inputs, and 7 activities times 3 events."""
    found = silent_receivers({})
    assert (found["update_macs"], found["writes"]) == (49, 49)


def test_a_wire_is_written_once_a_frame() -> None:
    """Those that had both ends active in any of the frame's samples."""
    found = silent_receivers({"batch": 8})
    assert (found["update_macs"], found["writes"]) == (49, 4 + 3)  # of one of the relus: the other one is never active


def test_momentum_moves_every_wire_of_an_adaptive_c() -> None:
    """20 updates of 4 x 2 synapses and of 3 x 2 wires, although a third of the events is lost."""
    p = plan_of(
        [4, 2, 3],
        20,
        ["relu", "softmax"],
        learning={"rule": "asrbp"},
        training={**ONCE, "momentum": 0.5},
        channels={"learning": {"drop": {"probability": 0.3}}},
    )
    found = counted(p, some(0, 20, 4), np.arange(20) % 3)["learning.1"]
    assert found["delivered"] < found["sent"] and found["writes"] == 280


def test_momentum_moves_every_kernel_of_an_adaptive_bank() -> None:
    layers = [conv(1, 1), conv(2, 2, transfer="softmax")]
    p = plan_of_chain([1, 2, 2], layers, 2, 6, learning={"rule": "arbp"}, training={**ONCE, "momentum": 0.5})
    assert counted(p, some(2, 6, 4), [0, 1] * 3)["learning.1"]["writes"] == 6 * (1 + 8)
