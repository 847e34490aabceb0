"""Stages of the user's own: which part works on which channel's messages, and where its state lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from channelsim import parts
from channelsim.errors import InputError
from channelsim.extend import PLACES
from channelsim.parts import Part
from channelsim.scenario import Channel

FIRST_DRAW = 1 << 40
"""A part's draws begin at its number on the channel times this: no message has as many values."""


@dataclass(frozen=True)
class OwnStage:
    """A stage on a channel.

    Attributes:
        channel: its index.
        place: of `extend.PLACES`, the index.
        part: the function.
        first_draw: the index of its first draw.
        state_offset, state_size: of its state in the flat buffer of all states; (state, n) numbers.
    """

    channel: int
    place: int
    part: Part
    first_draw: int
    state_offset: int
    state_size: int


def at_the_sender(channel: Channel) -> int:
    """How many of a channel's stages work before the threshold."""
    return sum(parts.stage_of(found).place == "before threshold" for found in parts_of(channel))


def parts_of(channel: Channel) -> list[Part]:
    """The stages of a channel, in their order."""
    return [parts.part(own.use, own.parameters) for own in channel.stage]


def own_stages(
    names: Sequence[str], channels: NDArray[Any], links: NDArray[Any], settings: Sequence[Channel]
) -> tuple[OwnStage, ...]:
    """All stages of the user's own, by channel and place.

    Raises InputError, with the channel's name, for a part that raises, returns something else than it should, or does
    not go with the channel.
    """
    found, offset = [], 0
    for c, (name, row, channel) in enumerate(zip(names, channels, settings, strict=True)):
        keeps = channel.residual is not None and channel.threshold is None and channel.quantize is None
        if keeps and not at_the_sender(channel):
            raise InputError(
                f"channels.{name}.residual = {channel.residual!r}: its stages are on the way, so nothing is held back; "
                'accepted: a stage before the threshold, a threshold or quantize beside it, or "none"'
            )
        for number, part in enumerate(parts_of(channel)):
            note, n = parts.stage_of(part), int(row["n"])
            try:
                parts.try_out(part, n)
            except InputError as error:
                raise InputError(f"channels.{name}.stage: {error}") from None
            if note.place == "before threshold" and channel.residual == "threshold":
                raise InputError(
                    f'channels.{name}.residual = "threshold" with {part.name} before the threshold: what is held back'
                    ' is not what there was to send; accepted: "error_feedback", or no residual'
                )
            if note.state and note.place != "before threshold" and links["queue"][row["link"]] >= 0:
                raise InputError(
                    f"channels.{name}.queue: with {part.name}, which keeps a state on the way; accepted: no queue"
                )
            size = note.state * n
            found.append(OwnStage(c, PLACES.index(note.place), part, number * FIRST_DRAW, offset, size))
            offset += size
    return tuple(sorted(found, key=lambda own: (own.channel, own.place)))
