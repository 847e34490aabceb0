"""Files: what is read from where, `--set`, and the errors of files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim.errors import InputError
from channelsim.scenario import Scenario, load, load_model
from tests.cli.process import SMALL

ROOT = Path(__file__).parents[2]
FILES = sorted(ROOT.glob("scenarios/*.toml"))

MODEL = """
name = "small"
input = [6]
[[layers]]
kind = "dense"
units = 5
transfer = "tanh"
repeat = 2
[[layers]]
kind = "dense"
units = 3
transfer = "softmax"
"""

SCENARIO = """
name = "small"
model = "../models/small.toml"
[data]
name = "synthetic"
[learning]
rule = "srbp"
[channels.learning]
latency = "20 us"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "models" / "small.toml").write_text(MODEL)
    path = tmp_path / "scenarios" / "small.toml"
    path.write_text(SCENARIO)
    return path


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenarios_of_the_repository_are_sound(path: Path) -> None:
    scenario = load(path)
    assert scenario.name == path.stem
    assert scenario.advice() == []


def test_the_network_of_the_paper() -> None:
    model = load_model(ROOT / "models" / "mnist-mlp.toml")
    assert str(model) == "784-100-100-100-100-10"
    assert [layer.transfer for layer in model.chain()] == ["tanh"] * 4 + ["softmax"]


def test_model_is_found_beside_the_file_wherever_one_is(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "models")
    scenario = load(Path("../scenarios/small.toml"))
    assert str(scenario.model) == "6-5-5-3"
    assert scenario.path == Path("../scenarios/small.toml")
    assert scenario.text == SCENARIO


def test_data_path_is_relative_to_the_file(file: Path) -> None:
    scenario = load(file, set=["data.name=my/set.npz"])
    assert scenario.data.name == str(file.parent / "my" / "set.npz")
    assert scenario.with_(seed=2).data.name == scenario.data.name


@pytest.mark.parametrize(
    ("assignment", "key", "value"),
    [
        ("learning.rule=rbp", "learning.rule", "rbp"),
        ('learning.rule = "rbp"', "learning.rule", "rbp"),
        ("training.learning_rate=1e-3", "training.learning_rate", 1e-3),
        ("training.epochs=3", "training.epochs", 3),
        ("training.shuffle=false", "training.shuffle", False),
        ("trace.events=first 3 frames", "trace.events", "first 3 frames"),
        ("name=a b=c", "name", "a b=c"),
        ('learning.route=["skipped", "from 3"]', "learning.route", ("skipped", "from 3")),
        ("schedule.max_in_flight=10_000", "schedule.max_in_flight", 10_000),
    ],
)
def test_set(file: Path, assignment: str, key: str, value: object) -> None:
    found: object = load(file, set=[assignment])
    for part in key.split("."):
        found = getattr(found, part)
    assert found == value


def test_set_reaches_channels_and_links(file: Path) -> None:
    scenario = load(
        file,
        set=[
            'channels."learning.2".latency=3 ns',
            "channels.learning.quantize={kind='log2', bits=3}",
            "channels.learning.quantize.bits=4",
            "channels.forward.link=bus",
            "links.bus.bandwidth=1 Mbit/s",
        ],
    )
    assert scenario.channel("learning", 2).latency == 3000
    assert scenario.channel("learning", 1).latency == 20_000_000
    quantize = scenario.channel("learning", 2).quantize
    assert quantize is not None and quantize.bits == 4
    assert scenario.links["bus"].bandwidth == 1e6


def test_set_reaches_the_keys_of_the_model(file: Path) -> None:
    scenario = load(file, set=["model.layers.0.repeat=1", "model.weights.scale=0.1"])
    assert str(scenario.model) == "6-5-3"
    assert scenario.model.weights.scale == 0.1


def test_set_takes_another_model_relative_to_the_file(file: Path) -> None:
    (file.parent / "other.toml").write_text(MODEL.replace("units = 5", "units = 4"))
    assert str(load(file, set=["model=other.toml"]).model) == "6-4-4-3"


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("learning.rule", "accepted: KEY=VALUE"),
        ("=3", "accepted: KEY=VALUE"),
        ("a b=3", "accepted: a dotted key"),
        ("a..b=3", "accepted: a dotted key"),
        ("name.first=x", "name = 'small' is no table"),
        ("model.layers.7.units=3", "model.layers.7 is unknown; accepted: an index from 0 to 1"),
        ("model.layers.x.units=3", "model.layers.x is unknown; accepted: an index from 0 to 1"),
        ("training.epochs=x", "training.epochs = 'x'; accepted: an integer of at least 1"),
        ("training.epochs=3\nseed=4", "training.epochs = "),
        ("lerning.rule=bp", "lerning is unknown (did you mean learning?)"),
    ],
)
def test_set_that_is_wrong(file: Path, assignment: str, told: str) -> None:
    with pytest.raises(InputError) as error:
        load(file, set=[assignment])
    assert told in str(error.value)


def test_later_set_wins(file: Path) -> None:
    assert load(file, set=["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = \n", "line 1"),
        ("[data\n", "line 1"),
        (SCENARIO + "\n[learning]\n", "line 11"),
        ("", "name is missing"),
        (SCENARIO.replace("../models/small.toml", "nope.toml"), "nope.toml: no such file"),
        (SCENARIO.replace("../models/small.toml", "."), "accepted: a TOML file"),
    ],
)
def test_files_that_are_wrong(file: Path, text: str, told: str) -> None:
    file.write_text(text)
    with pytest.raises(InputError) as error:
        load(file)
    message = str(error.value)
    assert message.startswith(f"{file}: ") and told in message and "accepted" in message
    assert "\n" not in message


def test_a_file_that_is_not_text(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        load(file)


def test_a_file_that_is_not_there_tells_of_one_like_it(file: Path) -> None:
    with pytest.raises(InputError, match=r"smal\.toml: no such file \(did you mean small\.toml\?\)"):
        load(file.with_name("smal.toml"))
    with pytest.raises(InputError, match="no such file; accepted"):
        load(file.parent / "no" / "folder.toml")


def test_a_byte_order_mark_is_no_error(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + SCENARIO.encode())
    assert load(file).name == "small"


def test_a_mistake_in_the_model_names_the_model_file(file: Path) -> None:
    model = file.parents[1] / "models" / "small.toml"
    model.write_text(MODEL.replace("units = 3", "units = 0"))
    with pytest.raises(InputError) as error:
        load(file)
    assert "models/small.toml: layers[1].units = 0; accepted: an integer of at least 1" in str(error.value)
    model.write_text(MODEL + "\n[[layers\n")
    with pytest.raises(InputError, match=r"models/small\.toml: .*line"):
        load(file)
    with pytest.raises(InputError, match=r"small\.toml: .*line"):
        load_model(model)


def test_a_loaded_scenario_equals_one_built_in_python(file: Path) -> None:
    scenario = load(file)
    built = Scenario(
        name="small",
        model={
            "name": "small",
            "input": [6],
            "layers": [
                {"kind": "dense", "units": 5, "transfer": "tanh"},
                {"kind": "dense", "units": 5, "transfer": "tanh"},
                {"kind": "dense", "units": 3, "transfer": "softmax"},
            ],
        },
        data={"name": "synthetic"},
        learning={"rule": "srbp"},
        channels={"learning": {"latency": "20000 ns"}},
    )
    assert built == scenario
    assert hash(built) == hash(scenario)


DESIGN = """
name  = "mnist-srbp-3bit"
model = "../models/small.toml"
seed  = 1

[data]
name = "mnist"

[training]
epochs = 5
batch = 100
learning_rate = 0.1
learning_rate_decay = 1e-6
momentum = 0.0

[learning]
rule = "srbp"
derivative = true
feedback = { distribution = "normal", scale = "glorot" }

[channels.learning]
quantize = { kind = "log2", bits = 3, scale = "max" }
drop = { probability = 0.1 }
latency = "20 us"
bandwidth = "10 Mbit/s"

[channels.forward]
threshold = { value = 0.0 }

[schedule]
mode = "sequential"

[trace]
events = "first 1000 frames"
weights = "epoch"
alignment = "epoch"

[sweep]
"learning.rule" = ["bp", "rbp", "srbp"]
seed = [1, 2, 3]
"""


def test_the_scenario_of_the_design(file: Path) -> None:
    file.write_text(DESIGN)
    scenario = load(file)
    assert scenario.advice() == []
    assert [window.frames for window in scenario.trace.windows] == [1000]
    for rule in scenario.sweep["learning.rule"]:
        assert scenario.with_({"learning.rule": rule}).learning.rule == rule


def test_importing_is_quick() -> None:
    """What takes long to import waits until it is needed: a help text must not."""
    slow = ("numba", "torch", "matplotlib", "scipy", "h5py", "pandas", "sklearn")
    code = f"import sys, channelsim.scenario; print([m for m in {slow} if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert told.stdout.strip() == "[]"


NESTED = {
    "lists": "x = " + "[" * 500 + "]" * 500,
    "tables": "x = " + "{a = " * 500 + "1" + "}" * 500,
    "a dotted key": "[sweep]\n" + "a." * 3000 + "b = [1]",
}


@pytest.mark.parametrize("text", NESTED.values(), ids=NESTED)
def test_toml_that_is_nested_too_deep_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "deep.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"deep.toml: nested too deep; accepted: TOML"):
        load(path)


def test_a_number_of_5000_digits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.toml"
    path.write_text("seed = " + "9" * 5000)
    with pytest.raises(InputError, match=r"long.toml: .*4300 digits.*; accepted: TOML"):
        load(path)


@pytest.mark.parametrize("key", ["self", "model.self", "training.self", "model.layers.0.self"])
def test_a_key_called_self_is_unknown(tmp_path: Path, key: str) -> None:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    with pytest.raises(InputError, match=r"self is unknown; accepted here: "):
        load(path, set=[f"{key}=1"])


def test_a_path_that_begins_with_a_tilde_is_in_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "small.toml").write_text(SMALL)
    model = SMALL[SMALL.index("[model]") + 8 : SMALL.index("[data]")].replace("model.layers", "layers")
    (tmp_path / "model.toml").write_text(model)
    np.savez(tmp_path / "own.npz", train_x=np.zeros((2, 64)), train_y=[0, 1], test_x=np.zeros((1, 64)), test_y=[0])
    assert load("~/small.toml").path == tmp_path / "small.toml"
    assert load("~/small.toml", set=["model=~/model.toml"]).model.where == str(tmp_path / "model.toml")
    assert load("~/small.toml", set=["data.name=~/own.npz"]).data.name == str(tmp_path / "own.npz")
    with pytest.raises(InputError, match=r"~nobody-here/x.toml: no such home directory"):
        load("~nobody-here/x.toml")


def test_folders_whose_names_are_no_text(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    folder.mkdir()
    (folder / "small.toml").write_text(SMALL)
    assert load(folder / "small.toml").name == "small"
    with pytest.raises(InputError, match=r"\\udcff/none.toml: no such file"):
        load(folder / "none.toml")
    with pytest.raises(InputError, match=r"model: .*\\udcff/none.toml: no such file"):
        load(folder / "small.toml", set=["model=none.toml"])


def test_messages_have_nothing_that_a_terminal_acts_upon(tmp_path: Path) -> None:
    path = tmp_path / "red.toml"
    path.write_text(SMALL + '"\\u001b[31mred" = 1\n')
    with pytest.raises(InputError, match=r'channels.learning."\\x1b\[31mred" is unknown'):
        load(path)


@pytest.mark.parametrize("function", [cs.run, cs.check, cs.verify, cs.sweep])
def test_the_path_of_a_scenario_is_no_scenario(function: Any) -> None:
    told = r"'x.toml' is no scenario; accepted: a Scenario, such as channelsim.load\('x.toml'\)"
    with pytest.raises(InputError, match=told):
        function("x.toml")
