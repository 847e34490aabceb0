"""Whether the top layer fits what it has to learn."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

from channelsim.errors import InputError
from channelsim.scenario import Scenario, shape_in_words

_RANGES = {"tanh": (-1.0, 1.0), "logistic": (0.0, 1.0), "relu": (0.0, math.inf)}


def refuse_misfit(scenario: Scenario, outputs: int, real: bool) -> None:
    """Raises InputError for a top layer that has not a unit for each class or value of a target, and for cross-entropy
    where the targets are real."""
    model, name = scenario.model, scenario.data.called
    top, shape = model.chain()[-1].nonlinearity, model.shapes()[-1]
    if real and top == "softmax" and scenario.training.own_loss is None:
        raise InputError(
            f"{model.where}: layers: the top layer is a softmax, whose loss is the cross-entropy of class labels, but "
            f'the data set \'{name}\' has real targets; accepted: a top with transfer = "linear", "tanh", "logistic" '
            'or "relu", whose loss is the squared error, or data with class labels'
        )
    units = math.prod(shape)
    if units == outputs:
        return
    size = f" ({shape_in_words(shape)})" if len(shape) == 3 else ""
    values, classes = ("value", "class") if outputs == 1 else ("values", "classes")
    has = f"targets of {outputs} {values}" if real else f"{outputs} {classes}"
    numbers = not real and units == 1 and top != "softmax"
    hint = '; accepted: as many units, or data.target = "real" where the labels are numbers to learn' if numbers else ""
    raise InputError(
        f"{model.where}: layers: the top layer has {units} units{size}, but the data set '{name}' has {has}{hint}"
    )


def unreachable(scenario: Scenario, targets: NDArray[Any]) -> list[str]:
    """That real targets (N, n_L) lie beyond what the top's transfer function reaches; of class numbers, and
    with a loss of the user's own, nothing."""
    top = scenario.model.chain()[-1].nonlinearity
    if targets.ndim == 1 or top not in _RANGES or not targets.size or scenario.training.own_loss:
        return []
    least, most = _RANGES[top]
    low, high = float(targets.min()), float(targets.max())
    if least <= low and high <= most:
        return []
    reached = f"only {least:g}..{most:g}" if math.isfinite(most) else f"nothing below {least:g}"
    return [f"targets go from {low:.4g} to {high:.4g}, but the top layer is {top}, which reaches {reached}"]
