"""The JSON Schema: editors must accept what `load` accepts, and complain where it does."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from channelsim.errors import InputError
from channelsim.scenario import Scenario, schema
from tests.scenario.documents import Document, documents, small

jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).parents[2]
VALIDATOR = jsonschema.Draft202012Validator(schema())


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator.check_schema(schema(model=True))
    json.dumps(schema())


@pytest.mark.parametrize("path", sorted(ROOT.glob("scenarios/*.toml")), ids=lambda path: path.stem)
def test_scenarios_of_the_repository_fit(path: Path) -> None:
    VALIDATOR.validate(tomllib.loads(path.read_text()))


@pytest.mark.parametrize("path", sorted(ROOT.glob("models/*.toml")), ids=lambda path: path.stem)
def test_models_of_the_repository_fit(path: Path) -> None:
    jsonschema.Draft202012Validator(schema(model=True)).validate(tomllib.loads(path.read_text()))


@given(documents())
def test_random_scenarios_fit(document: Document) -> None:
    VALIDATOR.validate(document)


@pytest.mark.parametrize(
    "tables",
    [
        {"trainig": {}},
        {"training": {"epochs": 0}},
        {"training": {"epochs": "3"}},
        {"learning": {"rule": "srpb"}},
        {"channels": {"lerning": {}}},
        {"channels": {"learning": {"latency": 20}}},
        {"channels": {"learning": {"latency": "20"}}},
        {"channels": {"learning": {"bandwidth": 0}}},
        {"channels": {"learning.2": {"drop": {"probability": 2}}}},
        {"data": {"name": "minst"}},
        {"trace": {"events": "some"}},
    ],
)
def test_mistakes_do_not_fit(tables: Document) -> None:
    assert not VALIDATOR.is_valid(small(**tables))


@pytest.mark.parametrize(
    ("layer", "fits"),
    [
        ({"kind": "conv2d", "channels": 3, "kernel": 5, "transfer": "relu"}, True),
        ({"kind": "conv2d", "channels": 3, "transfer": "relu"}, False),
        ({"kind": "conv2d", "channels": 3, "kernel": 5, "transfer": "relu", "units": 3}, False),
        ({"kind": "maxpool", "size": 2}, True),
        ({"kind": "avgpool", "size": 2, "stride": 1, "repeat": 2}, True),
        ({"kind": "avgpool", "size": 0}, False),
        ({"kind": "flatten"}, True),
        ({"kind": "flatten", "transfer": "tanh"}, False),
        ({"kind": "pool", "size": 2}, False),
    ],
)
def test_layers(layer: Document, fits: bool) -> None:
    model = {"name": "m", "input": [1, 9, 9], "layers": [layer, {"kind": "dense", "units": 3, "transfer": "linear"}]}
    assert jsonschema.Draft202012Validator(schema(model=True)).is_valid(model) == fits
    assert VALIDATOR.is_valid(small(model=model)) == fits


@pytest.mark.parametrize(
    "tables",
    [
        {"channels": {"learning": {"deadline": "none", "quantize": "none", "latency": 0}}},
        {"channels": {"learning.2": {"jitter": "1 us"}}},
        {"channels": {"learning.1.from.3.copy.2": {"header": 8}, "learning.2.copy.1": {"header": 9}}},
        {"data": {"name": "my/own.npz"}},
        {"data": {"name": "digits", "train_x": "none", "test_y": "none"}},
        {"trace": {"events": {"from": "epoch 2", "frames": 3}}},
        {"trace": {"events": [{"frames": 3, "channels": ["learning.1"]}]}},
        {"schedule": {"change": [{"epoch": 2, "frame": "none", "channels": {"learning": {"header": 8}}}]}},
        {"learning": {"rule": "rbp", "feedback": {"from": "none"}}},
        {"learning": {"route": ["layered", "from 3"]}},
        {"sweep": {"learning.rule": ["bp", "rbp"]}},
    ],
)
def test_what_is_right_fits(tables: Document) -> None:
    VALIDATOR.validate(small(**tables))


def test_every_key_is_described() -> None:
    document = schema()
    missing = [
        f"{name}.{key}"
        for name, table in [("", document), *document["$defs"].items()]
        for key, value in table.get("properties", {}).items()
        if "description" not in value and not _refers_to_described(value, document)
    ]
    assert missing == []


@pytest.mark.parametrize(
    "tables",
    [
        {"trace": {"events": [{"from": True, "frames": "x"}]}},
        {"trace": {"events": []}},
        {"training": {"learning_rate_decay": 1}},
        {"training": {"learning_rate": 1e300}},
        {"data": {"train_x": [], "train_y": []}},
    ],
)
def test_what_the_program_refuses_does_not_fit(tables: Document) -> None:
    assert not VALIDATOR.is_valid(small(**tables))
    with pytest.raises(InputError):
        Scenario(**small(**tables))


@pytest.mark.parametrize("model", [False, True])
def test_every_default_is_one_that_a_file_may_have(model: bool) -> None:
    document = schema(model)
    wrong = [
        f"{name}.{key} = {value['default']}"
        for name, table in [("", document), *document["$defs"].items()]
        for key, value in table["properties"].items()
        if "default" in value
        and not jsonschema.Draft202012Validator({**value, "$defs": document["$defs"]}).is_valid(value["default"])
    ]
    assert wrong == []


def _refers_to_described(value: dict[str, Any], document: dict[str, Any]) -> bool:
    name = value.get("$ref", "").rsplit("/", 1)[-1]
    return "description" in document["$defs"].get(name, {})
