"""How long runs take on this machine: what a short probe of each variant measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Speed:
    """Seconds that runs of a variant take.

    Attributes:
        run: around a run: loading and preparing images, writing the trace.
        epoch: at the end of each epoch: measuring accuracies.
        image: for each training image that is shown.
    """

    run: float
    epoch: float
    image: float

    def seconds(self, epochs: int, images: int) -> float:
        """Of a run of so many epochs with so many training images each."""
        return self.run + epochs * (self.epoch + images * self.image)


# What a campaign whose runs are short, and so many that a probe of each would not be, estimates with: means over the
# variants on a core of the machine of docs/results.md.
MNIST = Speed(run=0.4, epoch=0.02, image=5.5e-6)
ONLINE = Speed(run=0.4, epoch=0.02, image=11e-6)
SAMPLED = Speed(run=0.4, epoch=0.02, image=60e-6)  # updates quantized sample by sample
CODED = Speed(run=0.4, epoch=0.02, image=23e-6)  # errors in the arithmetic code
CIFAR10 = Speed(run=4.0, epoch=5.0, image=0.66e-3)

FEW = 100
"""Training images of a run that shows what the end of an epoch takes."""

EPOCHS = 3
"""Of the runs of a probe: the first one warms up."""


def measured(few: Sequence[float], many: Sequence[float], whole: float, images: int) -> Speed:
    """The speed of a run with so many images, by the wall times at the ends of its epochs, those of a run with few
    images, and its whole wall time.

    The first epoch does not count: compiled functions are loaded in it.
    """
    epoch, long = _mean_step(few), _mean_step(many)
    return Speed(max(whole - len(many) * long, 0.0), epoch, max(long - epoch, 0.0) / images)


def _mean_step(times: Sequence[float]) -> float:
    return (times[-1] - times[0]) / (len(times) - 1)
