"""A recorded message can be recomputed from the weights around it, by someone who knows the rules and nothing else.

The runs have one frame an epoch, so the trace holds the weights before and after each frame. From these, the
bytes in /events and plain NumPy every activity, every error and every update must follow.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import channelsim as cs
from channelsim import codes, hashing
from channelsim.hashing import Stream
from channelsim.plan import Direction, Plan, Quantizer, Wiring, build
from channelsim.scenario import Quantize
from channelsim.trace import Trace
from tests.networks import scenario

Matrix = NDArray[np.float64]
UNITS = [16, 7, 6, 5, 4]
EPOCHS = 3
RATE = 0.1

STAGES: dict[str, dict[str, Any]] = {
    "ideal": {},
    "3 bits down": {"learning": {"quantize": {"kind": "log2", "exponents": 3, "scale": "max"}, "header": 5}},
    "6 bits up": {"forward": {"quantize": {"kind": "uniform", "bits": 6, "scale": "rms"}, "encoding": "auto"}},
    "entropy codes": {
        "forward": {"quantize": {"kind": "uniform", "bits": 5, "scale": "max"}, "encoding": "entropy"},
        "learning": {"quantize": {"kind": "log2", "bits": 4, "scale": "max"}, "encoding": "entropy", "header": 3},
    },
    "thresholds and lost events": {
        "forward": {"threshold": {"value": 0.1}, "encoding": "aer"},
        "learning": {
            "threshold": {"value": 0.02},
            "drop": {"probability": 0.3},
            "encoding": "aer",
            "latency": "3 ns",
        },
    },
}


def quantized(v: Matrix, kind: str, levels: int, a: float) -> Matrix:
    if kind == "uniform":
        return a / levels * np.clip(np.round(v * levels / a), -levels, levels)
    with np.errstate(divide="ignore"):
        exponent = np.clip(np.round(np.log2(np.abs(v) / a)), 1 - levels, 0)
    return np.sign(v) * a * 2**exponent


def said(values: Matrix, keys: dict[str, Any]) -> Matrix:
    """What goes onto a channel with these TOML keys."""
    v = values * (np.abs(values) > keys.get("threshold", {}).get("value", 0))
    if "quantize" not in keys:
        return v
    q = keys["quantize"]
    a = np.abs(v).max() if q["scale"] == "max" else np.sqrt((v[v != 0] ** 2).mean())
    return quantized(v, q["kind"], Quantize(**q).levels, float(a))


class Messages:
    """/events of a trace, unpacked."""

    def __init__(self, trace: Trace, plan: Plan, channels: dict[str, Any]) -> None:
        self.trace, self.plan, self.channels, self.rows = trace, plan, channels, trace.events()

    def check(self, name: str, frame: int, sample: int, values: Matrix) -> Matrix:
        """Holds a message against the values that its sender should say; returns what the receiver reads of it."""
        c = self.plan.channel_names.index(name)
        mine = (self.rows["channel"] == c) & (self.rows["frame"] == frame) & (self.rows["sample"] == sample)
        (i,) = np.flatnonzero(mine)
        row, keys = self.rows[i], self.channels.get(name.split(".")[0], {})
        packed = codes.Packed(self.trace.payload(i), int(row["bits"]), row["encoding"], int(row["events"]))
        sent, scale = codes.unpack(packed, self.plan.channels[c])
        np.testing.assert_allclose(sent, said(values, keys), rtol=2e-5, atol=2e-6)
        assert np.count_nonzero(sent) == row["events"]
        assert len(packed.data) == -(-packed.bits // 8)
        if "quantize" in keys:
            assert np.float32(scale) == row["scale"]
        p = keys.get("drop", {}).get("probability", 0)
        draws = hashing.uniform(hashing.bits(hashing.key(self.plan.seed, Stream.DROP.of(c), frame, sample), len(sent)))
        heard = np.where(draws < p, 0, sent).astype(float)
        assert np.count_nonzero(heard) == row["delivered"]
        return heard


def initial(plan: Plan) -> dict[str, Matrix]:
    """The matrices that a plan starts from, by the names that they have in a trace."""
    found: dict[str, Matrix] = {}
    for h, layer in enumerate(plan.layers[1:], start=1):
        w = plan.weights[layer["w_offset"] :][: layer["w_size"]]
        found |= {f"W_{h}": w.reshape(layer["fan_in"], layer["n"]), f"b_{h}": np.zeros(layer["n"])}
    for row in plan.channels[plan.channels["c_size"] > 0]:
        c = plan.feedback[row["c_offset"] :][: row["c_size"]]
        shape = found[f"W_{row['source']}"].shape if row["wiring"] == Wiring.SIGN else (row["n"], -1)
        found[f"C_{row['target']}"] = c.reshape(shape)
    return found


def recompute(trace: Trace, plan: Plan, x: Any, y: Any, channels: dict[str, Any]) -> None:
    """All frames of a trace: each message and each update."""
    messages = Messages(trace, plan, channels)
    rule = trace.resolved["learning"]["rule"]
    one_hot = np.eye(plan.classes)
    after: dict[str, Any] = initial(plan)
    for frame in range(EPOCHS):
        w, after = after, trace.weights(frame + 1)
        steps = {name: np.zeros_like(matrix, float) for name, matrix in w.items()}
        for b in range(len(x)):
            heard: dict[int, Matrix] = {}
            o = {0: x[b].astype(float)}
            for h in range(1, plan.top + 1):
                heard[h] = messages.check(f"forward.{h}", frame, b, o[h - 1])
                s = heard[h] @ w[f"W_{h}"] + w[f"b_{h}"]
                o[h] = np.tanh(s) if h < plan.top else np.exp(s) / np.exp(s).sum()
            r = {plan.top: one_hot[y[b]] - o[plan.top]}
            for row in plan.channels[plan.channels["direction"] == Direction.LEARNING]:
                h, source = int(row["target"]), int(row["source"])
                m = messages.check(f"learning.{h}", frame, b, one_hot[y[b]] if rule == "drtp" else r[source])
                if rule == "bp":
                    wiring = w[f"W_{source}"].T
                elif rule == "sign":
                    wiring = (w[f"C_{h}"] * np.sign(w[f"W_{source}"])).T
                else:
                    wiring = w[f"C_{h}"]
                r[h] = (m @ wiring) * (1 - o[h] ** 2)
                if rule in ("arbp", "asrbp"):
                    steps[f"C_{h}"] += np.outer(m, o[h])
            for h, signal in r.items():
                steps[f"W_{h}"] += np.outer(heard[h], signal)
                steps[f"b_{h}"] += signal
        for name, step in steps.items():
            np.testing.assert_allclose(after[name], w[name] + RATE / len(x) * step, atol=2e-6, err_msg=name)


RULES = ["bp", "rbp", "srbp", "arbp", "asrbp", "sign", "drtp", "top"]


@pytest.mark.parametrize("stages", STAGES)
@pytest.mark.parametrize(("rule", "samples"), [*((rule, 1) for rule in RULES), ("bp", 3), ("asrbp", 3)])
def test_messages_follow_from_the_weights(rule: str, stages: str, samples: int, tmp_path: Path) -> None:
    channels = {name: keys for name, keys in STAGES[stages].items() if rule != "top" or name == "forward"}
    run = scenario(
        UNITS,
        learning={"rule": rule},
        channels=channels,
        data={"name": "synthetic.blobs", "train": samples, "test": 10},
        training={"batch": samples, "epochs": EPOCHS, "learning_rate": RATE, "shuffle": False},
        trace={"events": "first 100 frames", "weights": "epoch"},
    )
    cs.run(run, out=tmp_path / "run.h5")
    data = cs.data.load_dataset(run.data)
    plan = build(run, data.shape, data.classes, samples)
    with Trace(tmp_path / "run.h5") as trace:
        assert len(trace.events()) == EPOCHS * samples * len(plan.channels)
        recompute(trace, plan, data.train_x, data.train_y, channels)
        _bits_and_entropy(trace, plan)


@pytest.mark.parametrize("stages", ["3 bits down", "6 bits up"])
def test_entropy_of_large_data_sets_is_that_of_one_message_in_so_many(stages: str, tmp_path: Path) -> None:
    """Of 1,100 samples every second message counts, by its place in the run."""
    samples, batch = 1100, 7
    run = scenario(
        [16, 5, 4],
        learning={"rule": "srbp"},
        channels=STAGES[stages],
        data={"name": "synthetic.blobs", "train": samples, "test": 10},
        training={"batch": batch, "epochs": 2, "learning_rate": RATE},
        trace={"events": "first 1000 frames"},
    )
    cs.run(run, out=tmp_path / "run.h5")
    plan = build(run, (16,), 4, samples)
    with Trace(tmp_path / "run.h5") as trace:
        assert len(trace.events()) == 2 * samples * len(plan.channels)
        _bits_and_entropy(trace, plan, one_in=2)


def _bits_and_entropy(trace: Trace, plan: Plan, one_in: int = 1) -> None:
    """What is counted, from the packed messages themselves: their lengths, and how often each word was sent in one in
    so many of them."""
    rows = trace.events()
    for c, name in enumerate(plan.channel_names):
        counted, channel = trace.channels(name), plan.channels[c]
        here = np.flatnonzero(rows["channel"] == c)
        assert rows["bits"][here].sum() == counted["bits"].sum()
        if not channel["quantizer"]:
            assert np.isnan(counted["entropy"]).all()
            continue
        per_epoch = plan.frames_per_epoch
        for epoch, expected in enumerate(counted["entropy"]):
            words: Counter[float] = Counter()
            of_run = rows["frame"][here].astype(int) * plan.batch + rows["sample"][here]
            for i in here[(rows["frame"][here] // per_epoch == epoch) & (of_run % one_in == 0)]:
                packed = codes.Packed(
                    trace.payload(i), int(rows["bits"][i]), rows["encoding"][i], int(rows["events"][i])
                )
                sent, scale = codes.unpack(packed, channel)
                level = sent / scale  # with 0 for silence
                if channel["quantizer"] == Quantizer.UNIFORM:  # a / K is rounded, by another a in another message
                    level = np.round(level * channel["levels"])
                words.update(level.tolist())
            shares = np.array(list(words.values())) / words.total()
            np.testing.assert_allclose(expected, -(shares * np.log2(shares)).sum(), rtol=1e-12, atol=1e-12)
