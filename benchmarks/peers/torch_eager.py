"""PyTorch, eager: hand-written rules in place on preallocated tensors, without autograd."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.work import Matrix, Task

NAME, VERSION = "PyTorch eager", torch.__version__


class TorchEager:
    """W is kept as (n, fan-in), and batch 1 is a matrix of one row.

    Keeping it as (fan-in, n), and `addmv`, `mv` and `addr_` on vectors at batch 1, were tried and are slower.
    """

    def __init__(self, task: Task) -> None:
        torch.set_num_threads(1)
        tensor = torch.from_numpy
        self.rule, self.batch, self.rate = task.rule, task.batch, task.rate
        self.x, self.targets = tensor(task.x), torch.eye(10)[tensor(task.y).long()]
        self.w = [tensor(w.T.copy()) for w in task.weights]
        self.transposed = [w.t() for w in self.w]  # views, made once
        self.b = [tensor(b.copy()) for b in task.biases]
        self.c = [tensor(c.copy()) for c in task.feedback]
        self.o = [torch.empty(task.batch, w.shape[1]) for w in task.weights]
        self.r = [torch.empty_like(o) for o in self.o]
        self.slope = [torch.empty_like(o) for o in self.o]
        self.image = torch.empty(task.batch, task.x.shape[1])
        self.target = torch.empty(task.batch, self.targets.shape[1])

    @torch.inference_mode()
    def train(self, order: NDArray[np.int64]) -> int:
        if self.batch == 1:  # views of one image; nothing is copied
            for sample in order.tolist():
                self._frame(self.x[sample : sample + 1], self.targets[sample : sample + 1])
            return len(order)
        frames = torch.from_numpy(order).split(self.batch)
        for samples in frames:
            x, target = self.image[: len(samples)], self.target[: len(samples)]
            torch.index_select(self.x, 0, samples, out=x)
            torch.index_select(self.targets, 0, samples, out=target)
            self._frame(x, target)
        return len(frames)

    def _frame(self, x: torch.Tensor, target: torch.Tensor) -> None:
        w, b, r, count = self.w, self.b, self.r, len(x)
        if count < self.batch:
            r = [buffer[:count] for buffer in r]
        top, inputs = len(w) - 1, [x]
        for h in range(top + 1):
            o = self.o[h] if count == self.batch else self.o[h][:count]
            torch.addmm(b[h], inputs[h], self.transposed[h], out=o)
            if h < top:
                o.tanh_()
            else:
                torch.softmax(o, 1, out=o)
            inputs.append(o)
        torch.sub(target, inputs[-1], out=r[top])
        for h in range(top - 1, -1, -1):
            o, slope = inputs[h + 1], self.slope[h] if count == self.batch else self.slope[h][:count]
            if self.rule == "srbp":
                torch.mm(r[top], self.c[h], out=r[h])
            else:
                torch.mm(r[h + 1], w[h + 1], out=r[h])
            torch.mul(o, o, out=slope)
            r[h].addcmul_(r[h], slope, value=-1)  # times f' = 1 - O^2
        for h in range(top + 1):
            w[h].addmm_(r[h].t(), inputs[h], alpha=self.rate / count)
            b[h].add_(r[h][0] if count == 1 else r[h].sum(0), alpha=self.rate / count)

    def weights(self) -> tuple[tuple[Matrix, ...], tuple[Matrix, ...]]:
        return tuple(w.numpy().T for w in self.w), tuple(b.numpy().copy() for b in self.b)
