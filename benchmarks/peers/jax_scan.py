"""JAX: `jit` and `lax.scan` over a whole epoch, parameters donated, data on the device, the order made outside."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from benchmarks.work import Matrix, Task

NAME, VERSION = "JAX scan", jax.__version__


class JaxScan:
    """W is kept as (n, fan-in), and online two frames are unrolled.

    At batch 1 this is a tenth to a fifth faster than (fan-in, n) and one frame; four frames, and sums of products in
    place of matrix products, were tried too.
    """

    def __init__(self, task: Task) -> None:
        self.batch = task.batch
        self.x = jnp.asarray(task.x)
        self.targets = jnp.asarray(np.eye(10, dtype=np.float32)[task.y])
        self.c = tuple(map(jnp.asarray, task.feedback))
        self.parameters = (
            tuple(jnp.array(w.T, copy=True) for w in task.weights),
            tuple(jnp.array(b, copy=True) for b in task.biases),
        )
        self.epoch = jax.jit(partial(_epoch, rule=task.rule, rate=task.rate), donate_argnums=0)

    def train(self, order: NDArray[np.int64]) -> int:
        frames = order.reshape(-1, self.batch) if self.batch > 1 else order
        self.parameters = self.epoch(self.parameters, self.x, self.targets, self.c, jnp.asarray(frames, jnp.int32))
        jax.block_until_ready(self.parameters)
        return len(frames)

    def weights(self) -> tuple[tuple[Matrix, ...], tuple[Matrix, ...]]:
        w, b = self.parameters
        return tuple(np.array(each).T for each in w), tuple(np.array(each) for each in b)


def _epoch(parameters, x, targets, c, order, *, rule, rate):
    online = order.ndim == 1
    frame = _one if online else _many

    def step(parameters, samples):
        return frame(parameters, x[samples], targets[samples], c, rule, rate), None

    return jax.lax.scan(step, parameters, order, unroll=2 if online else 1)[0]


def _one(parameters, x, target, c, rule, rate):
    """Batch 1, on vectors: XLA then fuses each outer product into the update of W, which stays in place."""
    inputs, signals = _signals(parameters, x, target, c, rule)
    w, b = parameters
    return (
        tuple(w[h] + (rate * signals[h])[:, None] * inputs[h][None, :] for h in range(len(w))),
        tuple(b[h] + rate * signals[h] for h in range(len(b))),
    )


def _many(parameters, x, target, c, rule, rate):
    inputs, signals = _signals(parameters, x, target, c, rule)
    w, b = parameters
    scale = rate / len(x)
    return (
        tuple(w[h] + (scale * signals[h]).T @ inputs[h] for h in range(len(w))),
        tuple(b[h] + scale * signals[h].sum(0) for h in range(len(b))),
    )


def _signals(parameters, x, target, c, rule):
    w, b = parameters
    top = len(w) - 1
    inputs = [x]
    for h in range(top):
        inputs.append(jnp.tanh(_product(w[h], inputs[h]) + b[h]))
    e = target - jax.nn.softmax(_product(w[top], inputs[top]) + b[top])
    signals = [e]
    for h in range(top - 1, -1, -1):
        error = e @ c[h] if rule == "srbp" else signals[0] @ w[h + 1]
        signals.insert(0, error * (1 - inputs[h + 1] ** 2))
    return inputs, signals


def _product(w, x):
    """W x; written as x W^T, XLA would transpose W for every vector."""
    return w @ x if x.ndim == 1 else x @ w.T
