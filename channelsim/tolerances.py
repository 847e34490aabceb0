"""How far engine and reference may lie apart: every limit of `verify` and of the exactness tests."""

from __future__ import annotations

WEIGHTS = 1e-5
"""Largest difference of any W, b or C after an update, in units of the largest step of its layer; and, where the
problem is well-conditioned, in units of the largest weight or 1."""

LAST_DIGITS = 2.0**-22
"""The same for a weight's own rounding, in units of that weight: two of float32's last digits."""

SMALLEST = 2.0**-120
"""What is smaller counts as 0, in units of 1 or the largest number that may multiply it: float32 loses digits there."""

ROUNDING = 2.0**-23
"""One float32 rounding, in units of the number: so far the numbers of `sensitivity` are moved."""

ROUNDINGS = 32.0
"""So many times what moved numbers change is accepted: a sum of n terms is rounded n times."""

MOVED = 4
"""How many references with moved numbers there are: an even number, for they come in pairs."""

FLIPS = 1e-5
"""Largest share of values so close to a rounding boundary that two float32 sums fall on two sides of it."""

LEVEL_FLIPS = 2.0**-23
"""The same for each of the K positive levels of a uniform quantizer, where that is more (from 8 bits on): so much
of a message's largest value float32's last digit covers. Measured: a third of it."""

FLIP_DEVIATIONS = 3.0
"""A small number of flips is a matter of chance: so many standard deviations above the expected number pass."""

BOUNDARY = 1e-5
"""How close to a boundary that is, in units of the largest value of the message or matrix."""

WEIGHT_FLOOR = 2e-7
"""The same for a quantized weight's own rounding, in units of the largest weight or 1: twice float32's last digit."""

ACCURACY = 0.003
"""Largest difference of the mean test accuracy over seeds after some epochs (0.3 points)."""

ACCURACY_ONE_SEED = 0.01
"""The same for a single run, in which small differences have grown over thousands of updates."""

ACCURACY_DEVIATIONS = 3.0
"""On small test sets: so many standard errors of the difference are granted to a single run instead."""

LOSS_ONE_SEED = 0.01
"""Largest difference of the loss on real targets for a single run, in units of the loss of an output of 0."""
