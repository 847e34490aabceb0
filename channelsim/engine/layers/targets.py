"""What the top layer compares with: the targets T of the samples, real vectors. Class labels are the one-hot case."""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.kernels import simd

ZERO, ONE = np.float32(0.0), np.float32(1.0)


@inner(inlined=True)
def target_of(labels, targets, sample, out):
    """out = T of one sample: a row of `targets`, or where there are none the one-hot vector of its label."""
    n = len(out)
    if len(targets) > 0:
        for j in range(n):
            out[j] = targets[sample * n + j]
    else:
        for j in range(n):
            out[j] = ZERO
        out[labels[sample]] = ONE


@inner(inlined=True)
def prefetch(net, sample):
    """Prefetches what `target_of` reads of a sample."""
    if len(net.targets) > 0:
        n = net.layers[net.config.top].n
        simd.prefetch(net.targets[sample * n : sample * n + n])
    else:
        simd.prefetch(net.labels[sample : sample + 1])
