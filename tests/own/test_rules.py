"""Learning rules of the user's own: compiled steps and steps as they stand, in every run that has steps of W or C."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import channelsim.extend as cx
from channelsim import engine, hashing, own_rules, parts, side_by_side
from channelsim.engine.compile import own
from channelsim.engine.layers import own_steps
from channelsim.errors import InputError, RunError
from channelsim.hashing import Stream
from channelsim.plan import Plan
from channelsim.reference.own_steps import mean_steps
from channelsim.scenario import refuse_undeclared
from tests.laws import cases
from tests.networks import chain, conv, dataset, dense_layers, plan_of_chain
from tests.own.files import use_rule
from tests.own.small import called

UNITS = [9, 7, 6, 3]
BATCHES: dict[str, dict[str, Any]] = {
    "online": {"training": {"batch": 1}},
    "batch": {"training": {"batch": 4, "momentum": 0.5, "weight_decay": 0.01}},
    "pipelined": {
        "training": {"batch": 2},
        "schedule": {"mode": "pipelined", "interval": "1 us", "stash": 1, "on_miss": "current"},
        "channels": {"learning": {"latency": "2 us"}, "forward": {"threshold": {"value": 0.2}}},
    },
}
RULES: dict[str, dict[str, Any]] = {
    "kolen_pollack": {"rule": use_rule("kolen_pollack", decay=0.01)},
    "kolen_pollack, few wires": {"rule": use_rule("kolen_pollack", decay=0.01), "feedback": {"connections": 3}},
    "oja": {"rule": use_rule("oja")},
    "jittered": {"rule": use_rule("jittered", sigma=0.1), "feedback": {"rank": 2}, "weight_decay": 0.02},
    "pulses": {"rule": use_rule("pulses", step=0.05)},
}


def data(shape: tuple[int, ...] = (9,)) -> Any:
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, (20, *shape))
    return dataset(np.where(rng.random(x.shape) < 0.3, 0, x), rng.integers(3, size=20), 3)


def plan(learning: dict[str, Any], **tables: Any) -> Plan:
    return plan_of_chain((9,), dense_layers(UNITS), 3, 20, learning=learning, **tables)


# --- the step ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "step", "parameters"),
    [
        ("kolen_pollack", "step_w", {"decay": 0.01}),
        ("jittered", "step_w", {"sigma": 0.1}),
        ("jittered", "step_c", {"sigma": 0.1}),
        ("pulses", "step_w", {"step": 0.05}),
    ],
)
def test_compiled_and_as_it_stands_have_the_same_bits(name: str, step: Any, parameters: dict[str, float]) -> None:
    made = plan({"rule": use_rule(name, **parameters)})
    rng = np.random.default_rng(1)
    batch, rows, columns, c, frame = 3, 5, 4, 1, 6
    pre, post, error, values = (
        np.where(rng.random(shape) < 0.2, 0, rng.normal(size=shape)).astype(np.float32)
        for shape in ((batch, rows), (batch, columns), (batch, columns), (rows, columns))
    )
    expected = mean_steps(made, step, c, frame, 4, *map(torch.from_numpy, (pre, post, error, values))).numpy()
    out, index = np.zeros((rows, columns), np.float32), np.arange(columns, dtype=np.int32)
    root = np.uint64(hashing.root(made.seed, Stream.OWN.of(c))).view(np.int64)
    numbers = np.array([batch, 4, rows, 0, columns, columns, columns, rows, root, frame])
    assert made.own_rule is not None
    address = own_steps.address_of(made.own_rule.part, step)
    assert called(address, pre, post, error, values, out, index, numbers) == own.WELL
    assert np.array_equal(out, expected) and np.ptp(out) > 0


# --- the run -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("batch", BATCHES)
def test_engine_and_reference_agree(batch: str, rule: str) -> None:
    result = side_by_side.compare(plan(RULES[rule], **BATCHES[batch]), data(), 8)
    assert result.passed, result
    assert max(result.max_weight_difference) < 1e-5


def test_with_quantized_synapses_and_several_channels() -> None:
    learning = {"rule": use_rule("kolen_pollack", decay=0.01), "route": "cascade", "feedback": {"copies": 2}}
    synapses = {"update": {"kind": "uniform", "bits": 6, "scale": "max"}, "weight": {"kind": "uniform", "bits": 8}}
    result = side_by_side.compare(plan(learning, synapses=synapses, training={"batch": 3}), data(), 5)
    assert result.passed, result


def test_over_maps_by_steps_of_dense_layers_only() -> None:
    layers = [conv(2, 3), {"kind": "maxpool", "size": 2}, *dense_layers([0, 5, 3])]
    tables = {
        "learning": {"rule": use_rule("oja")},
        "training": {"batch": 2, "learning_rate": {"default": 0.1, 1: 0.0}},
    }
    assert side_by_side.compare(plan_of_chain((1, 6, 6), layers, 3, 20, **tables), data((1, 6, 6)), 4).passed


def test_another_step_is_found_out() -> None:
    right, wrong = (plan({"rule": use_rule("kolen_pollack", decay=decay)}) for decay in (0.01, 0.0101))
    assert not side_by_side.compare(right, data(), 5, reference_plan=wrong).passed


@pytest.mark.parametrize("batch", BATCHES)
def test_chunks_and_checkpoints_make_no_difference(batch: str) -> None:
    made = plan(RULES["jittered"], **BATCHES[batch])
    assert cases.resumed(made, data(), 4).same(cases.run(made, data()))


@pytest.mark.parametrize("batch", [1, 4])
def test_kolen_pollack_is_the_rule_that_is_built_in(batch: int) -> None:
    training = {"epochs": 5, "batch": batch}
    ours = cases.run(plan(RULES["kolen_pollack"], training=training), data())
    built_in = cases.run(plan({"rule": "kp"}, training={**training, "weight_decay": 0.01}), data())
    for name in ("weights", "biases", "feedback"):
        assert np.abs(getattr(ours, name) - getattr(built_in, name)).max() < 1e-5


@pytest.mark.parametrize(
    ("own_rule", "built_in"),
    [
        ({"rule": use_rule("to_the_target")}, {"rule": "drtp"}),
        ({"rule": use_rule("only_words")}, {"rule": "sign", "derivative": False}),
        ({"rule": use_rule("only_the_top")}, {"rule": "top"}),
    ],
)
def test_what_a_rule_declares_is_a_row_of_the_table(own_rule: dict[str, Any], built_in: dict[str, Any]) -> None:
    ours, theirs = (cases.run(plan(learning, training={"batch": 2}), data()) for learning in (own_rule, built_in))
    assert ours.same(theirs)


def test_every_synapse_and_wire_is_counted_whether_its_units_are_active_or_not() -> None:
    made = plan(RULES["kolen_pollack"], training={"batch": 4})
    state = engine.start(made, data())
    engine.advance(made, state, 1)
    counted = dict(zip(made.channel_names, state.counters, strict=True))
    w, c = [9 * 7, 7 * 6, 6 * 3], [6 * 7, 3 * 6]
    assert counted["forward.3"]["update_macs"] == 4 * w[2] and counted["forward.3"]["writes"] == w[2]
    for h in (1, 2):
        assert counted[f"learning.{h}"]["update_macs"] == 4 * (w[h - 1] + c[h - 1])
        assert counted[f"learning.{h}"]["writes"] == w[h - 1] + c[h - 1]


# --- what goes wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("raises", r"raises\.step_w raised an exception, at layer \d near"),
        ("not_a_number", r"not_a_number\.step_c made a number that is not finite of finite ones, at layer \d near"),
    ],
)
def test_what_goes_wrong_in_a_run_is_told_with_file_and_line(name: str, told: str) -> None:
    made = plan({"rule": use_rule(name, below=0.0)})
    with pytest.raises(RunError, match=rf"rules\.py:\d+: {told}"):
        engine.advance(made, engine.start(made, data()), made.frames)


def test_what_is_refused_before_a_run() -> None:
    def of(learning: dict[str, Any], layers: Any = None, shape: Any = (9,), **tables: Any) -> Any:
        return plan_of_chain(shape, layers or dense_layers(UNITS), 3, 20, learning=learning, **tables)

    with pytest.raises(ValueError, match=r"learning\.rule: .*rules\.py:\d+: kolen_pollack\.step_w: .*decay"):
        of({"rule": use_rule("kolen_pollack")})
    with pytest.raises(ValueError, match="oja has no step that takes p, and the scenario gives k"):
        of({"rule": use_rule("oja", k=1.0)})
    with pytest.raises(ValueError, match=r"no part 'none'.*kolen_pollack"):
        of({"rule": use_rule("none")})
    with pytest.raises(ValueError, match=r"learning\.rule\.decay = 'x': a parameter"):
        of({"rule": {**use_rule("kolen_pollack"), "decay": "x"}})
    maps = [conv(2, 3), *dense_layers([0, 5, 3])]
    with pytest.raises(ValueError, match="layer 1, a conv2d, shares its kernels"):
        of({"rule": use_rule("oja")}, maps, (1, 4, 4))
    with pytest.raises(ValueError, match="a conv2d, is a bank of kernels"):
        of({"rule": use_rule("not_a_number", below=0.0), "route": "layered"}, [conv(2, 3), *maps], (1, 6, 6))
    with pytest.raises(ValueError, match=r'accepted: synapses\.update\.per = "batch"'):
        of({"rule": use_rule("oja")}, synapses={"update": {"kind": "sign", "scale": "rms", "per": "sample"}})
    with pytest.raises(ValueError, match=r'accepted: learning\.feedback\.per = "neuron"'):
        of({"rule": use_rule("oja"), "feedback": {"per": "synapse"}})
    with pytest.raises(ValueError, match=r"rules\.py:only_words has magnitudes with the signs of W"):
        of({"rule": use_rule("only_words"), "feedback": {"C": {"1": [[0.0] * 7] * 6}}})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"route": "sideways"}, "route = 'sideways'; accepted: 'layered', 'skipped', 'cascade'"),
        ({"wiring": "dense"}, "accepted: 'random', 'transpose', 'signs', 'none'"),
        ({"wiring": "signs", "route": "skipped"}, "accepted: route = 'layered'"),
        ({"message": "target"}, "accepted: route = 'skipped', wiring = 'random'"),
        ({"wiring": "transpose", "adaptive": True}, "accepted: 'random'"),
        ({"draws": 17}, "accepted: whole numbers from 0 to 16"),
    ],
)
def test_what_the_decorator_refuses(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        cx.rule(**arguments)(type("mine", (), {}))


def test_a_step_of_another_name_or_with_other_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mine has step_v; accepted: step_w, step_c"):
        cx.rule()(type("mine", (), {"step_v": lambda pre: pre}))
    file = tmp_path / "mine.py"
    head = "import channelsim.extend as cx\n@cx.rule()\nclass mine:\n    def step_w"
    for text, told in (
        (
            "(pre):\n        return pre\n",
            r"mine\.py:4: mine\.step_w takes \(pre\); accepted: \(pre, post, error, w\) or",
        ),
        (
            "(pre, post, error, w):\n        return [w]\n",
            r"mine\.py:4: mine\.step_w returns a list; accepted: a number",
        ),
        ("(pre, post, error, w):\n        return v\n", r"mine\.py:5: mine\.step_w: NameError"),
    ):
        file.write_text(head + text)
        with pytest.raises(InputError, match=told):
            own_rules.try_out(parts.part(f"{file}:mine", {}))


def test_a_scenario_of_a_trace_runs_no_file() -> None:
    resolved = chain((9,), dense_layers(UNITS), learning=RULES["oja"]).resolved
    refuse_undeclared(resolved)
    del resolved["learning"]["rule"]["declared"]
    with pytest.raises(InputError, match=r"learning\.rule has no declared"):
        refuse_undeclared(resolved)
