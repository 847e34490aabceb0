"""/records and the windows of /events: what was asked for, where and when, whole through stops, and foretold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

import channelsim as cs
from channelsim.trace import _bulk
from tests.networks import scenario
from tests.run.runs import assert_same
from tests.simulation.test_simulation import wanted

RECORD: list[dict[str, Any]] = [
    {"what": "activity", "layers": [1], "every": "3 frames", "samples": 2},
    {"what": "error", "every": "4 frames", "from": "frame 2"},
    {"what": "sent", "channels": ["learning.1"], "every": "1 epoch", "from": "epoch 2"},
    {"what": "delivered", "every": "2 frames", "from": "frame 6", "frames": 5},
    {"what": "weights", "layers": [1], "every": "5 frames"},
    {"what": "biases", "layers": [1], "every": "1 epoch", "from": "epoch 2"},
]
EVENTS = [{"from": "epoch 2", "frames": 2}, {"from": "frame 1", "frames": 3, "channels": ["learning.1", "forward.2"]}]
TRACE = {"events": EVENTS, "record": RECORD}


def recorded(path: Path) -> dict[str, dict[str, np.ndarray]]:
    with cs.Trace(path) as trace:
        return {name: trace.record(name) for name in trace.records}


@pytest.mark.parametrize("kind", ["online", "batch", "pipelined", "conv"])
def test_what_is_recorded_is_what_one_sees_step_by_step(tmp_path: Path, kind: str) -> None:
    """And the same however the run is stepped, stopped and resumed."""
    run = wanted(kind, trace=TRACE)
    with cs.Simulation(run, out=tmp_path / "steps.h5") as sim:
        before = {0: sim.weights["W_1"]}
        seen: dict[tuple[str, int], np.ndarray] = {}
        while not sim.done:
            sim.step(1)
            before[sim.frame] = sim.weights["W_1"]
            for at in ("activity", "error"):
                try:
                    values = sim.values(at, 1)
                except cs.InputError:
                    continue
                seen[at, values.frame] = values.values
        frames, per_epoch = sim.frames, sim.frames // run.training.epochs
    with pytest.raises(RuntimeError), cs.Simulation(run, out=tmp_path / "parts.h5", watch=False) as sim:
        sim.step(4)
        raise RuntimeError
    assert cs.run(resume=tmp_path / "parts.h5").status == "done"
    assert_same(tmp_path / "steps.h5", tmp_path / "parts.h5")
    found = recorded(tmp_path / "parts.h5")
    batch = run.training.batch
    activity = found["activity/1"]
    assert sorted(set(activity["frame"].tolist())) == list(range(0, frames, 3))
    assert activity["sample"].max() == min(batch, 2) - 1 and activity["values"].dtype == np.float32
    if kind != "pipelined":  # there several frames may pass a layer in one step
        for frame in range(0, frames, 3):
            np.testing.assert_array_equal(activity["values"][activity["frame"] == frame], seen["activity", frame][:2])
        for frame in range(2, frames, 4):
            rows = found["error/1"]["frame"] == frame
            np.testing.assert_array_equal(found["error/1"]["values"][rows], seen["error", frame])
    assert sorted(set(found["delivered/forward.2"]["frame"].tolist())) == [6, 8, 10]
    assert set(found["sent/learning.1"]["frame"].tolist()) == set(range(per_epoch, frames, per_epoch))
    weights = found["weights/W_1"]
    assert weights["frame"].tolist() == list(range(0, frames + 1, 5))
    for frame, values in zip(weights["frame"], weights["values"], strict=True):
        np.testing.assert_array_equal(values, before[int(frame)])
    assert found["biases/b_1"]["frame"].tolist() == list(range(per_epoch, frames + 1, per_epoch))
    foretold = cs.check(run).recorded
    with cs.Trace(tmp_path / "parts.h5") as trace:
        events = trace.events()
        names = np.array(trace.channel_names)[events["channel"]]
    assert set(events["frame"].tolist()) == {1, 2, 3, per_epoch, per_epoch + 1}
    assert set(names[events["frame"] < 4].tolist()) == {"learning.1", "forward.2"}
    assert set(names[events["frame"] >= max(4, per_epoch)].tolist()) == set(names.tolist())
    for name, arrays in found.items():
        size = sum(array.nbytes for array in arrays.values())
        assert size <= foretold[name] <= 1.5 * size + 4 * batch * (28 + 4 * arrays["values"][0].size)
    assert foretold.keys() == {"events", *found}


WIRED: dict[str, dict[str, Any]] = {
    "a matrix": {"rule": "arbp"},
    "of several sources": {"rule": "arbp", "route": "cascade"},
    "of several copies": {"rule": "srbp", "feedback": {"copies": 2}},
    "of low rank": {"rule": "asrbp", "feedback": {"rank": 2}},
    "a list of wires": {"rule": "arbp", "feedback": {"connections": 3}},
    "of synapses": {"rule": "srbp", "feedback": {"per": "synapse"}},
}


@pytest.mark.parametrize("wired", WIRED)
def test_all_of_c_is_recorded(tmp_path: Path, wired: str) -> None:
    """Each channel's C, under the name that the weights have; and the bytes are foretold."""
    trace = {"record": [{"what": "feedback", "layers": [1], "every": "3 frames"}], "weights": "epoch"}
    run = wanted("batch", trace=trace, learning=WIRED[wired])
    with cs.Simulation(run, out=tmp_path / "t.h5") as sim:
        sim.step(3)
        seen = {name: array for name, array in sim.feedback.items() if array.dtype == np.float32}
        sim.step(sim.frames)
    found = recorded(tmp_path / "t.h5")
    assert found.keys() == {f"feedback/{name}" for name in seen if name[2] == "1"}
    for name, arrays in found.items():
        np.testing.assert_array_equal(arrays["values"][arrays["frame"] == 3][0], seen[name.partition("/")[2]])
    foretold = cs.check(run).recorded
    assert foretold.keys() == {"events", *found}
    if wired != "a list of wires":  # of which the expected number is foretold
        assert {name: foretold[name] for name in found} == {
            name: sum(array.nbytes for array in arrays.values()) for name, arrays in found.items()
        }


CARRIED: dict[str, tuple[str, dict[str, Any]]] = {
    "of the sender": ("unit_3", {"learning": {"rule": "srbp"}}),
    "of the receiver": (
        "unit_1",
        {"learning": {"rule": "rbp"}, "channels": {"learning": {"quantize": {"kind": "sign", "at": "receiver"}}}},
    ),
    "of a low rank": ("rank_1", {"learning": {"rule": "srbp", "feedback": {"rank": 2}}}),
}


@pytest.mark.parametrize("carried", CARRIED)
def test_messages_are_recorded_as_long_as_they_are(tmp_path: Path, carried: str) -> None:
    dimension, tables = CARRIED[carried]
    record = [{"what": what, "channels": ["learning.1"], "every": "3 frames"} for what in ("sent", "delivered")]
    run = wanted("batch", **{"channels": {}, **tables}, trace={"record": record})
    with cs.Simulation(run, out=tmp_path / "t.h5") as sim:
        sim.step(4)
        seen = {"sent": sim.sent("learning.1"), "delivered": sim.delivered("learning.1")}
        sim.step(sim.frames)
    found, foretold = recorded(tmp_path / "t.h5"), cs.check(run).recorded
    for what, values in seen.items():
        rows = found[f"{what}/learning.1"]
        np.testing.assert_array_equal(rows["values"][rows["frame"] == 3], values)
        assert sum(array.nbytes for array in rows.values()) <= foretold[f"{what}/learning.1"]
        with xr.open_dataset(tmp_path / "t.h5", group=f"records/{what}/learning.1", engine="h5netcdf") as data:
            assert data["values"].dims == ("record", dimension)


def test_records_in_segments_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = wanted("batch", trace={**TRACE, "checkpoint": "1 ps"})
    cs.run(run, tmp_path / "whole.h5")
    monkeypatch.setattr(_bulk, "INLINE_BYTES", 0)
    monkeypatch.setattr("channelsim.trace._writer._SHARE", 1e9)
    with cs.Simulation(run, out=tmp_path / "parts.h5") as sim:
        sim.step(9)
    with cs.Trace(tmp_path / "parts.h5") as trace:
        assert trace.record("weights/W_1")["frame"].tolist() == [0, 5]
    with h5py.File(tmp_path / "parts.h5") as file:
        assert file["records/weights/W_1/values"].is_virtual
    with cs.Simulation(resume=tmp_path / "parts.h5") as sim:
        sim.step(7)
    cs.run(resume=tmp_path / "parts.h5")
    assert not (tmp_path / "parts.h5.segments").exists()
    assert_same(tmp_path / "whole.h5", tmp_path / "parts.h5")


def test_records_have_dimensions_units_and_words(tmp_path: Path) -> None:
    cs.run(wanted("batch", trace=TRACE), tmp_path / "t.h5")
    names = list(recorded(tmp_path / "t.h5"))
    with h5py.File(tmp_path / "t.h5") as file:
        for name in names:
            for dataset in file[f"records/{name}"].values():
                assert dataset.attrs["long_name"] and dataset.attrs["units"]
        assert file["records/sent/learning.1/time"].attrs["units"] == "ps"
    with xr.open_dataset(tmp_path / "t.h5", group="records/activity/1", engine="h5netcdf") as data:
        assert data["values"].dims == ("record", "unit_1") and data["frame"].dims == ("record",)


@pytest.mark.parametrize(
    ("trace", "told"),
    [
        ({"record": [{"what": "error", "layers": [4], "every": "1 frame"}]},
         r"trace.record\[0\].layers: layer 4 has no error; accepted: 1, 2, 3"),
        ({"record": [{"what": "feedback", "layers": [3], "every": "1 frame"}]},
         r"layer 3 has no feedback; accepted: 1, 2$"),
        ({"record": [{"what": "sent", "channels": ["up"], "every": "1 frame"}]},
         r"trace.record\[0\].channels: no channel 'up'; accepted: forward.1, "),
        ({"events": {"from": "epoch 9", "frames": 3}},
         r"trace.events\[0\].from = 'epoch 9' never comes; accepted: up to epoch 3, or frame 23"),
        ({"events": {"from": "frame 0", "frames": 3, "channels": ["up"]}},
         r"trace.events\[0\].channels: no channel 'up'"),
    ],
)  # fmt: skip
def test_what_there_is_not_is_refused(tmp_path: Path, trace: dict[str, Any], told: str) -> None:
    for refuse in (cs.check, lambda run: cs.run(run, tmp_path / "t.h5")):
        with pytest.raises(cs.InputError, match=told):
            refuse(wanted("batch", trace=trace))


def test_check_says_what_is_recorded_by_default() -> None:
    assert list(cs.check(scenario([16, 12, 4])).recorded) == ["events"]
    assert "trace " in repr(cs.check(wanted("batch", trace=TRACE)))
