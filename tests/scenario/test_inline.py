"""The samples of a [data] table: which keys go together, and how long their lists are."""

from __future__ import annotations

from typing import Any

import pytest

from channelsim.errors import InputError
from channelsim.scenario import Data, Scenario
from tests.scenario.documents import small

X, Y = [[1.0, 0.5], [0.25, -1.0]], [0.5, 2.0]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, 'name is missing; accepted: "digits", "mnist"'),
        ({"name": "inline"}, "name is missing; accepted"),
        ({"train_y": Y}, "train_x is missing beside train_y; accepted"),
        ({"train_x": X}, 'train_y is missing beside train_x; accepted: a target for each sample, or target = "input"'),
        ({"name": "digits", "train_x": X, "train_y": Y}, "train_x is given, and so is name = 'digits'; accepted"),
        ({"name": "digits", "test_y": Y}, "test_y is given, and so is name = 'digits'; accepted"),
        ({"train_x": X, "train_y": Y, "target": "input"}, 'train_y is given, but with target = "input" the'),
        ({"train_x": X, "train_y": [0.5]}, "train_y has 1 targets for the 2 samples of train_x; accepted"),
        ({"train_x": [[1.0], [2.0, 3.0]], "train_y": Y}, "train_x[1] has 2 values, but train_x[0] has 1; accepted"),
        ({"train_x": X, "train_y": [[1.0], [2.0, 3.0]]}, "train_y[1] has 2 values, but train_y[0] has 1; accepted"),
        ({"train_x": X, "train_y": [[1.0], 2.0]}, "train_y[1] is a number, but train_y[0] has 1; accepted: 1 value"),
        ({"train_x": X, "train_y": [1.0, [2.0]]}, "train_y[1] is a list, but train_y[0] a number; accepted"),
        ({"train_x": X, "train_y": Y, "test_x": X}, "test_y is missing beside test_x; accepted"),
        ({"train_x": X, "train_y": Y, "test_y": Y}, "test_x is missing beside test_y; accepted"),
        ({"train_x": X, "train_y": Y, "test_x": [[1.0]], "test_y": [1.0]}, "test_x[0] has 1 values, but train_x"),
        ({"train_x": X, "train_y": Y, "test_x": X, "test_y": [[1.0], [2.0]]}, "test_y[0] is a list, but train_y[0]"),
        ({"train_x": [], "train_y": []}, "train_x = []; accepted: a list of lists of numbers"),
        ({"train_x": [[]], "train_y": [1.0]}, "train_x[0] = []; accepted: a list of lists of numbers"),
        ({"train_x": [["a"]], "train_y": [1.0]}, "train_x[0][0] = 'a'; accepted: a list of lists of numbers"),
        ({"train_x": [[float("nan")]], "train_y": [1.0]}, "train_x[0][0] = nan; accepted"),
        ({"train_x": [[True]], "train_y": [1.0]}, "train_x[0][0] = true; accepted"),
        ({"train_x": X, "train_y": ["a", "b"]}, "train_y[0] = 'a'; accepted: a list of class numbers, of"),
        ({"train_x": X, "train_y": Y, "target": "outputs"}, "target = 'outputs'; accepted: \"auto\""),
    ],
)  # fmt: skip
def test_mistakes(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Data(**keys)
    assert str(caught.value).startswith(message), str(caught.value)


def with_top(top: str, **tables: Any) -> Scenario:
    document = small(2, **tables)
    document["model"]["layers"][-1]["transfer"] = top
    return Scenario(**document)


@pytest.mark.parametrize("top", ["linear", "tanh", "logistic", "relu"])
def test_the_loss_is_what_the_top_layer_says(top: str) -> None:
    assert with_top(top, training={"loss": "squared"}).digest() == with_top(top).digest()
    assert with_top("softmax", training={"loss": "cross-entropy"}).digest() == with_top("softmax").digest()
    with pytest.raises(InputError, match=r"^training\.loss = 'cross-entropy', but the top layer is .* no distribution"):
        with_top(top, training={"loss": "cross-entropy"})
    with pytest.raises(InputError, match=r"^training\.loss = 'squared', but the top layer is a softmax, whose error"):
        with_top("softmax", training={"loss": "squared"})


def test_digests_tell_samples_targets_and_full_batches_apart() -> None:
    plain = Scenario(**small(2))
    assert plain.digest() == Scenario(**plain.resolved).digest()
    inline = {"train_x": [[1.0] * 6], "train_y": [0]}
    one = Scenario(**small(2, data=inline))
    assert one.digest() == Scenario(**one.resolved).digest() != plain.digest()
    assert one.digest() != Scenario(**small(2, data={**inline, "train_y": [1]})).digest()
    assert plain.digest() != Scenario(**small(2, training={"batch": "all"})).digest()
    assert plain.digest() != Scenario(**small(2, data={"name": "synthetic", "target": "real"})).digest()


def test_images_that_are_their_own_target_are_not_moved() -> None:
    model = {"name": "m", "input": [1, 4, 4], "layers": [{"kind": "dense", "units": 16, "transfer": "linear"}]}
    for key, value, shown in (("flip", True, "true"), ("shift", 1, "1")):
        data = {"name": "synthetic", "target": "input", key: value}
        with pytest.raises(InputError, match=rf'^data\.{key} = {shown}: target = "input" is the image as it is'):
            Scenario(name="x", model=model, data=data)


def test_words() -> None:
    assert "2 samples in the scenario" in repr(
        Scenario(**small(2, data={"train_x": [[1.0] * 6] * 2, "train_y": [0, 1]}))
    )
    auto = {"name": "synthetic", "target": "input"}
    told = repr(with_top("linear", data=auto, training={"batch": "all"}))
    assert "synthetic, the input is the target" in told and "frames of all samples" in told


def test_a_frame_of_all_samples_has_advice_where_their_number_is_known() -> None:
    channels = {"learning": {"bandwidth": "1 Mbit/s", "queue": 2}}
    scenario = Scenario(**small(2, training={"batch": "all"}, channels=channels))
    assert scenario.advice() == []
    assert "the rest (17 of 20) is lost in every frame" in scenario.advice(20)[0]
