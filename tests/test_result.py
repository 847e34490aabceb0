from __future__ import annotations

import copy
import dataclasses
import json
import math
import pickle
from typing import Any

import pytest

from channelsim.result import Result


def make(**changes: Any) -> Result:
    total = {"messages": 10, "events": 80, "bits": 2560, "dropped": 3, "late": 0, "entropy": 2.5}
    values: dict[str, Any] = {
        "name": "digits <srbp>",
        "status": "done",
        "test_accuracy": 0.9321,
        "test_loss": 0.3,
        "train_accuracy": 0.95,
        "train_loss": 0.2,
        "updates": 20,
        "frames": 20,
        "simulated_time_ps": 1_500_000_000,
        "training_time_s": 0.25,
        "wall_time_s": 1.0,
        "energy_j": 2e-6,
        "channels": {"forward.1": total, "learning.2": {**total, "bits": 400}, "learning.1": {**total, "bits": 600}},
        "trace": "runs/digits.h5",
        "history": (0.5, 0.9, 0.9321),
        "energy_history": (1e-6, 1.5e-6, 2e-6),
    }
    return Result(**{**values, **changes})


def test_json_has_the_documented_keys() -> None:
    told = make().to_json()
    assert json.loads(json.dumps(told)) == told
    assert told.keys() >= {
        "test_accuracy", "train_accuracy", "train_loss", "updates", "frames", "simulated_time_ps", "simulated_time_s",
        "training_time_s", "wall_time_s", "energy_j", "channels", "trace",
    }  # fmt: skip
    assert (told["history"], told["energy_history"]) == ([0.5, 0.9, 0.9321], [1e-6, 1.5e-6, 2e-6])
    assert (told["bits_per_update"], make(updates=0).to_json()["bits_per_update"]) == (50.0, None)
    assert told["channels"]["learning.2"] == {
        "messages": 10, "events": 80, "bits": 400, "dropped": 3, "late": 0, "entropy": 2.5,
    }  # fmt: skip


def test_long_simulated_times_are_exact() -> None:
    told = json.loads(json.dumps(make(simulated_time_ps=2**60 + 1).to_json()))
    assert told["simulated_time_ps"] == 2**60 + 1
    assert told["simulated_time_s"] == (2**60 + 1) / 10**12


def test_energy_and_time_per_update() -> None:
    split = {"bits": 0.5e-6, "multiply-accumulates": 1.5e-6, "synapses read": 0.0}
    result = make(energy_split=split)
    assert (result.joules_per_update, result.time_per_update_s) == (pytest.approx(1e-7), pytest.approx(7.5e-5))
    assert result.shares_of_energy() == "multiply-accumulates 75 %, bits 25 %, synapses read 0 %"
    assert "of which        multiply-accumulates 75 %" in repr(result) and "1e-07 J per update" in repr(result)
    told = json.loads(json.dumps(result.to_json()))
    assert told["energy_split"] == split and told["joules_per_update"] == pytest.approx(1e-7)
    assert make(updates=0).to_json()["time_per_update_s"] is None and make().shares_of_energy() == ""


def test_columns_of_the_table_of_a_sweep() -> None:
    busy = {"a": {"utilisation": 0.5, "queue_max": 3}, "b": {"utilisation": 0.75, "queue_max": 0}}
    result = make(channels=busy)
    assert (result.utilisation, result.queue_max) == (0.75, 3)
    assert (result.joules_to_90, result.joules_to_95) == (1.5e-6, None)
    timed = make(time_history=(1.0, 2.0, 3.0))
    assert (timed.seconds_to_90, timed.seconds_to_95) == (2.0, None)
    assert (result.busiest, make(channels={"a": {"utilisation": 0.0}}).busiest, make(channels={}).busiest) == (
        "b",
        "",
        "",
    )
    lossy = {"events": 6, "overflow": 2, "dropped": 3, "corrupted": 0, "late": 1}
    lost = make(channels={"a": lossy, "b": {**lossy, "late": 2, "events": 0, "overflow": 0}})
    assert (lost.lost_to_queues, lost.lost_to_drops, lost.lost_to_bit_errors, lost.lost_to_deadlines) == (
        0.25, 0.75, 0.0, 0.375,
    )  # fmt: skip
    assert make(channels={}).lost_to_drops == 0.0


def test_totals() -> None:
    result = make()
    assert result.bits == 3560
    assert result.learning_bits == 1000
    assert result.bits_per_update == 50.0
    assert math.isnan(make(updates=0).bits_per_update)
    assert result.joules_to(0.9) == 1.5e-6
    assert result.joules_to(0.99) is None


def test_is_not_changed() -> None:
    result = make()
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.train_loss = 0.0  # type: ignore[misc]
    with pytest.raises(TypeError):
        result.channels["forward.1"] = {}  # type: ignore[index]


def test_words() -> None:
    result = make()
    for word in ("digits <srbp>", "done", "93.21 %", "1,000 (50 per update)", "runs/digits.h5"):
        assert word in repr(result)
    page = result._repr_html_()
    assert "digits &lt;srbp&gt;" in page
    assert page.count("<tr>") == page.count("</tr>")
    assert "learning.2" in page


def test_training_means_are_called_what_they_are() -> None:
    for text in (repr(make()), make()._repr_html_()):
        assert "95.00 % (mean during the last epoch)" in text and "0.2 (mean during the last epoch)" in text


def test_results_are_pickled_and_copied() -> None:
    """As process pools, joblib and deepcopy do."""
    absent = [field.name for field in dataclasses.fields(Result) if isinstance(field.default, float)]
    result = make(**dict.fromkeys(absent, 0.5))  # NaN is not equal to itself
    for again in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result), copy.copy(result)):
        assert again == result
        assert again.channels["learning.2"]["bits"] == 400
        with pytest.raises(TypeError):
            again.channels["learning.2"]["bits"] = 1
    assert dataclasses.asdict(result)["channels"] == result.channels


def test_json_has_null_for_what_is_not_finite() -> None:
    total = {"bits": 3, "utilisation": math.inf}
    told = make(train_loss=math.inf, test_loss=-math.inf, channels={"forward.1": total}).to_json()
    assert told["train_loss"] is told["test_loss"] is told["channels"]["forward.1"]["utilisation"] is None
    json.dumps(told, allow_nan=False)
