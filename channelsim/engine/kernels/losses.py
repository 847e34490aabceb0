"""The loss of one sample."""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.kernels import elementary, transfers

ZERO, ONE = np.float32(0.0), np.float32(1.0)


@inner()
def score(transfer, output, target):
    """(loss, correct) of one sample: cross-entropy for softmax, else half the squared error."""
    best, loss = 0, 0.0
    for j in range(len(output)):
        if output[j] > output[best]:
            best = j
    if transfer == transfers.SOFTMAX:
        p = np.float64(output[target])
        loss = -elementary.log(p if p > 1e-38 or p != p else 1e-38)
    else:
        for j in range(len(output)):
            e = np.float64(ONE if j == target else ZERO) - np.float64(output[j])
            loss += 0.5 * e * e
    return loss, best == target
