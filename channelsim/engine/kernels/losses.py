"""The loss of one sample."""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.kernels import elementary, transfers

ZERO, ONE = np.float32(0.0), np.float32(1.0)


@inner()
def score(transfer, output, target):
    """(loss, correct) of one sample with the target vector T: cross-entropy for softmax, else half the squared error.

    Correct means that the first of the largest outputs is where T is 1.
    """
    best, loss = 0, 0.0
    for j in range(len(output)):
        if output[j] > output[best]:
            best = j
    if transfer == transfers.SOFTMAX:
        for j in range(len(output)):
            if target[j] != ZERO:
                p = np.float64(output[j])
                loss -= np.float64(target[j]) * elementary.log(p if p > 1e-38 or p != p else 1e-38)
    else:
        for j in range(len(output)):
            e = np.float64(target[j]) - np.float64(output[j])
            loss += 0.5 * e * e
    return loss, target[best] == ONE
