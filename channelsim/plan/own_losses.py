"""A loss of the user's own: which part it is."""

from __future__ import annotations

from channelsim import own_losses, parts
from channelsim.errors import InputError
from channelsim.parts import Part
from channelsim.scenario import Scenario


def own_loss(scenario: Scenario) -> Part | None:
    """The user's function that is the loss; None where it is the top layer's."""
    own = scenario.training.own_loss
    return parts.part(own.use, own.parameters) if own else None


def tried(scenario: Scenario, outputs: int) -> Part | None:
    """The same after a try on so many outputs. Raises InputError, with the key, where it fails."""
    try:
        if (part := own_loss(scenario)) is not None:
            own_losses.try_out(part, outputs)
    except InputError as error:
        raise InputError(f"training.loss: {error}") from None
    return part
