"""What the engine counts equals closed formulas, and `docs/operations.md` states these formulas."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from math import ceil, log2
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim import engine
from channelsim.plan import Direction, Kind, Plan, Wiring, sizes
from tests.networks import dataset, dense_layers, edge_of, plan_of, plan_of_chain

PAGE = Path(__file__).parents[1] / "docs" / "operations.md"
RULES = ("bp", "sbp", "rbp", "sign", "arbp", "srbp", "asrbp", "drtp", "top")
LEARNING_RULES = tuple(rule for rule in RULES if rule != "top")
ON_MAPS = tuple(rule for rule in RULES if rule != "sbp")  # whose errors pass dense layers only
FLOAT = 32

shapes = st.lists(st.integers(1, 12), min_size=2, max_size=5).flatmap(
    lambda units: st.integers(2, 9).map(lambda classes: [*units, classes])
)
quickly = settings(max_examples=25)


def tables(of: str = "rule") -> dict[str, dict[str, str]]:
    """rule (or layer) -> column -> formula, from all tables of the page that begin with that word."""
    found: dict[str, dict[str, str]] = {}
    columns: list[str] = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or set(line) <= set("|-"):
            continue
        if not cells[0].startswith("`"):
            columns = cells
        elif columns[0] == of:
            row = found.setdefault(cells[0].strip("`"), {})
            row.update(zip(columns[1:], cells[1:], strict=True))
    return found


def value(formula: str, units: list[int]) -> int:
    """A formula of the page for a network of these layers."""
    return worked_out(formula, names_of(units))


def names_of(units: list[int]) -> dict[str, int]:
    sizes = [a * b for a, b in pairwise(units)]
    hidden = sum(units[1:-1])
    names = {"L": len(units) - 1, "S": sum(sizes), "S_1": sizes[0], "S_L": sizes[-1], "H": hidden}
    names["S_P"] = sum(h * size for h, size in enumerate(sizes))
    names |= {"N": hidden + units[-1], "n_0": units[0], "n_1": units[1], "n_L": units[-1]}
    return names


def worked_out(formula: str, names: dict[str, int]) -> int:
    product = re.sub(r"(?<=[\w)]) (?=[\w(])", " * ", formula)  # "2 S" means 2 * S
    return int(eval(product, {"__builtins__": {}}, names))


def images(units: list[int], samples: int, silent: float = 0.0) -> Any:
    rng = np.random.default_rng([*units, samples])
    x = rng.uniform(0.1, 1, (samples, units[0])).astype(np.float32)
    x[rng.random(x.shape) < silent] = 0
    return dataset(x, rng.integers(units[-1], size=samples), units[-1])


def counted(plan: Plan, data: Any) -> dict[str, int]:
    """What all channels counted in a whole run, by the page's words."""
    state = engine.start(plan, data)
    engine.advance(plan, state, plan.frames)
    back = plan.channels["direction"] == Direction.LEARNING
    rows = state.counters
    words = {"messages": "messages", "events": "sent", "bits": "bits", "error": "macs"}
    found = {word: int(rows[field][back].sum()) for word, field in words.items()}
    return found | {
        "forward": int(rows["macs"][~back].sum()),
        "forward messages": int(rows["messages"][~back].sum()),
        "forward events": int(rows["sent"][~back].sum()),
        "forward bits": int(rows["bits"][~back].sum()),
        "update": int(rows["update_macs"].sum()),
        "writes": int(rows["writes"].sum()),
        "wires": sum(plan.feedback[row["c_offset"] :][: row["c_size"]].size for row in plan.channels[back]),
    }


@pytest.mark.parametrize("rule", RULES)
def test_the_page_knows_every_rule(rule: str) -> None:
    assert set(tables()[rule]) == {"forward", "error", "update", "writes", "wires", "messages", "events", "bits"}
    assert set(tables()) == set(RULES)


@pytest.mark.parametrize("rule", RULES)
@quickly
@given(shapes, st.integers(1, 4), st.booleans())
def test_a_sample_costs_what_the_page_says(rule: str, units: list[int], samples: int, derivative: bool) -> None:
    learning = {"rule": rule, "derivative": derivative}
    training = {"batch": 1, "epochs": 1, "learning_rate": 0.01}
    found = counted(plan_of(units, samples, learning=learning, training=training), images(units, samples))
    for word, formula in tables()[rule].items():
        times = 1 if word == "wires" else samples
        assert found[word] == times * value(formula, units), f"{word} = {formula}"
    assert found["forward messages"] == samples * value("L", units)
    assert found["forward events"] == samples * value("n_0 + H", units)
    assert found["forward bits"] == samples * value("32 (n_0 + H)", units)


@pytest.mark.parametrize("rule", RULES)
@quickly
@given(shapes, st.integers(2, 5))
def test_a_mini_batch_writes_each_synapse_once(rule: str, units: list[int], batch: int) -> None:
    training = {"batch": batch, "epochs": 1, "learning_rate": 0.01}
    found = counted(plan_of(units, 2 * batch, learning={"rule": rule}, training=training), images(units, 2 * batch))
    for word, formula in tables()[rule].items():
        times = {"wires": 1, "writes": 2}.get(word, 2 * batch)
        assert found[word] == times * value(formula, units), f"{word} = {formula}"


@quickly
@given(shapes, st.sampled_from(["srbp", "asrbp"]), st.integers(1, 4))
def test_sparse_wires_cost_what_there_are(units: list[int], rule: str, connections: int) -> None:
    """A neuron left without a wire has no error, so its synapses are not written."""
    learning = {"rule": rule, "feedback": {"connections": connections}}
    plan = plan_of(units, 1, learning=learning, training={"batch": 1, "epochs": 1})
    found = counted(plan, images(units, 1))
    wires, synapses = 0, value("S_L", units)
    for row in plan.channels[plan.channels["direction"] == Direction.LEARNING]:
        targets = plan.c_index[row["c_offset"] :][: row["c_size"]]
        wires += len(targets)
        synapses += plan.layers[row["target"]]["fan_in"] * len(set(targets.tolist()))
    assert found["wires"] == found["error"] == wires <= value(tables()[rule]["wires"], units)
    assert found["update"] == found["writes"] == synapses + wires * (rule == "asrbp")


def test_k_connections_are_k_wires_a_neuron() -> None:
    """Within chance: three standard deviations of 1200 wires or so."""
    plan = plan_of([20, 150, 150, 100], 1, learning={"rule": "srbp", "feedback": {"connections": 4}})
    assert abs(len(plan.c_index) - 4 * 300) < 3 * (4 * 300) ** 0.5
    assert all(row["wiring"] == Wiring.SPARSE for row in plan.channels if row["direction"] == Direction.LEARNING)


@quickly
@given(shapes, st.integers(2, 5), st.booleans())
def test_bits_of_other_codes(units: list[int], bits: int, scaled: bool) -> None:
    """Quantized values, a scale that travels with each message, headers; drtp's one event as address-event."""
    top, messages = units[-1], len(units) - 2
    quantize = {"kind": "uniform", "bits": bits, "scale": "max" if scaled else 1.0, "rounding": "stochastic"}
    channels = {"learning": {"quantize": quantize, "header": 3}}
    training = {"batch": 1, "epochs": 1}
    plan = plan_of(units, 1, learning={"rule": "srbp"}, training=training, channels=channels)
    each = 3 + FLOAT * scaled + bits * top
    assert counted(plan, images(units, 1))["bits"] == messages * each
    channels = {"learning": {"encoding": "aer"}}
    plan = plan_of(units, 1, learning={"rule": "drtp"}, training=training, channels=channels)
    assert counted(plan, images(units, 1))["bits"] == messages * (FLOAT + ceil(log2(top)))


@quickly
@given(shapes)
def test_broadcast_pays_once(units: list[int]) -> None:
    links = {"air": {"bandwidth": "1 Gbit/s", "broadcast": True}}
    channels = {"learning": {"link": "air"}}
    training = {"batch": 1, "epochs": 1}
    plan = plan_of(units, 1, learning={"rule": "srbp"}, training=training, channels=channels, links=links)
    found = counted(plan, images(units, 1))
    assert found["bits"] == (FLOAT * units[-1] if len(units) > 2 else 0)
    assert found["messages"] == len(units) - 2


@settings(max_examples=40)
@given(shapes, st.sampled_from(LEARNING_RULES), st.sampled_from([1, 3]), st.floats(0, 0.9))
def test_silence_is_free(units: list[int], rule: str, batch: int, silent: float) -> None:
    """With silent pixels, silent ReLUs and lost events: the events that arrived, times the synapses behind them."""
    channels = {"forward": {"drop": {"probability": 0.2}}, "learning": {"drop": {"probability": 0.3}}}
    transfers = ["relu"] * (len(units) - 2) + ["softmax"]
    learning = {"rule": rule}
    training = {"batch": batch, "epochs": 1, "learning_rate": 0.01}
    plan = plan_of(units, 6, transfers, learning=learning, training=training, channels=channels)
    state = engine.start(plan, images(units, 6, silent))
    engine.advance(plan, state, plan.frames)
    for row, counter in zip(plan.channels, state.counters, strict=True):
        n_target = int(plan.layers[row["target"]]["n"])
        assert counter["delivered"] <= counter["sent"] <= counter["offered"]
        assert counter["macs"] == counter["delivered"] * n_target
        assert counter["bits"] == counter["messages"] * FLOAT * row["n"]
    top = state.counters[plan.top - 1]
    assert top["update_macs"] == top["delivered"] * plan.layers[plan.top]["n"]


@quickly
@given(st.integers(1, 9), st.integers(1, 9), st.integers(2, 4), st.sampled_from([1, 3]))
def test_silent_neurons_write_nothing(inputs: int, hidden: int, classes: int, batch: int) -> None:
    """A hidden layer of ReLUs worked out in NumPy: products of an input and an R that are both not zero."""
    units, samples = [inputs, hidden, classes], 6
    training = {"batch": batch, "epochs": 1, "learning_rate": 1e-9, "shuffle": False}
    plan = plan_of(units, samples, ["relu", "softmax"], learning={"rule": "srbp"}, training=training)
    data = images(units, samples, silent=0.5)
    w = plan.weights[: inputs * hidden].reshape(inputs, hidden)
    x, r = data.train_x != 0, data.train_x @ w > 0
    macs = writes = 0
    for frame in range(0, samples, batch):
        learning = [b for b in range(frame, frame + batch) if r[b].any()]
        macs += sum(x[b].sum() * r[b].sum() for b in learning)
        writes += x[learning].any(0).sum() * r[learning].any(0).sum()
    state = engine.start(plan, data)
    engine.advance(plan, state, plan.frames)
    counter = state.counters[plan.channel_names.index("learning.1")]
    assert (counter["update_macs"], counter["writes"]) == (macs, writes)


@pytest.mark.parametrize("settings", [{"training": {"momentum": 0.5}}, {"synapses": {"update": {"kind": "ternary"}}}])
def test_momentum_and_quantized_updates_write_everything(settings: dict[str, Any]) -> None:
    units = [8, 6, 5, 3]
    training = {"batch": 2, "epochs": 1, **settings.get("training", {})}
    tables_ = {**settings, "training": training, "learning": {"rule": "srbp"}}
    transfers = ["relu", "relu", "softmax"]
    found = counted(plan_of(units, 4, transfers, **tables_), images(units, 4, silent=0.8))
    assert found["writes"] == 2 * value("S", units)


# --- layer by layer, convolutions among them --------------------------------------------------------------

LAYERS = ("dense", "conv2d", "maxpool", "avgpool", "flatten")


def names_of_layer(row: Any) -> dict[str, int]:
    """The page's letters for one layer."""
    names = {"m": int(row["fan_in"]), "n": int(row["n"]), "k": int(row["kernel"])}
    names |= {"C": int(row["in_channels"]), "O": int(row["out_channels"])}
    for axis, side in (("y", "height"), ("x", "width")):
        first = np.arange(row[f"out_{side}"]) * row["stride"] - row["padding"]
        taps = [(i, at + i) for at in first for i in range(row["kernel"]) if 0 <= at + i < row[f"in_{side}"]]
        names |= {f"T_{axis}": len(taps), f"K_{axis}": len({i for i, _ in taps})}
    return names


def cost(row: Any) -> dict[str, int]:
    """What the page says of one layer."""
    formulas = tables("layer")[Kind(int(row["kind"])).name.lower()]
    return {word: worked_out(formula, names_of_layer(row)) for word, formula in formulas.items()}


def test_the_page_knows_every_layer() -> None:
    assert set(tables("layer")) == set(LAYERS) == {kind.name.lower() for kind in Kind if kind != Kind.INPUT}


@st.composite
def maps(draw: st.DrawFn) -> tuple[tuple[int, ...], list[dict[str, Any]]]:
    """Any convolution, one that reaches every neuron of it, a mean of all that, relays, and two dense layers."""
    below = draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 6))
    padding = draw(st.integers(0, 2))
    first = {"channels": draw(st.integers(1, 4)), "kernel": draw(st.integers(1, min(below[1:]) + 2 * padding))}
    first |= {"stride": draw(st.integers(1, 3)), "padding": padding}
    around = draw(st.integers(0, 2))
    kernel = 2 * around + 1  # the map stays as large as it is
    second = {"channels": draw(st.integers(1, 3)), "kernel": kernel, "padding": around}
    convolutions = [{"kind": "conv2d", "transfer": "tanh", **settings} for settings in (first, second)]
    relays = [{"kind": draw(st.sampled_from(["maxpool", "avgpool"])), "size": 1}, {"kind": "flatten"}]
    return below, [*convolutions, *relays, *dense_layers([1, draw(st.integers(1, 5)), 3])]


@pytest.mark.parametrize("rule", ON_MAPS)
@quickly
@given(maps(), st.integers(1, 3), st.booleans())
def test_a_layer_costs_what_the_page_says(
    rule: str, network: tuple[tuple[int, ...], list[dict[str, Any]]], batch: int, whole: bool
) -> None:
    """All units are active (the biases are not zero); one sample per frame, or `batch` of them."""
    shape, layers = network
    training = {"batch": batch if whole else 1, "epochs": 1, "learning_rate": 1e-4}
    plan = plan_of_chain(shape, layers, 3, batch, learning={"rule": rule}, training=training)
    rng = np.random.default_rng(batch)
    plan = replace(plan, biases=rng.uniform(0.1, 0.2, len(plan.biases)).astype(np.float32))
    state = engine.start(plan, dataset(rng.uniform(0.1, 1, (batch, *shape)), rng.integers(3, size=batch), 3))
    engine.advance(plan, state, plan.frames)
    frames = plan.frames
    for row, counter, name in zip(plan.channels, state.counters, plan.channel_names, strict=True):
        source, target = plan.layers[row["source"]], plan.layers[row["target"]]
        told = cost(target)
        pairs = int(source["n"]) * int(target["n"])
        adjacent = row["source"] == row["target"] + 1
        direct = adjacent and row["wiring"] != Wiring.DENSE
        if row["direction"] == Direction.FORWARD:
            assert counter["macs"] == batch * told["forward"] == batch * sizes.operations(target), name
            learns = row["target"] == plan.top
        else:
            spoken = 1 if rule == "drtp" else int(source["n"])
            error = cost(source)["error"] if direct else spoken * int(target["n"])
            assert counter["macs"] == batch * error, name
            assert rule == "drtp" or error == sizes.error_operations(edge_of(row), plan.layers, None)
            wires = 0 if row["wiring"] == Wiring.TRANSPOSE else cost(source)["wires"] if direct else pairs
            assert row["c_size"] == wires == sizes.wires(edge_of(row), plan.layers, None), name
            learns = True
        adaptive = {"update": 0, "writes": 0}
        if row["adaptive"]:
            adaptive = cost(source) if direct else {"update": pairs, "writes": pairs}
        assert counter["update_macs"] == batch * (learns * told["update"] + adaptive["update"]), name
        assert counter["writes"] == frames * (learns * told["writes"] + adaptive["writes"]), name


def test_pools_hear_errors_only_to_pass_them_on() -> None:
    """Of six layers, of which the third and the fourth have no synapses."""
    layers = [
        {"kind": "conv2d", "channels": 2, "kernel": 3, "transfer": "relu"},
        {"kind": "conv2d", "channels": 2, "kernel": 3, "transfer": "relu"},
        {"kind": "maxpool", "size": 2},
        {"kind": "flatten"},
        *dense_layers([1, 4, 3]),
    ]
    hear = {
        rule: [int(row["target"]) for row in plan.channels if row["direction"] == Direction.LEARNING]
        for rule in ON_MAPS
        for plan in [plan_of_chain((1, 9, 9), layers, 3, 1, learning={"rule": rule})]
    }
    layered, skipped = [5, 4, 3, 2, 1], [5, 2, 1]
    expected = {rule: layered if rule in ("bp", "rbp", "arbp", "sign") else skipped for rule in ON_MAPS}
    assert hear == expected | {"top": []}
