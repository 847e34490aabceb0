"""The kinds of layers: their shapes, what does not fit, and which of them hear errors."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from channelsim.errors import InputError
from channelsim.plan import build
from channelsim.scenario import AvgPool, Conv2d, Data, MaxPool, Model, Scenario, Weights
from tests.scenario.documents import Document, small

TOP = {"kind": "dense", "units": 3, "transfer": "softmax"}
FLATTEN = {"kind": "flatten"}


def conv(channels: int = 4, kernel: int = 3, **keys: Any) -> Document:
    return {"kind": "conv2d", "channels": channels, "kernel": kernel, "transfer": "tanh", **keys}


def pool(size: int = 2, kind: str = "maxpool", **keys: Any) -> Document:
    return {"kind": kind, "size": size, **keys}


def model(image: list[int], *layers: Document) -> Document:
    return {"name": "m", "input": image, "layers": list(layers)}


# --- shapes -------------------------------------------------------------------------------------------


def test_shapes_from_the_input_up() -> None:
    described = Model(**model([1, 28, 29], conv(16, 5, padding=2), pool(), conv(2, 5, stride=3), FLATTEN, TOP))
    assert described.shapes() == ((1, 28, 29), (16, 28, 29), (16, 14, 14), (2, 4, 4), (32,), (3,))
    assert str(described) == "1x28x29-16x28x29-16x14x14-2x4x4-32-3"


def test_repeated_layers_stand_on_one_another() -> None:
    described = Model(**model([2, 9, 9], conv(repeat=3), TOP))
    assert described.shapes()[1:-1] == ((4, 7, 7), (4, 5, 5), (4, 3, 3))


def test_a_pools_windows_lie_side_by_side_unless_a_stride_is_given() -> None:
    assert MaxPool(kind="maxpool", size=3).stride == 3
    assert AvgPool(kind="avgpool", size=3, stride=2).stride == 2
    side_by_side = Scenario(**small(model=model([1, 6, 6], pool(3), TOP)))
    assert side_by_side == Scenario(**small(model=model([1, 6, 6], pool(3, stride=3), TOP)))
    assert side_by_side != Scenario(**small(model=model([1, 6, 6], pool(3, stride=2), TOP)))


sides = st.integers(1, 9)


@given(st.integers(1, 3), sides, sides, st.integers(1, 5), st.integers(1, 4), st.integers(0, 3), st.integers(1, 4))
def test_shapes_are_those_of_pytorch(
    channels: int, height: int, width: int, window: int, stride: int, padding: int, maps: int
) -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    image = torch.zeros(1, channels, height, width)
    below = (channels, height, width)
    assume(window <= min(height, width) + 2 * padding)
    convolved = functional.conv2d(image, torch.zeros(maps, channels, window, window), None, stride, padding)
    layer = Conv2d(**conv(maps, window, stride=stride, padding=padding))
    assert layer.shape(below) == tuple(convolved.shape[1:])
    assume(window <= min(height, width))
    assert MaxPool(**pool(window, stride=stride)).shape(below) == tuple(
        functional.max_pool2d(image, window, stride).shape[1:]
    )
    assert AvgPool(**pool(window, "avgpool", stride=stride)).shape(below) == tuple(
        functional.avg_pool2d(image, window, stride).shape[1:]
    )


# --- the page -----------------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text()


def test_the_model_of_the_page_is_sound() -> None:
    block, *_, problem = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert str(Model(**tomllib.loads(block))) == "1x28x28-16x28x28-16x28x28-16x14x14-10"
    tiny = {"name": "tiny", "input": [2], "layers": [{"kind": "dense", "units": 1, "transfer": "linear"}]}
    scenario = Scenario(name="tiny", model=tiny, **tomllib.loads(problem))
    assert (scenario.data.train_y, scenario.training.batch) == (((0.5,), (-1.0,)), "all")


def test_the_weights_of_the_page_can_be_given() -> None:
    _, file, layer, feedback, *_ = map(tomllib.loads, re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
    assert Weights(**file["weights"]).epoch == 3
    model = {"name": "chain", "input": [1], "layers": 2 * layer["layers"]}
    learning = {"rule": "rbp", **feedback["learning"]}
    scenario = Scenario(**{"name": "s", "model": model, "data": {"name": "synthetic"}, "learning": learning})
    plan = build(scenario, (1,), 1, 1)
    assert (plan.weights.tolist(), plan.biases.size) == ([np.float32(0.3)] * 2, 0)
    assert plan.feedback.tolist() == [np.float32(0.8)]


def test_the_page_has_every_kind_and_every_key_of_the_data() -> None:
    assert all(f"`{tag}`" in PAGE for tag in ("dense", "conv2d", "maxpool", "avgpool", "flatten"))
    keys = {key for row in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)}
    assert set(Data.model_fields) <= keys
    assert set(Conv2d.model_fields) - {"kind", "repeat"} <= set(re.findall(r"`(\w+)", PAGE))


# --- mistakes -----------------------------------------------------------------------------------------

MISTAKES: list[tuple[Document, str]] = [
    (
        model([1, 4, 5], conv(kernel=5), TOP),
        "layers[0].kernel = 5: does not fit into the map 1 x 4 x 5 below; accepted: 1 to 4 (or more padding) "
        "(layer 1, conv2d; sizes below it, from the input up: 1 x 4 x 5)",
    ),
    (
        model([1, 2, 2], conv(kernel=9, padding=3), TOP),
        "kernel = 9: does not fit into the map 1 x 2 x 2 with padding 3 below; accepted: 1 to 8",
    ),
    (
        model([3, 9, 9], pool(3), pool(2, repeat=2), TOP),
        "layers[1].size = 2: does not fit into the map 3 x 1 x 1 below; accepted: 1 to 1 "
        "(layer 3, maxpool; sizes below it, from the input up: 3 x 9 x 9, 3 x 3 x 3, 3 x 1 x 1)",
    ),
    (model([16], conv(), TOP), "layers[0]: there is no map below, but a vector of 16; accepted: a map"),
    (
        model([1, 8, 8], FLATTEN, pool(kind="avgpool"), TOP),
        "layers[1]: there is no map below, but a vector of 64; accepted: a map, that is an input",
    ),
    (
        model([1, 8, 8], conv(), pool()),
        'layers[1].kind = \'maxpool\': the top layer must learn; accepted there: "dense", "conv2d"',
    ),
    (model([1, 8, 8], conv(transfer="softmax"), TOP), "layers[0].transfer = 'softmax' below the top"),
    (model([1, 8, 8], conv(channels=0), TOP), "layers[0].channels = 0; accepted: an integer of at least 1"),
    (model([1, 8, 8], conv(padding=-1), TOP), "layers[0].padding = -1; accepted"),
    (model([1, 8, 8], conv(stride=0), TOP), "layers[0].stride = 0; accepted"),
    (
        model([1, 8, 8], conv(padding=10_000), TOP),
        "layers[0].padding = 10000: makes 400,320,064 values of the map 1 x 8 x 8 below; accepted: at most 67,108,864",
    ),
    (
        model([1, 8, 8], conv(channels=10**8), TOP),
        "layers[0]: 100000000 x 6 x 6 units in layer 1; accepted: at most 67,108,864",
    ),
    (model([1, 8, 8], conv(units=3), TOP), "layers[0].units is unknown; accepted here: kind, repeat, transfer,"),
    (model([1, 8, 8], pool(transfer="tanh"), TOP), "layers[0].transfer is unknown; accepted here: kind, repeat, size,"),
    (model([1, 8, 8], pool(0), TOP), "layers[0].size = 0; accepted: an integer of at least 1"),
    (model([1, 8, 8], {"kind": "maxpool"}, TOP), "layers[0].size is missing; accepted"),
    (model([1, 8, 8], pool(kind="maxpol"), TOP), "layers[0].kind = 'maxpol' (did you mean maxpool?); accepted"),
]


@pytest.mark.parametrize(("document", "told"), MISTAKES, ids=[told[:40] for _, told in MISTAKES])
def test_layers_that_do_not_fit_are_named(document: Document, told: str) -> None:
    with pytest.raises(InputError) as error:
        Model(**document)
    message = str(error.value)
    assert told in message
    assert "accepted" in message and "\n" not in message and "Undefined" not in message
    with pytest.raises(InputError, match=r"^model\.layers"):
        Scenario(**small(model=document))


@pytest.mark.parametrize(("key", "value"), [("flip", True), ("shift", 2)])
def test_only_images_are_mirrored_and_moved(key: str, value: Any) -> None:
    data = {"name": "synthetic", key: value}
    with pytest.raises(InputError, match=rf"data\.{key} = .*: the model's input, \[6\], is no image; accepted: "):
        Scenario(**small(data=data))
    Scenario(**small(data=data, model=model([1, 2, 3], TOP)))


def test_varied_images_are_another_computation_and_unvaried_ones_are_not() -> None:
    plain = Scenario(**small(model=model([1, 2, 3], TOP)))
    digests = {plain.with_({key: value}).digest() for key, value in (("data.flip", True), ("data.shift", 1),
                                                                      ("data.normalize", True))}  # fmt: skip
    assert len(digests | {plain.digest()}) == 4
    assert plain.with_({"data.flip": False, "data.shift": 0}).digest() == plain.digest()


# --- who hears errors ---------------------------------------------------------------------------------

DEEP = model([1, 9, 9], pool(1), conv(), pool(), conv(kernel=2), FLATTEN, {**TOP, "transfer": "tanh"}, TOP)


@pytest.mark.parametrize(
    ("learning", "routes"),
    [
        ({"rule": "bp"}, {2: 3, 3: 4, 4: 5, 5: 6, 6: 7}),
        ({"rule": "sign"}, {2: 3, 3: 4, 4: 5, 5: 6, 6: 7}),
        ({"rule": "srbp"}, {2: 7, 4: 7, 6: 7}),
        ({"rule": "drtp"}, {2: 7, 4: 7, 6: 7}),
        ({"rule": "top"}, {}),
        # an error that skips the pooling layer leaves it out, one that is fetched from it does not
        ({"rule": "rbp", "route": ["layered", "from 4", "layered", "layered", "layered", "layered"]},
         {2: 4, 4: 5, 5: 6, 6: 7}),
        ({"rule": "srbp", "route": ["skipped", "layered", "skipped", "from 5", "layered", "skipped"]},
         {2: 3, 3: 7, 4: 5, 5: 6, 6: 7}),
    ],
)  # fmt: skip
def test_a_layer_without_synapses_hears_only_what_it_passes_on(learning: Document, routes: dict[int, int]) -> None:
    described = Scenario(**small(model=DEEP, learning=learning))
    assert described.routes() == {h: (source,) for h, source in routes.items()}
    assert list(routes) == sorted(routes)
    names = [f"forward.{h}" for h in range(1, 8)] + [f"learning.{h}" for h in reversed(routes)]
    assert described.channel_names == names


def test_settings_for_a_layer_that_hears_nothing_are_advised_against() -> None:
    channels = {"learning.3": {"latency": "1 us"}}
    assert Scenario(**small(model=DEEP, channels=channels)).advice() == []
    (text,) = Scenario(**small(model=DEEP, channels=channels, learning={"rule": "srbp"})).advice()
    assert text.startswith('channels."learning.3" is not used: layer 3 has no synapses')
