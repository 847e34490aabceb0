"""Transfer functions of the user's own: compiled for the engine, and as they stand in the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

import channelsim as cs
from channelsim import engine, own_transfers, reference, side_by_side
from channelsim.engine.compile import own
from channelsim.engine.layers import own_transfers as in_engine
from channelsim.errors import InputError, RunError
from tests.laws import cases
from tests.networks import chain, conv, dataset, dense_layers, plan_of_chain
from tests.own.files import FUNCTIONS, MODEL, use, written
from tests.own.small import NONE, called, part_of, samples

LEAKY, GELU, SOFTPLUS = use("leaky_relu", slope=0.1), f"{FUNCTIONS}:gelu", f"{FUNCTIONS}:softplus"


@pytest.mark.parametrize("table", [LEAKY, use("gelu"), use("softplus")], ids=["leaky", "gelu", "softplus"])
def test_compiled_and_as_it_stands_have_the_same_bits(table: dict[str, Any]) -> None:
    part = part_of(table)
    values = np.random.default_rng(0).normal(size=99).astype(np.float32)
    for function, address in zip(own_transfers.functions(part), in_engine.addresses_of(part), strict=True):
        found = values.copy()
        assert called(address, found, len(found), 0, 0, NONE, NONE) == own.WELL
        assert np.array_equal(found, own_transfers.mapped(part, function, values))


def test_functions_and_derivatives_are_those_of_the_literature() -> None:
    torch = pytest.importorskip("torch")
    s = torch.linspace(-3, 3, 41, dtype=torch.float64, requires_grad=True)
    for table, f in (
        (LEAKY, lambda s: torch.nn.functional.leaky_relu(s, 0.1)),
        (use("gelu"), torch.nn.functional.gelu),
        (use("softplus"), torch.nn.functional.softplus),
    ):
        part = part_of(table)
        o = f(s)
        [slope] = torch.autograd.grad(o.sum(), s)
        function, derivative = own_transfers.functions(part)
        values = s.detach().numpy().astype(np.float32)
        found = own_transfers.mapped(part, function, values)
        np.testing.assert_allclose(found, o.detach().numpy(), atol=1e-6)
        known = values if own_transfers.is_of_s(part) else found
        np.testing.assert_allclose(own_transfers.mapped(part, derivative, known), slope.numpy(), atol=1e-6)


NETWORKS: dict[str, Any] = {
    "online": ({"training": {"batch": 1}}, {}),
    "batch": ({"training": {"batch": 4, "momentum": 0.5}}, {}),
    "pipelined": (
        {
            "training": {"batch": 2},
            "schedule": {"mode": "pipelined", "interval": "1 us", "stash": 2, "on_miss": "current"},
            "compute": {"forward": "300 ns", "learning": "700 ns"},
        },
        {},
    ),
    "quantized": (
        {"training": {"batch": 3}, "synapses": {"weight": {"kind": "sign"}}},
        {"learning": {"quantize": {"kind": "uniform", "bits": 5}}, "forward": {"noise": {"sigma": 0.1}}},
    ),
    "to each synapse": ({"training": {"batch": 2}, "learning": {"rule": "srbp", "feedback": {"per": "synapse"}}}, {}),
    "maps": ({"training": {"batch": 3}, "learning": {"rule": "bp"}}, {}),
}


def network(name: str) -> tuple[Any, Any]:
    tables, channels = NETWORKS[name]
    shape, layers = (9,), dense_layers([9, 7, 6, 5, 3], [LEAKY, GELU, SOFTPLUS, "softmax"])
    if name == "maps":
        shape = (1, 6, 6)
        layers = [
            {**conv(2, 3), "transfer": GELU},
            {**conv(3, 2), "transfer": LEAKY},
            {"kind": "maxpool", "size": 2},
            *dense_layers([0, 4, 3], [GELU, LEAKY]),
        ]
    tables = {"learning": {"rule": "rbp"}, "channels": channels, **tables}
    return plan_of_chain(shape, layers, 3, 20, **tables), samples(shape)


@pytest.mark.parametrize("name", NETWORKS)
def test_engine_and_reference_agree(name: str) -> None:
    plan, data = network(name)
    result = side_by_side.compare(plan, data, 12)
    assert result.passed, result
    assert max(result.max_weight_difference) < 1e-5
    there = reference.evaluate(reference.start(plan, data), data.test_x, data.test_y)
    assert engine.evaluate(engine.start(plan, data), data.test_x, data.test_y) == pytest.approx(there, rel=1e-5)


def test_another_derivative_is_found_out() -> None:
    plan, data = network("batch")
    layers = dense_layers([9, 7, 6, 5, 3], [{**LEAKY, "slope": 0.11}, GELU, SOFTPLUS, "softmax"])
    wrong = plan_of_chain((9,), layers, 3, 20, learning={"rule": "rbp"}, **NETWORKS["batch"][0])
    assert not side_by_side.compare(plan, data, 5, reference_plan=wrong).passed


@pytest.mark.parametrize("name", ["online", "pipelined"])
def test_chunks_and_checkpoints_make_no_difference(name: str) -> None:
    plan, data = network(name)
    assert cases.resumed(plan, data, 3).same(cases.run(plan, data))


def test_a_silent_neuron_is_one_whose_o_is_0() -> None:
    data = dataset(np.zeros((20, 9)), np.arange(20) % 3, 3)  # S = 0 throughout layer 1
    sent = []
    for f in (GELU, SOFTPLUS):
        for batch in (1, 4):
            layers = dense_layers([9, 7, 3], [f, "softmax"])
            plan = plan_of_chain((9,), layers, 3, 20, training={"batch": batch}, learning={"rule": "top"})
            state = engine.start(plan, data)
            engine.advance(plan, state, plan.frames)
            sent.append(int(state.counters["sent"][1]))
    assert sent == [0, 0, 7 * 20 * plan.epochs, 7 * 20 * plan.epochs]


def test_s_is_kept_where_it_is_needed_and_foretold() -> None:
    def of(f: Any) -> tuple[int, int]:
        scenario = chain((9,), dense_layers([9, 70, 3], [f, "softmax"]), training={"batch": 5})
        data = dataset(np.zeros((20, 9)), np.arange(20) % 3, 3)
        state = engine.start(plan_of_chain((9,), dense_layers([9, 70, 3], [f, "softmax"]), 3, 20), data)
        return cs.check(scenario, dataset=data).memory["frame"], state.memory.sums.shape[1]

    (plain, none), (kept, some) = of(LEAKY), of(GELU)
    assert kept - plain == 5 * 70 * 4
    assert none == 0 and some > 0


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("f_raises", "f_raises raised an exception"),
        ("slope_raises", "slope_up_to raised an exception"),
        ("slope_is_nan", "<lambda> made a number that is not finite"),
    ],
)
def test_what_goes_wrong_in_a_run_is_told_with_file_and_line(name: str, told: str, batch: int) -> None:
    layers = dense_layers([9, 7, 3], [use(name, above=3.0), "softmax"])
    plan = plan_of_chain((9,), layers, 3, 20, training={"batch": batch}, learning={"rule": "bp"})
    state = engine.start(plan, samples(largest=9.0))
    with pytest.raises(RunError, match=rf"functions\.py:\d+: {told}.*, in layer 1 near frame"):
        engine.advance(plan, state, plan.frames)


def test_an_evaluation_tells_it_too() -> None:
    plan = plan_of_chain((9,), dense_layers([9, 3], [use("f_raises", above=3.0)]), 3, 20)
    state = engine.start(plan, dataset(np.zeros((20, 9)), np.zeros(20), 3))
    with pytest.raises(RunError, match=r"f_raises raised an exception.*in layer 1"):
        engine.evaluate(state, np.full((2, 9), 99, np.float32), np.zeros(2, np.int32))


def test_weights_that_diverge_are_no_fault_of_the_function() -> None:
    plan = plan_of_chain((9,), dense_layers([9, 7, 3], [LEAKY, "linear"]), 3, 20, training={"learning_rate": 1e30})
    with pytest.raises(engine.Diverged):
        engine.advance(plan, engine.start(plan, samples()), plan.frames)


@pytest.mark.parametrize(
    ("derivative", "f", "told"),
    [
        ("math.cos, of='S'", "(s):\n return s", r"mine\.py:3: ValueError: .*derivative"),
        ("lambda o: 1.0, of='x'", "(s):\n return s", r"accepted: 'S', 'O'"),
        ("lambda o: 1.0, of='O'", "(s):\n return [s]", r"mine\.py:3: mine returns a list"),
        ("lambda o: 1.0, of='O'", "(s):\n return w", r"mine\.py:5: mine: NameError"),
        ("lambda o: 1 / o, of='O'", "(s):\n return s", r"mine\.py:3: <lambda> returns inf of 0;"),
        ("lambda o, p, q: 1.0, of='O'", "(s):\n return s", r"takes \(o, p, q\); accepted: \(o\)"),
        ("lambda o: 1.0, of='O'", "(s):\n return s", r"takes no p, and the scenario gives gain"),
        ("", "(v):\n return v", r"is no transfer function; accepted: .*@cx\.transfer"),
    ],
)
def test_what_is_refused_before_a_run(tmp_path: Path, derivative: str, f: str, told: str) -> None:
    decorator = f"@cx.transfer(derivative={derivative})" if derivative else "@cx.stage(place='after quantize')"
    (tmp_path / "mine.py").write_text(f"import math\nimport channelsim.extend as cx\n{decorator}\ndef mine{f}\n")
    table = {"use": f"{tmp_path}/mine.py:mine", **({"gain": 1.0} if "no p" in told else {})}
    with pytest.raises(InputError, match=r"layer 1: transfer: .*" + told):
        plan_of_chain((9,), dense_layers([9, 7, 3], [table, "softmax"]), 3, 20)


def test_what_numba_does_not_compile_is_told_with_file_and_line(tmp_path: Path) -> None:
    decorator = "@cx.transfer(derivative=lambda o: eval('1.0'), of='O')"
    text = f"import channelsim.extend as cx\n{decorator}\ndef mine(s):\n return s\n"
    (tmp_path / "mine.py").write_text(text)
    plan = plan_of_chain((9,), dense_layers([9, 3], [f"{tmp_path}/mine.py:mine"]), 3, 20)
    if numba.config.DISABLE_JIT:
        return
    with pytest.raises(InputError, match=r"mine\.py:2: <lambda> does not compile"):
        engine.start(plan, dataset(np.zeros((20, 9)), np.zeros(20), 3))


def test_layers_with_one_are_told_and_not_for_torch(tmp_path: Path) -> None:
    scenario = cs.load(written(tmp_path, "transfer function"))
    assert "mine.py:gelu" in str(cs.check(scenario))
    cs.run(scenario, tmp_path / "own.h5")
    with (
        cs.Trace(tmp_path / "own.h5") as trace,
        pytest.raises(InputError, match=r"layer 1 has a transfer function of its own.*mine\.py:gelu"),
    ):
        trace.to_torch()


def test_a_model_elsewhere_needs_trust_as_well_as_its_file(tmp_path: Path) -> None:
    path = written(tmp_path / "here", "transfer function")
    for name in ("mine.py", "net.toml"):
        (path.parent / name).rename(tmp_path / name)
    text = path.read_text()
    path.write_text(text.replace('"net.toml"', '"../net.toml"'))
    with pytest.raises(InputError, match=r"own\.toml: model\.layers\[0\]\.transfer\.use .* --trust"):
        cs.load(path)
    assert cs.load(path, trust=True).own_files() == (str(tmp_path / "mine.py"),)
    path.write_text(text.replace('"net.toml"', f'"{tmp_path}/abs.toml"'))
    (tmp_path / "abs.toml").write_text(MODEL.replace("mine.py", f"{tmp_path}/mine.py"))
    with pytest.raises(InputError, match=r"outside of the scenario's folder"):
        cs.load(path)


def test_names_that_are_mistaken() -> None:
    def of(f: Any) -> None:
        model = {"name": "m", "input": [9], "layers": dense_layers([9, 7, 3], [f, "softmax"])}
        cs.Scenario(name="m", model=model, data={"name": "synthetic"})  # type: ignore[arg-type]

    with pytest.raises(
        InputError, match=r"transfer = 'tahn' \(did you mean tanh\?\); accepted: \"tanh\".*FILE\.py:FUNC"
    ):
        of("tahn")
    with pytest.raises(InputError, match=r"transfer\.use = 'mine': names no function of a file"):
        of({"use": "mine"})
    with pytest.raises(InputError, match=r"transfer\.slope = 'steep': a parameter of"):
        of({**LEAKY, "slope": "steep"})
