"""What a run writes down while it goes on: messages of some frames and channels, and values of layers and channels."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

ALL = -1
"""In the place of a channel: all of them. In that of a last frame: none is the last."""


class Watched(IntEnum):
    """Values that a frame leaves behind, and where: at a layer or on a channel."""

    ACTIVITY = 0  # O of a layer
    ERROR = 1  # R of a layer
    SENT = 2  # a channel's message after threshold and quantizer
    DELIVERED = 3  # what arrives of it


@dataclass(frozen=True)
class Window:
    """Messages of frames first .. stop - 1 on a channel, for /events."""

    first: int
    stop: int
    channel: int = ALL


@dataclass(frozen=True)
class Series:
    """Values of every `every`-th frame from `first` to stop - 1, of the first so many samples of each (ALL: of all)."""

    kind: Watched
    place: int  # layer or channel
    first: int = 0
    stop: int = ALL
    every: int = 1
    samples: int = ALL


@dataclass(frozen=True)
class Snapshots:
    """W, b or C (`what`: weights, biases or feedback) of these layers, as they are before every `every`-th frame from
    `first` to stop - 1 enters."""

    what: str
    layers: tuple[int, ...]
    first: int = 0
    stop: int = ALL
    every: int = 1


@dataclass(frozen=True)
class Recording:
    """Messages and values that a run writes down, and of each epoch metrics of the user's own (split, name); with
    `watch` also the values of the last frames."""

    windows: tuple[Window, ...] = ()
    series: tuple[Series, ...] = ()
    snapshots: tuple[Snapshots, ...] = ()
    metrics: tuple[tuple[str, str], ...] = ()
    watch: bool = False

    @property
    def values(self) -> bool:
        """Whether any values may be written down."""
        return self.watch or bool(self.series)
