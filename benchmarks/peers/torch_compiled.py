"""PyTorch, `torch.compile`: the same rules, left to Inductor to fuse; only the weights are updated in place.

The update is `addmm_`: for `w.add_(x.t() @ r, alpha=...)` Inductor of PyTorch 2.13 makes code that leaves out alpha.
The C++ wrapper costs least a call.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.work import Matrix, Task

NAME, VERSION = "torch.compile", torch.__version__


class TorchCompiled:
    """One compiled function per frame. Raises whatever Inductor raises where it finds no compiler."""

    def __init__(self, task: Task) -> None:
        torch.set_num_threads(1)
        tensor = torch.from_numpy
        self.batch = task.batch
        self.x, self.targets = tensor(task.x), torch.eye(10)[tensor(task.y).long()]
        self.w = [tensor(w.copy()) for w in task.weights]
        self.b = [tensor(b.copy()) for b in task.biases]
        self.frame = _compiled([tensor(c.copy()) for c in task.feedback], task.rule, task.rate)

    @torch.no_grad()
    def train(self, order: NDArray[np.int64]) -> int:
        if self.batch == 1:
            for sample in order.tolist():
                self.frame(self.x[sample : sample + 1], self.targets[sample : sample + 1], self.w, self.b)
            return len(order)
        frames = torch.from_numpy(order).split(self.batch)
        for samples in frames:
            self.frame(self.x[samples], self.targets[samples], self.w, self.b)
        return len(frames)

    def weights(self) -> tuple[tuple[Matrix, ...], tuple[Matrix, ...]]:
        return tuple(w.numpy().copy() for w in self.w), tuple(b.numpy().copy() for b in self.b)


def _compiled(c: list[torch.Tensor], rule: str, rate: float) -> Any:
    def frame(x: torch.Tensor, target: torch.Tensor, w: list[torch.Tensor], b: list[torch.Tensor]) -> None:
        inputs, top = [x], len(w) - 1
        for h in range(top):
            inputs.append(torch.tanh(torch.addmm(b[h], inputs[h], w[h])))
        e = target - torch.softmax(torch.addmm(b[top], inputs[top], w[top]), 1)
        r = e
        signals = [e]
        for h in range(top - 1, -1, -1):
            error = e @ c[h] if rule == "srbp" else r @ w[h + 1].t()
            r = error * (1 - inputs[h + 1] * inputs[h + 1])
            signals.insert(0, r)
        for h in range(top + 1):
            w[h].addmm_(inputs[h].t(), signals[h], alpha=rate / len(x))
            b[h].add_(signals[h].sum(0), alpha=rate / len(x))

    return torch.compile(frame, dynamic=False, fullgraph=True, options={"cpp_wrapper": True})
