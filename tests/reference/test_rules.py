"""One update of each rule, worked out here in float64 straight from the table of rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from channelsim import reference
from channelsim.plan import Wiring
from channelsim.reference import State, rules
from tests.reference.small import run, same, start

UNITS = [6, 5, 4, 3]
RATE = 0.3
TRAINING = {"batch": 4, "epochs": 1, "learning_rate": RATE}
RULES = ["bp", "rbp", "srbp", "arbp", "asrbp", "top", "sign", "drtp"]


def begin(rule: str, **tables: Any) -> State:
    training = {**TRAINING, **tables.pop("training", {})}
    return start(UNITS, training=training, learning={"rule": rule, **tables.pop("learning", {})}, **tables)


def parts(ref: State) -> tuple[list[Any], list[Any]]:
    """W^1..W^L and b^1..b^L in float64 (index 0 is unused)."""
    pairs = [[part.numpy().astype(np.float64) for part in ref.synapses(h)] for h in range(1, len(UNITS))]
    return [None, *[w for w, _ in pairs]], [None, *[b for _, b in pairs]]


def by_hand(ref: State, rule: str, derivative: bool = True) -> tuple[list[Any], list[Any], dict[int, Any]]:
    """W, b and the C into each hidden layer after the first update, by the table in DESIGN part 1."""
    w, b = parts(ref)
    c = {}  # by target layer: (sending units, receiving units)
    for i, channel in enumerate(ref.channels):
        if channel.wiring in (Wiring.DENSE, Wiring.SPARSE):
            c[channel.target] = rules.matrix(ref, i).numpy().astype(np.float64)
        elif channel.wiring == Wiring.SIGN:
            c[channel.target] = ref.wires(i).numpy().reshape(w[channel.source].shape).T.astype(np.float64)
    x = [ref.images[ref.samples(0)].numpy().astype(np.float64)]
    for h in (1, 2):
        x.append(np.tanh(x[h - 1] @ w[h] + b[h]))
    s = x[2] @ w[3] + b[3]
    o = np.exp(s) / np.exp(s).sum(1, keepdims=True)
    t = ref.targets(0).numpy()
    r: dict[int, Any] = {3: t - o}
    new_c = dict(c)
    for h in (2, 1):
        if rule == "top":
            break
        m = t if rule == "drtp" else r[3] if rule in ("srbp", "asrbp") else r[h + 1]
        wires = {"bp": lambda h: w[h + 1].T, "sign": lambda h: np.sign(w[h + 1].T) * c[h]}
        error = m @ wires.get(rule, lambda h: c[h])(h)
        r[h] = error * (1 - x[h] ** 2) if derivative else error
        if rule in ("arbp", "asrbp"):
            new_c[h] = c[h] + RATE / len(t) * m.T @ x[h]
    for h, signal in r.items():
        w[h] = w[h] + RATE / len(t) * x[h - 1].T @ signal
        b[h] = b[h] + RATE / len(t) * signal.sum(0)
    return w, b, new_c


@pytest.mark.parametrize("derivative", [True, False])
@pytest.mark.parametrize("rule", RULES)
def test_one_update(rule: str, derivative: bool) -> None:
    ref = begin(rule, learning={"derivative": derivative})
    w, b, c = by_hand(ref, rule, derivative)
    reference.step(ref)
    new_w, new_b = parts(ref)
    for h in (1, 2, 3):
        assert np.allclose(new_w[h], w[h], atol=1e-6, rtol=0)
        assert np.allclose(new_b[h], b[h], atol=1e-6, rtol=0)
    for i, channel in enumerate(ref.channels):
        if channel.wiring == Wiring.DENSE:
            assert np.allclose(rules.matrix(ref, i).numpy(), c[channel.target], atol=1e-6, rtol=0)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_moves_what_it_should(rule: str) -> None:
    ref = begin(rule)
    before, _ = parts(ref)
    feedback = ref.feedback.clone()
    reference.step(ref)
    after, _ = parts(ref)
    moved = [h for h in (1, 2, 3) if not np.array_equal(before[h], after[h])]
    assert moved == ([3] if rule == "top" else [1, 2, 3])
    assert torch.equal(ref.feedback, feedback) == (rule not in ("arbp", "asrbp"))


@pytest.mark.parametrize("rule", ["rbp", "srbp", "arbp", "asrbp", "drtp"])
def test_sparse_wires(rule: str) -> None:
    ref = begin(rule, learning={"feedback": {"connections": 2}})
    missing = {i: rules.matrix(ref, i) == 0 for i, c in enumerate(ref.channels) if c.wiring == Wiring.SPARSE}
    assert missing and all(0 < int(gap.sum()) < gap.numel() for gap in missing.values())
    w, _, c = by_hand(ref, rule)
    reference.step(ref)
    new_w, _ = parts(ref)
    for h in (1, 2, 3):
        assert np.allclose(new_w[h], w[h], atol=1e-6, rtol=0)
    for i, gap in missing.items():
        matrix = rules.matrix(ref, i)
        assert not matrix[gap].any(), "a wire that does not exist has learned"
        expected = np.where(gap, 0, c[ref.channels[i].target])
        assert np.allclose(matrix.numpy(), expected, atol=1e-6, rtol=0)


def test_sparse_sign_is_a_masked_sign() -> None:
    ref = begin("sign", learning={"feedback": {"connections": 2}})
    c = next(i for i, channel in enumerate(ref.channels) if channel.wiring == Wiring.SPARSE_SIGN)
    channel = ref.channels[c]
    m = torch.randn(4, channel.n)
    w, _ = ref.synapses(channel.source)
    expected = m @ (rules.matrix(ref, c) * torch.sign(w).T)
    assert torch.equal(rules.project(ref, c, 0, m, torch.zeros(4, 1)), expected)


@pytest.mark.parametrize("rule", ["bp", "rbp", "arbp", "sign"])
def test_routes_by_hand(rule: str) -> None:
    """Layer 1 hears layer 3 or layer 2; its error has the shape of what it hears."""
    ref = start(
        [6, 5, 4, 3, 3],
        training=TRAINING,
        learning={"rule": rule, "route": ["layered", "layered", "layered"]},
    )
    plain = start([6, 5, 4, 3, 3], training=TRAINING, learning={"rule": rule})
    reference.step(ref)
    reference.step(plain)
    assert same(ref, plain)


def test_skipping_a_layer() -> None:
    ref = start(
        [6, 5, 4, 3, 3],
        training=TRAINING,
        learning={"rule": "rbp", "route": ["from 3", "skipped", "layered"]},
    )
    sources = {c.target: c.source for c in ref.channels if c.direction == 1}
    assert sources == {1: 3, 2: 4, 3: 4}
    reference.advance(ref, ref.plan.frames)
    assert torch.isfinite(ref.weights).all()


def test_momentum_of_adaptive_wires() -> None:
    """V = mu V + m (x) O; C += eta V: from equal weights, momentum adds eta mu V to a step."""
    plain, heavy = begin("asrbp"), begin("asrbp", training={"momentum": 0.5})
    reference.step(plain)
    reference.step(heavy)
    for name in ("weights", "biases", "feedback"):
        getattr(plain, name).copy_(getattr(heavy, name))
    v = heavy.feedback_velocity.clone()
    reference.step(plain)
    reference.step(heavy)
    assert float(v.abs().max()) > 0
    assert torch.allclose(heavy.feedback - plain.feedback, RATE * 0.5 * v, atol=1e-6)


@pytest.mark.parametrize("rule", RULES)
def test_the_last_frame_of_an_epoch_may_be_short(rule: str) -> None:
    ref = start(UNITS, samples=10, training={**TRAINING, "epochs": 2}, learning={"rule": rule})
    assert [len(ref.samples(k)) for k in range(ref.plan.frames)] == [4, 4, 2, 4, 4, 2]
    reference.advance(ref, ref.plan.frames)
    assert ref.frame == ref.plan.frames
    assert torch.isfinite(ref.weights).all()


def test_same_seed_same_weights_and_another_seed_others() -> None:
    tables = {"training": TRAINING, "learning": {"rule": "srbp"}}
    assert same(run(UNITS, **tables), run(UNITS, **tables))
    assert not same(run(UNITS, **tables), run(UNITS, seed=1, **tables))
