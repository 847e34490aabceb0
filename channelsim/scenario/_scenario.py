"""The scenario: everything that a run depends on."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import PrivateAttr, model_validator

from channelsim.errors import InputError
from channelsim.paths import path_of
from channelsim.scenario import _checks, _words
from channelsim.scenario._document import lay_over, located_model, parse_key
from channelsim.scenario._given import located
from channelsim.scenario._keys import Keys
from channelsim.scenario._own import (
    located_metrics,
    located_own,
    located_parts,
    located_rule,
    located_use,
    refuse_outside,
)
from channelsim.scenario._own_rule import OwnRule
from channelsim.scenario._sections import is_path
from channelsim.scenario._table import TableError, shown
from channelsim.scenario._theory_document import with_system


class Scenario(Keys):
    """A network, its data, its channels and how it learns: all that a run depends on.

    Built from a TOML file (`load`) or in Python with the same keys, tables being dicts or the classes of
    `channelsim.scenario`. In Python, paths are relative to the working directory.

    Raises InputError that names the key and what would be accepted.
    """

    _text: str = PrivateAttr("")
    _written: dict[str, Any] | None = PrivateAttr(None)
    _trusted: bool = PrivateAttr(False)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = _checks.problems(self)
        if problems:
            raise TableError(problems)
        return self

    @property
    def path(self) -> Path | None:
        """The file it was read from."""
        return self._path

    @property
    def text(self) -> str:
        """The TOML text it was read from; empty for a scenario built in Python."""
        return self._text

    def document(self) -> dict[str, Any]:
        """The keys that were set, as plain values: what one would write to get this scenario again."""
        if self._written is not None:
            return copy.deepcopy(self._written)
        return self.model_dump(mode="json", exclude_unset=True)

    def with_(self, changes: Mapping[str, Any] | None = None, /, **tables: Any) -> Scenario:
        """A new scenario with some keys changed: dotted, `with_({"learning.rule": "rbp"})`, or nested dicts.

        A name with a dot in it is quoted, as in TOML: `{'channels."learning.2".latency': "20 us"}`. A dict
        for a section, a channel or a link changes the keys in it; other values, such as `quantize`, are
        replaced whole.
        Raises InputError as the constructor does.
        """
        document = self.document()
        for key, value in {**(changes or {}), **tables}.items():
            lay_over(document, parse_key(key), value)
        return from_document(document, self._path, self._text, self._trusted)

    @property
    def resolved(self) -> dict[str, Any]:
        """Every key with its value, defaults filled in and channels merged, as values that JSON knows.

        Durations, rates and energies are text with units. `Scenario(**scenario.resolved)` means the same.
        """
        document = self.model_dump(mode="json")
        document["model"]["layers"] = [layer.model_dump(mode="json") for layer in self.model.chain()]
        document["channels"] = {name: self.settings(name).model_dump(mode="json") for name in self.channel_names}
        for written, change in zip(document["schedule"]["change"], self.schedule.change, strict=True):
            for name, channel in change.channels.items():
                settings = written["channels"][name]
                written["channels"][name] = {key: settings[key] for key in sorted(channel.model_fields_set)}
        for key in ("forward", "learning"):
            times = document["compute"][key]
            document["compute"][key] = times * self.depth if len(times) == 1 else times
        return document

    def own_files(self) -> tuple[str, ...]:
        """The Python files of the user's own parts."""
        uses = [own.use for channel in self.channels.values() for own in channel.stage]
        uses += self.own_uses().values()
        uses += [self.data.dataset.use] if self.data.dataset is not None else []
        uses += [own.use for own in self.metrics.values()]
        uses += [self.learning.rule.use] if isinstance(self.learning.rule, OwnRule) else []
        return tuple(sorted({use.rpartition(":")[0] for use in uses}))

    def own_uses(self) -> dict[str, str]:
        """The functions of Python files that model and training name: key -> "FILE.py:FUNCTION"."""
        loss = self.training.own_loss
        return {**self.model.own_uses(), **({"training.loss": loss.use} if loss else {})}

    def digest(self) -> str:
        """12 hexadecimal digits for what is computed: the same whatever the names, trace and sweep."""
        document = self.resolved
        for key in ("name", "trace", "sweep"):
            del document[key]
        del document["model"]["name"]
        for key in ("normalize", "flip", "shift"):  # unused they say nothing, as before there were such keys
            if not document["data"][key]:
                del document["data"][key]
        for key in ("scale", "target"):
            if document["data"][key] == "auto":
                del document["data"][key]
        for key in ("idx", "dataset", "train_x", "train_y", "test_x", "test_y"):
            if document["data"][key] is None:
                del document["data"][key]
        for channel in document["channels"].values():
            if not channel["stage"]:
                del channel["stage"]
        for change in document["schedule"]["change"]:
            for channel in change["channels"].values():
                channel.pop("stage", None)  # no change has any
        if not document["metrics"]:
            del document["metrics"]
        if self.training.own_loss is None:
            del document["training"]["loss"]  # the top layer's transfer function says it
        del document["model"]["bias"]  # the layers say it
        for layer in document["model"]["layers"]:
            for key, usual in (("bias", True), ("W", None), ("b", None)):
                if layer.get(key) == usual:
                    layer.pop(key, None)
        for table, key in ((document["model"], "weights"), (document["learning"], "feedback")):
            unused: dict[str, Any] = {"from": None, "epoch": None, "feedback": True, "C": {}}
            unused |= {"mean": 0.0, "redraw": None, "copies": 1, "rank": None}
            table[key] = {word: value for word, value in table[key].items() if value != unused.get(word, ...)}
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:12]

    def advice(self, samples: int | None = None) -> list[str]:
        """What is allowed but hardly meant, a sentence each: e.g. a deadline that nothing can meet.

        `samples` is the size of the training set, which frames of `batch = "all"` have; without it nothing is said of
        such frames.
        """
        return _checks.advice(self, samples)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and self.resolved == other.resolved

    def __hash__(self) -> int:
        return hash(self.digest())

    def __repr__(self) -> str:
        return "\n".join(f"{label:<12}{value}" for label, value in _words.summary(self))

    __str__ = __repr__

    def _repr_html_(self) -> str:
        from html import escape

        left = "style='text-align:left'"
        rows = "".join(
            f"<tr><th {left}>{escape(label)}</th><td {left}>{escape(value)}</td></tr>"
            for label, value in _words.summary(self)
        )
        return f"<table>{rows}</table>"


def located_data(data: dict[str, Any], folder: Path, trusted: bool) -> dict[str, Any]:
    """[data] with its files relative to `folder`; InputError for code that is not `trusted`."""
    placed: dict[str, Any] = {}
    if "dataset" in data:
        placed["dataset"] = located_own(data["dataset"], "data.dataset", folder, trusted)
    if isinstance(data.get("idx"), Mapping):
        files = data["idx"].items()
        placed["idx"] = {key: str(folder / path_of(name)) if isinstance(name, str) else name for key, name in files}
    if is_path(str(data.get("name", ""))):
        placed["name"] = str(folder / path_of(data["name"]))
    return {**data, **placed}


def only_scenario(given: object) -> None:
    """Raises InputError for anything else, such as the path of a scenario's file."""
    if not isinstance(given, Scenario):
        path = (
            f"channelsim.load({os.fspath(given)!r})"
            if isinstance(given, str | os.PathLike)
            else "channelsim.load(path)"
        )
        raise InputError(f"{shown(given)} is no scenario; accepted: a Scenario, such as {path} returns")


def from_document(document: dict[str, Any], path: Path | None, text: str, trusted: bool = False) -> Scenario:
    """The scenario of `document`, with paths relative to the file at `path`, which errors name.

    Only if it is `trusted` it may name Python files outside of its folder.
    """
    written = document
    try:
        document = with_system(document, path.stem if path else "theory") if "theory" in document else dict(document)
    except InputError as error:
        raise InputError(f"{path}: {error}" if path else str(error)) from None
    folder = path.parent if path else Path()
    for key, placed in (("channels", located_parts), ("learning", located_rule), ("metrics", located_metrics)):
        if key in document:
            try:
                document[key] = placed(document[key], folder, trusted or path is None)
            except InputError as error:
                raise InputError(f"{path}: {error}") from None
    model, data = document.get("model"), document.get("data")
    if isinstance(model, str):
        document["model"] = folder / path_of(model)
    elif isinstance(model, dict):
        document["model"] = located_model(model, folder)
    training = document.get("training")
    if isinstance(training, dict) and "loss" in training:
        document["training"] = {**training, "loss": located_use(training["loss"], folder)}
    learning = document.get("learning")
    if isinstance(learning, dict) and "feedback" in learning:
        document["learning"] = {**learning, "feedback": located(learning["feedback"], folder)}
    if isinstance(data, dict):
        try:
            document["data"] = located_data(data, folder, trusted or path is None)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    try:
        scenario = Scenario(**document)
    except TableError as error:
        raise InputError(f"{path}: {error}" if path else str(error)) from None
    for key, use in scenario.own_uses().items() if path and not trusted else ():
        try:
            refuse_outside(key, use, folder)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    scenario._path, scenario._text, scenario._trusted = path, text, trusted
    scenario._written = written if "theory" in written else None
    return scenario
