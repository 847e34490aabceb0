"""How well a network has learned by the end of an epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Metrics:
    """Figures of one epoch. Accuracies are shares from 0 to 1. NaN is what there is not: no such samples, no accuracy
    of real targets, no R^2 of classes.

    Attributes:
        epoch: epochs done; 0 before the first, when losses, accuracies and R^2 are NaN.
        train_loss, train_accuracy, train_r2: means during the epoch, each sample as its frame passed.
        test_loss, test_accuracy, test_r2: on the test set at the epoch's end, as trained.
        test_loss_deployed, test_accuracy_deployed, test_r2_deployed: the same as deployed.
        validation_loss, validation_accuracy, validation_r2: on samples held out.
        energy: J spent since the run began.
        updates: of the top layer since the run began.
        simulated_time_s: what the simulated clock shows at the epoch's end.
        learning_entropy: as in `Result`, since the run began.
        own: metrics of the user's own, by name: "test_f1".
    """

    epoch: int = 0
    train_loss: float = math.nan
    train_accuracy: float = math.nan
    train_r2: float = math.nan
    test_loss: float = math.nan
    test_accuracy: float = math.nan
    test_r2: float = math.nan
    test_loss_deployed: float = math.nan
    test_accuracy_deployed: float = math.nan
    test_r2_deployed: float = math.nan
    validation_loss: float = math.nan
    validation_accuracy: float = math.nan
    validation_r2: float = math.nan
    energy: float = 0.0
    updates: int = 0
    simulated_time_s: float = 0.0
    learning_entropy: float = 0.0
    own: Mapping[str, float] = field(default_factory=dict)
