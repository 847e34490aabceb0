"""Transfer functions of the user's own: which part is f of which layer."""

from __future__ import annotations

from channelsim import own_transfers, parts
from channelsim.errors import InputError
from channelsim.parts import Part
from channelsim.scenario import Layer, Model


def own_transfer(layer: Layer) -> Part | None:
    """The user's function that is a layer's f; None where f is another one."""
    return parts.part(layer.own.use, layer.own.parameters) if layer.own else None


def tried(layer: Layer, key: str) -> Part | None:
    """The same after a try. Raises InputError, with the layer's key, where f or f' fails."""
    try:
        if (part := own_transfer(layer)) is not None:
            own_transfers.try_out(part)
    except InputError as error:
        raise InputError(f"{key}: {error}") from None
    return part


def own_transfers_of(model: Model) -> tuple[Part | None, ...]:
    """By layer, from the input, which has none, to the top."""
    return (None, *(own_transfer(layer) for layer in model.chain()))
