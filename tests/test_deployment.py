"""Test accuracy as deployed: against plain NumPy, equal to that as trained over ideal channels, and leaving no mark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim import deployment, engine
from channelsim.progress import Silent
from tests.networks import EVERY_STAGE, conv, dataset, dense_layers, plan_of, plan_of_chain, scenario
from tests.own.files import use

UNITS, SAMPLES = [7, 6, 5, 4], 50  # an odd number of frames, the last one shorter
ROOT = Path(__file__).resolve().parents[1]


def samples(shape: tuple[int, ...] = (7,)) -> Any:
    rng = np.random.default_rng(11)
    x = rng.uniform(-1, 1, (SAMPLES, *shape))
    x[rng.random(x.shape) < 0.2] = 0
    return dataset(x, rng.integers(4, size=SAMPLES), 4)


def learned(batch: int = 4, **tables: Any) -> engine.State:
    """A network that has learned for a while, over these channels."""
    plan = plan_of(UNITS, SAMPLES, learning={"rule": "rbp"}, training={"batch": batch, "learning_rate": 0.5}, **tables)
    state = engine.start(plan, samples())
    engine.advance(plan, state, 6)
    return state


def layers_of(state: engine.State) -> list[tuple[np.ndarray, np.ndarray]]:
    """(W, b) of each layer."""
    engine.settle(state)
    weights, biases = state.weights, state.biases
    return [
        (
            weights[row["w_offset"] :][: row["w_size"]].reshape(row["fan_in"], row["n"]).astype(np.float64),
            biases[row["b_offset"] :][: row["b_size"]].astype(np.float64),
        )
        for row in state.plan.layers[1:]
    ]


def outcome(state: engine.State, deliver: Any) -> tuple[float, float]:
    """(loss, accuracy), where `deliver(h, activities of all samples)` is what arrives at layer h of them."""
    data = samples()
    x = data.test_x.astype(np.float64)
    for h, (w, b) in enumerate(layers_of(state), start=1):
        s = deliver(h, x) @ w + b
        x = np.tanh(s)
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return float(-np.log(p[np.arange(SAMPLES), data.test_y]).mean()), float((p.argmax(axis=1) == data.test_y).mean())


def assert_is(found: tuple[float, float], right: tuple[float, float]) -> None:
    assert found[0] == pytest.approx(right[0], rel=1e-5)
    assert found[1] == right[1]


# --- what it is -----------------------------------------------------------------------------------------------

NO_LOSSES: dict[str, dict[str, Any]] = {
    "ideal": {},
    "a slow link": {"bandwidth": "1 Mbit/s", "latency": "3 us", "jitter": {"distribution": "uniform", "value": "1 us"}},
    "a queue that holds a frame": {"bandwidth": "1 Mbit/s", "queue": 9},
    "a deadline that all meet": {"latency": "3 us", "deadline": "3 us"},
    "a threshold and a quantizer": {"threshold": {"value": 0.1}, "quantize": {"kind": "uniform", "bits": 5}},
}


@pytest.mark.parametrize("channel", NO_LOSSES.values(), ids=NO_LOSSES)
@pytest.mark.parametrize("batch", [1, 10])
def test_it_is_as_trained_where_nothing_is_lost_or_carried_on(batch: int, channel: dict[str, Any]) -> None:
    state, data = learned(batch, channels={"forward": channel}), samples()
    assert_is(deployment.evaluate(state, data), engine.evaluate(state, data.test_x, data.test_y))


def test_it_is_as_trained_in_networks_with_maps() -> None:
    layers = [conv(3, 3, padding=1), {"kind": "maxpool", "size": 2}, *dense_layers([1, 6, 4])]
    plan = plan_of_chain((2, 6, 6), layers, 4, SAMPLES, learning={"rule": "rbp"}, training={"batch": 4})
    data = samples((2, 6, 6))
    state = engine.start(plan, data)
    engine.advance(plan, state, 6)
    assert_is(deployment.evaluate(state, data), engine.evaluate(state, data.test_x, data.test_y))


def test_messages_that_find_the_queue_full_are_lost() -> None:
    """Of a frame's 10 messages one is sent and 3 wait; layers go on with zeros in place of the other 6."""
    state = learned(10, channels={"forward": {"bandwidth": "1 Mbit/s", "queue": 3}})
    arrives = np.arange(SAMPLES) % 10 < 4
    assert_is(deployment.evaluate(state, samples()), outcome(state, lambda h, x: x * arrives[:, None]))


def test_the_last_frame_may_be_shorter() -> None:
    state = learned(8, channels={"forward.2": {"bandwidth": "1 Mbit/s", "queue": 0}})
    arrives = np.arange(SAMPLES) % 8 == 0
    expected = outcome(state, lambda h, x: x * arrives[:, None] if h == 2 else x)
    assert_is(deployment.evaluate(state, samples()), expected)


def test_residuals_begin_at_zero_and_are_carried_from_sample_to_sample() -> None:
    state = learned(4, channels={"forward.1": {"threshold": {"value": 0.6}, "residual": "threshold"}})
    theta = np.float64(np.float32(0.6))

    def deliver(h: int, x: np.ndarray) -> np.ndarray:
        if h > 1:
            return x
        sent, rest = np.zeros_like(x), np.zeros(x.shape[1])
        for i in range(len(x)):
            value = np.where(x[i] != 0, x[i] + rest, 0)
            passes = np.abs(value) > theta
            sent[i] = np.where(passes, value, 0)
            rest = np.where(x[i] == 0, rest, np.where(passes, 0, value))
        return sent

    right = outcome(state, deliver)
    for _ in range(2):  # whatever has been carried on in training, or the time before
        assert_is(deployment.evaluate(state, samples()), right)


@pytest.mark.parametrize("batch", [1, 4])
def test_stages_of_the_users_own_on_forward_channels_are_there(batch: int) -> None:
    """Those of learning channels are not, and what they draw and keep is not missed."""
    own: dict[str, Any] = {
        "forward": {"stage": [use("squash")], "latency": "3 us", "deadline": "3 us"},
        "learning": {"stage": [use("jittered", sigma=0.1), use("drift", keep=0.9, sigma=0.05)]},
    }
    state = learned(batch, channels=own)
    assert_is(deployment.evaluate(state, samples()), outcome(state, lambda h, x: np.tanh(x)))


def test_states_of_stages_begin_at_zero_and_are_carried_from_sample_to_sample() -> None:
    state = learned(4, channels={"forward.2": {"stage": use("lag", mix=0.5)}})

    def deliver(h: int, x: np.ndarray) -> np.ndarray:
        return x if h != 2 else 0.5 * x + 0.5 * np.vstack([np.zeros_like(x[:1]), x[:-1]])

    for _ in range(2):
        assert_is(deployment.evaluate(state, samples()), outcome(state, deliver))


@pytest.mark.parametrize("compute", [{}, {"learning": "50 us"}], ids=["", "learning takes time"])
def test_a_link_still_sends_what_was_late_when_the_next_frame_enters(compute: dict[str, str]) -> None:
    """7 words of 32 bits at 1 Mbit/s take 224 us. After 150 us the layer goes on and the next frame enters. So each
    message finds more and more of those before it on the link, until all of it is late. Nothing learns: the time that
    learning takes is not spent, that of the top layer neither."""
    state = learned(1, channels={"forward.1": {"bandwidth": "1 Mbit/s", "deadline": "150 us"}}, compute=compute)
    free, now, arrives = 0, 0, np.zeros((SAMPLES, UNITS[0]), bool)
    for i in range(SAMPLES):
        start = max(now, free)
        arrives[i] = start + 32 * np.arange(1, UNITS[0] + 1) <= now + 150
        free, now = start + 32 * UNITS[0], now + 150
    assert arrives[0].sum() == 4 and arrives[1].sum() == 2 and not arrives[3:].any()
    expected = outcome(state, lambda h, x: x * arrives if h == 1 else x)
    assert_is(deployment.evaluate(state, samples()), expected)


def test_no_errors_are_sent_and_frames_do_not_overlap() -> None:
    """A pipeline whose errors crowd the link that it shares with the activities loses most of them; in use there are
    no errors, and one frame goes through after another."""
    tables = {
        "channels": {"forward": {"link": "bus"}, "learning": {"link": "bus"}},
        "links": {"bus": {"bandwidth": "1 Mbit/s", "queue": 3}},
        "schedule": {"mode": "pipelined", "interval": "10 us", "stash": 3},
    }
    state, data = learned(4, **tables), samples()
    assert state.counters["lost_messages"].sum() > 20
    assert_is(deployment.evaluate(state, data), engine.evaluate(state, data.test_x, data.test_y))


def test_without_test_samples_there_is_nothing_to_say() -> None:
    data = samples()
    none = replace(data, test_x=data.test_x[:0], test_y=data.test_y[:0])
    assert np.isnan(deployment.evaluate(learned(), none)).all()


def test_activities_that_are_not_finite_have_no_accuracy() -> None:
    state, data = learned(), samples()
    state.memory.weights[:] = np.float32(3e38)
    assert np.isnan(deployment.evaluate(state, data)).all()


@pytest.mark.parametrize(
    ("tables", "differs"),
    [
        ({}, False),
        ({"channels": {"forward": {"queue": 0}}}, False),  # without a bandwidth no message waits
        ({"channels": {"forward": {"bandwidth": "1 Mbit/s", "queue": 3}}}, True),
        ({"channels": {"forward.3": {"deadline": "1 us"}}}, True),
        ({"channels": {"forward.2": {"threshold": {"value": 0.1}}}}, False),
        ({"channels": {"forward.2": {"threshold": {"value": 0.1}, "residual": "threshold"}}}, True),
        ({"channels": {"learning": {"deadline": "1 us", "bandwidth": "1 Mbit/s", "queue": 0}}}, False),
        ({"channels": {"forward": {"link": "bus"}}, "links": {"bus": {"bandwidth": "1 Mbit/s", "queue": 3}}}, True),
        ({"schedule": {"change": [{"frame": 3, "channels": {"forward": {"deadline": "1 us"}}}]}}, True),
        ({"channels": {"forward.2": {"stage": use("lag", mix=0.5)}}}, True),
        ({"channels": {"forward.2": {"stage": use("squash")}}}, False),
        ({"channels": {"learning": {"stage": use("lag", mix=0.5)}}, "learning": {"rule": "rbp"}}, False),
        ({"channels": {"forward": {"noise": {"sigma": 0.1}, "drop": {"probability": 0.5}}}}, False),
    ],
)
def test_where_the_two_can_differ(tables: dict[str, Any], differs: bool) -> None:
    assert deployment.differs(plan_of(UNITS, SAMPLES, **tables)) == differs


# --- what it leaves -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["sequential", "pipelined"])
@pytest.mark.parametrize("batch", [1, 4])
def test_it_leaves_no_mark(batch: int, mode: str) -> None:
    """The checkpoint is the same before and after, and so is everything that is learned later."""
    schedule = {"mode": "pipelined", "interval": "2 us", "stash": 4} if mode == "pipelined" else {}
    tables = {"channels": {"forward": EVERY_STAGE, "learning": EVERY_STAGE}, "schedule": schedule}
    ends = []
    for measured in (False, True):
        state = learned(batch, **tables)
        for frames in (8, 9, 12):
            engine.settle(state)
            before = engine.snapshot(state)
            if measured:
                deployment.evaluate(state, samples())
                after = engine.snapshot(state)
                assert before.keys() == after.keys()
                assert all(before[name].tobytes() == after[name].tobytes() for name in before)
            engine.advance(state.plan, state, frames)
        engine.settle(state)
        ends.append(engine.snapshot(state))
    assert all(ends[0][name].tobytes() == ends[1][name].tobytes() for name in ends[0])


# --- what a run reports ---------------------------------------------------------------------------------------

QUEUE = {"channels.forward": {"bandwidth": "1 Mbit/s", "queue": 3}}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> cs.Result:
    """The digits over links whose queue holds 3 of a frame's 10 messages."""
    wanted = cs.load(ROOT / "scenarios/digits-srbp.toml").with_({"training.epochs": 5, **QUEUE})
    return cs.run(wanted, tmp_path_factory.mktemp("digits") / "t.h5")


def test_a_run_reports_both(digits: cs.Result) -> None:
    """The network has learned the digits from the 4 samples of 10 that arrive; in use it sees no others either."""
    assert digits.train_accuracy < 0.5
    assert digits.test_accuracy > 0.85
    assert 0.3 < digits.test_accuracy_deployed < 0.5
    told = digits.to_json()
    assert told["test_accuracy_deployed"] == digits.test_accuracy_deployed
    assert told["test_loss_deployed"] == digits.test_loss_deployed > digits.test_loss
    both = f"{100 * digits.test_accuracy:.2f} % as trained, {100 * digits.test_accuracy_deployed:.2f} % as deployed"
    assert both in repr(digits) and both in digits._repr_html_()


def test_so_does_its_trace(digits: cs.Result) -> None:
    with cs.Trace(digits.trace) as trace:
        rows = trace.metrics("test_deployed")
        assert rows["epoch"].tolist() == [1, 2, 3, 4, 5]
        assert rows["accuracy"][-1] == digits.test_accuracy_deployed and rows["loss"][-1] == digits.test_loss_deployed
        assert trace.metrics("test")["accuracy"][-1] == digits.test_accuracy
        assert trace.info()["test_deployed"]["accuracy"] == digits.test_accuracy_deployed
        assert f"deployed   accuracy {100 * digits.test_accuracy_deployed:.2f} %" in str(trace)


def small(**tables: Any) -> cs.Scenario:
    training = {"epochs": 4, "batch": 4, "learning_rate": 0.2}
    data = {"name": "synthetic", "train": 60, "test": 30, **tables.pop("data", {})}
    return scenario([16, 8, 4], training=training, data=data, **tables)


def test_a_run_over_ideal_channels_reports_one(tmp_path: Path) -> None:
    result = cs.run(small(), tmp_path / "t.h5")
    assert np.isnan(result.test_accuracy_deployed) and np.isnan(result.test_loss_deployed)
    assert not [key for key in result.to_json() if "deployed" in key]
    assert "deployed" not in repr(result)
    with cs.Trace(result.trace) as trace:
        assert len(trace.metrics("test_deployed")) == 0 and trace.info()["test_deployed"] == {}


def test_it_is_measured_through_the_channels_of_the_moment(tmp_path: Path) -> None:
    change = {"epoch": 3, "channels": {"forward": {"deadline": 0, "latency": "1 us"}}}
    result = cs.run(small(schedule={"change": [change]}), tmp_path / "t.h5")
    with cs.Trace(result.trace) as trace:
        trained, deployed = trace.metrics("test")["loss"], trace.metrics("test_deployed")["loss"]
    np.testing.assert_allclose(trained[:2], deployed[:2], rtol=1e-6)
    assert (np.abs(trained[2:] - deployed[2:]) > 1e-3).all()


def test_a_resumed_run_reports_the_same(tmp_path: Path) -> None:
    class Stopping(Silent):
        def epoch(self, row: Any) -> None:
            raise KeyboardInterrupt

    wanted = small(channels={"forward": EVERY_STAGE, "learning": EVERY_STAGE}, trace={"checkpoint": "1 us"})
    whole = cs.run(wanted, tmp_path / "whole.h5")
    with pytest.raises(KeyboardInterrupt):
        cs.run(wanted, tmp_path / "parts.h5", progress=Stopping())
    parts = cs.run(resume=tmp_path / "parts.h5")
    assert parts.test_accuracy_deployed == whole.test_accuracy_deployed
    assert parts.test_loss_deployed == whole.test_loss_deployed
    tables = []
    for name in ("whole", "parts"):
        with cs.Trace(tmp_path / f"{name}.h5") as trace:
            tables.append(trace.metrics("test_deployed"))
    assert tables[0]["loss"].tolist() == tables[1]["loss"].tolist() and len(tables[0]) == 4
