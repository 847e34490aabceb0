"""Mutated scenarios and damaged files of data: each is refused in one line, or means what is in it."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from unittest import mock

import numpy as np

import channelsim as cs
from channelsim.data import idx, load_dataset
from channelsim.progress import Silent
from tests.campaign import damage
from tests.campaign.outcomes import DIFFERENT, DONE, Verdict, outcome, verdict
from tests.campaign.part import Part

ROOT = Path(__file__).parents[2]
ROOM = 4 << 30  # bytes that a mutated scenario may ask for: beyond that the machine "has" no more

# --- scenarios ------------------------------------------------------------------------------------------------


class Begun(Exception):
    """A run has begun: all that refuses has been passed."""


class AtOnce(Silent):
    """Stops a run before its first frame, and before anything is compiled."""

    def note(self, text: str) -> None:
        raise Begun

    def start(self, scenario_name: str, epochs: int, frames_per_epoch: int, first_frame: int) -> None:
        raise Begun


def scenarios(_: Path) -> list[str]:
    """The scenarios of the project that need no download, each a text that stands by itself."""
    found = []
    for path in sorted((ROOT / "scenarios").rglob("*.toml")):
        text = path.read_text()
        if '"mnist' in text or '"cifar10' in text:
            continue
        found.append(re.sub(r'"(\.\./)+models/', f'"{ROOT}/models/', text))
    assert len(found) > 20
    return found


_VALUES = (
    "0", "-1", "1", "2", "3", "0.5", "-0.0", "1e-300", "1e308", "nan", "inf", "true", "2147483648",
    "9223372036854775807", "9223372036854775808", "99999999999999999999999", "16777216", "[]", "[[]]", "{}", "[1, 2]",
    '""', '"none"', '"all"', '"sign"', '"uniform"', '"ternary"', '"log2"', '"bp"', '"arbp"', '"pipelined"', '"1 h"',
    '"1 (us"', '"-1 us"', '"1e30 s"', '"10 Mbit/s"', '"0 bit/s"', '"../.."', '"/dev/zero"', '"x.npz"',
    '"a\\u001b[2Jb"', "{ kind = \"sign\" }", "{ value = 0.1 }", "{ range = [1, 3] }", "1979-05-27", "0x10", "'''x'''",
)  # fmt: skip
_KEYS = (
    "training.momentum", "training.batch", "training.epochs", "training.decay", "training.weight_decay", "seed",
    "learning.rule", "learning.derivative", "learning.feedback.connections", "learning.feedback.congruent", "data.name",
    "data.train", "data.test", "data.validation", "data.normalize", "data.scale", "data.target", "model.layers.0.units",
    "model.weights.gain", "channels.forward.latency", "channels.learning.quantize", "channels.learning.threshold",
    "channels.learning.residual", "channels.learning.bandwidth", "channels.learning.queue", "schedule.mode",
    "channels.learning.deadline", "schedule.interval", "schedule.stash", "synapses.update", "compute.forward",
    "trace.events", "trace.weights", "trace.probe", "energy.mac", "self", "schedule.change",
)  # fmt: skip


def mutated(rng: Random, texts: list[str]) -> tuple[str, list[str]]:
    """A scenario with one to three mistakes, and settings (--set) that are mistakes, too."""
    text, settings = rng.choice(texts), []
    for _ in range(rng.choice([1, 1, 2, 3])):
        kind = rng.choice(["value", "value", "value", "set", "line", "twice", "other line", "bytes", "key", "change"])
        lines = text.split("\n")
        at = rng.randrange(len(lines))
        if kind == "value":
            found = [match.span(1) for match in re.finditer(r"=\s*([^\s#\]},]+)", text)]
            start, end = rng.choice(found or [(0, 0)])
            text = text[:start] + rng.choice(_VALUES) + text[end:]
        elif kind == "set":
            settings.append(f"{rng.choice(_KEYS)}={rng.choice(_VALUES)}")
        elif kind == "change":
            frame, epoch = rng.choice([0, 1, 5, 10**6, -1]), rng.choice([0, 1, 2, 10**6])
            when = rng.choice([f"frame = {frame}", f"epoch = {epoch}"])
            text += f"\n[[schedule.change]]\n{when}\nchannels.learning.{rng.choice(['latency', 'drop'])} = 0\n"
        elif kind == "line":
            text = "\n".join(lines[:at] + lines[at + 1 :])
        elif kind == "twice":
            text = "\n".join([*lines[: at + 1], *lines[at:]])
        elif kind == "other line":
            other = rng.choice(texts).split("\n")
            text = "\n".join([*lines[:at], rng.choice(other), *lines[at:]])
        elif kind == "key":
            text = (
                re.sub(r"(?m)^(\w+)(\s*=)", r"\1x\2", text, count=1) if rng.random() < 0.3 else text[: len(text) - at]
            )
        else:
            where = rng.randrange(len(text) + 1)
            text = (
                text[:where]
                + rng.choice(["\0", "[", "{", '"', "\ufeff", "=", "[" * 300, "é", "\n", "9" * 5000])
                + text[where:]
            )
    return text, settings


def mutant(texts: list[str], seed: int, folder: Path) -> Verdict:
    """`check` and `run` say the same of a mutated scenario: both refuse it in one line, or both take it."""
    rng = Random(seed)
    text, settings = mutated(rng, texts)
    file = folder / "mutant.toml"
    content = text.encode()
    if rng.random() < 0.02:
        content = content[: len(content) // 2] + b"\xff\xfe" + content[len(content) // 2 :]
    file.write_bytes(content)
    about = f"{text[:60]!r} ... {settings}"

    def both() -> str:
        scenario = cs.load(file, set=settings)
        said = []
        for act in (lambda: cs.check(scenario), lambda: _begin(scenario, folder / "run.h5")):
            try:
                act()
            except (cs.InputError, MemoryError) as error:
                said.append(str(error) or "memory")
        if len(said) == 1:
            return said[0]
        if said:
            raise cs.InputError(said[0])
        return ""

    found = outcome(both, memory=ROOM)
    if found[0] == DONE and found[1]:
        return Verdict(DIFFERENT, f"{about}: one of check and run refuses it: {found[1]}")
    return verdict(found, about=about)


def _begin(scenario: cs.Scenario, path: Path) -> None:
    try:
        cs.run(scenario, path, progress=AtOnce())
    except Begun:
        return


# --- data -----------------------------------------------------------------------------------------------------


def files(folder: Path) -> Path:
    """A small set of each format."""
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (60, 28, 28), np.uint8), (np.arange(60) % 10).astype(np.uint8)
    np.savez_compressed(
        folder / "packed.npz", train_x=x.reshape(60, -1), train_y=y, test_x=x[:20].reshape(20, -1), test_y=y[:20]
    )
    np.savez(folder / "plain.npz", train_x=x.reshape(60, -1), train_y=y, test_x=x[:20].reshape(20, -1), test_y=y[:20])
    for kind, ending in (("gzip", ".gz"), ("idx", "")):
        (folder / kind / "mnist").mkdir(parents=True)
        for part, n in (("train", 60), ("t10k", 20)):
            idx.write(folder / kind / "mnist" / f"{part}-images-idx3-ubyte{ending}", x[:n])
            idx.write(folder / kind / "mnist" / f"{part}-labels-idx1-ubyte{ending}", y[:n])
    return folder


def damaged_file(whole: Path, seed: int, folder: Path) -> Verdict:
    """A damaged file of data is refused, or read as it was written."""
    rng = Random(seed)
    kind = rng.choice(["packed.npz", "plain.npz", "gzip", "idx"])
    if kind.endswith(".npz"):
        path = folder / kind
        shutil.copy(whole / kind, path)
        reads = partial(_digests, str(path))
    else:
        shutil.copytree(whole / kind, folder / "data")
        path = rng.choice(sorted((folder / "data" / "mnist").iterdir()))
        reads = partial(_digests, "mnist", folder / "data")
    how = rng.choice(sorted(_WAYS))
    _WAYS[how](rng, path)
    expected = _digests(str(whole / kind)) if kind.endswith(".npz") else _digests("mnist", whole / kind)
    found = outcome(reads, memory=ROOM)
    if found[0] == DONE and found[1] != expected:
        return Verdict(DIFFERENT, f"{path.name}, {how}: read as other data")
    return verdict(found, about=f"{path.name}, {how}")


def _digests(name: str, data: Path | None = None) -> str:
    with mock.patch.dict(os.environ, {"CHANNELSIM_DATA": str(data)} if data else {}):
        return json.dumps(load_dataset(name=name).digests, sort_keys=True)


def _bytes(rng: Random, path: Path) -> None:
    """Flipped, cut, lengthened. An IDX file that is not packed has no checksum: there it is the header's 16 bytes."""
    if path.suffix in (".npz", ".gz"):
        rng.choice(list(damage.BYTES.values()))(rng, path)
        return
    content = bytearray(path.read_bytes())
    if rng.random() < 0.5:
        content = content[: rng.randrange(len(content))] if rng.random() < 0.5 else content + rng.randbytes(7)
    else:
        content[rng.randrange(8)] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def _announced(rng: Random, path: Path) -> None:
    """A header that announces more than there is, up to what no machine has."""
    shape = rng.choice([(1 << 20, 1 << 11, 1 << 11), (1 << 31, 1, 1), (61, 28, 28), (60, 28, 27)])
    if path.suffix == ".npz":
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
            head += " " * (63 - (len(head) + 10) % 64) + "\n"
            with archive.open("validation_x.npy", "w") as array:
                array.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
        return
    content = bytearray(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
    sizes = shape[: content[3]]
    content[4 : 4 + 4 * len(sizes)] = b"".join(size.to_bytes(4, "big") for size in sizes)
    path.write_bytes(gzip.compress(bytes(content)) if path.suffix == ".gz" else bytes(content))


def _bomb(rng: Random, path: Path) -> None:
    """Megabytes of zeros that take kilobytes."""
    if path.suffix == ".npz":
        np.savez_compressed(path, train_x=np.zeros((1 << 14, 1 << 12), np.uint8))
    else:
        path.write_bytes(gzip.compress(bytes(1 << 26)))


def _special(rng: Random, path: Path) -> None:
    """No regular file."""
    damage.become(path, rng.choice(["FIFO", "directory", "device", "circle", "nothing"]))


_WAYS: dict[str, Callable[[Random, Path], None]] = {
    "bytes": _bytes, "more bytes": _bytes, "bytes again": _bytes, "announced": _announced, "a bomb": _bomb,
    "no file": _special,
}  # fmt: skip

PARTS = [
    Part("mutated scenarios", "scenarios", 10_000, 25, scenarios, mutant),
    Part("damaged files of data", "files", 300, 12, files, damaged_file),
]
