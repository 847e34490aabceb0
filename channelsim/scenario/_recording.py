"""What of a run is written down frame by frame: windows of messages, and values of layers and channels."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from channelsim.scenario._table import Table, TableError, shown
from channelsim.scenario._types import Listed, NoneWord, PositiveInt

Instant = Annotated[
    str,
    Field(pattern=r"^(epoch [1-9]\d{0,8}|frame \d{1,15})$"),
    Field(json_schema_extra={"x-accepted": '"epoch N" (counted from 1) or "frame N" (counted from 0)'}),
]
Interval = Annotated[
    str,
    Field(pattern=r"^[1-9]\d{0,8} (frames?|epochs?)$"),
    Field(json_schema_extra={"x-accepted": '"N frames" or "N epochs"'}),
]
_Channels = Annotated[Annotated[tuple[str, ...], Field(min_length=1), Listed] | None, NoneWord]

ON_CHANNELS = ("sent", "delivered")
SYNAPSES = ("weights", "biases", "feedback")


class Window(Table):
    """Frames of which all messages are kept."""

    start: Instant = Field(default="frame 0", alias="from")
    """The first of them: "epoch N", its first frame, or "frame N"."""
    frames: PositiveInt
    """How many."""
    channels: _Channels = None
    """Messages of these channels only, by name; "none": of all."""


_WORD = r"^(none|first [1-9]\d{0,8} frames?)$"
_ACCEPTED = '"none", "first N frames", or tables { from = "epoch N", frames = N, channels = [...] }'


def _events(value: Any) -> Any:
    """The word as it is, and tables as a tuple of windows."""
    if isinstance(value, str) and re.match(_WORD, value):
        return value
    tables = [value] if isinstance(value, dict | Window) else value
    if not isinstance(tables, list | tuple) or not tables or not all(isinstance(one, dict | Window) for one in tables):
        raise TableError([((), f" = {shown(value)}; accepted: {_ACCEPTED}")])
    windows, problems = [], []
    for i, table in enumerate(tables):
        try:
            windows.append(table if isinstance(table, Window) else Window(**table))
        except TableError as error:
            problems += [((i, *path), text) for path, text in error.problems]
    if problems:
        raise TableError(problems)
    return tuple(windows)


_Word = Annotated[str, Field(pattern=_WORD)]
_Windows = Annotated[list[Window], Field(min_length=1)]
Events = Annotated[
    str | tuple[Window, ...],
    BeforeValidator(_events, json_schema_input_type=_Word | Window | _Windows),
    Field(json_schema_extra={"x-accepted": _ACCEPTED}),
]


class Record(Table):
    """Values that are written down every so many frames."""

    what: Literal["activity", "error", "sent", "delivered", "weights", "biases", "feedback"]
    """activity: O of layers; error: R of layers; sent, delivered: messages of channels; weights, biases, feedback: W, b
    and C of layers."""
    layers: Annotated[Annotated[tuple[PositiveInt, ...], Field(min_length=1), Listed] | None, NoneWord] = None
    """Of these layers; "none": of all that have such."""
    channels: _Channels = None
    """sent, delivered: of these channels; "none": of all."""
    every: Interval
    """"100 frames", "1 epoch"."""
    start: Instant = Field(default="frame 0", alias="from")
    """From this frame on: "epoch N" or "frame N"."""
    frames: Annotated[PositiveInt | None, NoneWord] = None
    """Of the frames that follow, only the first so many are looked at; "none": of all."""
    samples: Annotated[PositiveInt | None, NoneWord] = None
    """Only the first so many samples of a frame; "none": all."""

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        problems: list[tuple[tuple[str | int, ...], str]] = []
        other = "layers" if self.what in ON_CHANNELS else "channels"
        if getattr(self, other) is not None:
            accepted = "channels" if other == "layers" else "layers"
            problems.append(((other,), f' does not go with what = "{self.what}"; accepted: {accepted}'))
        if self.what in SYNAPSES and self.samples is not None:
            problems.append((("samples",), f' does not go with what = "{self.what}"; accepted: no such key'))
        if problems:
            raise TableError(problems)
        return self
