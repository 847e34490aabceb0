"""PyTorch, eager, on networks with maps: hand-written rules without autograd, on oneDNN's backward kernels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from channelsim.plan import Direction, Kind, Plan
from channelsim.reference.state import records

aten = torch.ops.aten


class TorchMaps:
    """A chain of conv2d, pools and dense layers with tanh, softmax on top; `bp` or `srbp`."""

    def __init__(self, plan: Plan, x: NDArray[np.float32], y: NDArray[np.int32], rule: str) -> None:
        self.rule, self.rate, self.batch = rule, plan.learning_rate, plan.batch
        self.layers = records(plan.layers)
        self.x = torch.from_numpy(x).view(-1, *self._map(self.layers[0]))
        self.targets = torch.eye(plan.classes)[torch.from_numpy(y).long()]
        self.w, self.b, weights = {}, {}, plan.weights
        for h, layer in enumerate(self.layers):
            if layer.w_size:
                w = weights[layer.w_offset :][: layer.w_size].reshape(-1, layer.w_columns).T.copy()
                shape = (-1, layer.in_channels, layer.kernel, layer.kernel)
                self.w[h] = torch.from_numpy(w).view(shape) if layer.kind == Kind.CONV2D else torch.from_numpy(w)
                self.b[h] = torch.from_numpy(plan.biases[layer.b_offset :][: layer.b_size].copy())
        self.c = {
            int(row["target"]): torch.tensor(plan.feedback[row["c_offset"] :][: row["c_size"]]).view(int(row["n"]), -1)
            for row in plan.channels
            if row["direction"] == Direction.LEARNING and row["c_size"]
        }

    @staticmethod
    def _map(layer: SimpleNamespace) -> tuple[int, int, int]:
        return layer.out_channels, layer.out_height, layer.out_width

    @torch.inference_mode()
    def train(self, order: NDArray[np.int64]) -> int:
        frames = torch.from_numpy(order).split(self.batch)
        for samples in frames:
            self._frame(self.x[samples], self.targets[samples])
        return len(frames)

    def _frame(self, x: torch.Tensor, target: torch.Tensor) -> None:
        top, o, switches = len(self.layers) - 1, [x], {}
        for h, layer in enumerate(self.layers[1:], start=1):
            below, size = o[-1], [layer.kernel, layer.kernel]
            if layer.kind == Kind.CONV2D:
                o.append(torch.conv2d(below, self.w[h], self.b[h], layer.stride, layer.padding).tanh_())
            elif layer.kind == Kind.MAXPOOL:
                out, switches[h] = aten.max_pool2d_with_indices(below, size, [layer.stride] * 2)
                o.append(out)
            elif layer.kind == Kind.AVGPOOL:
                o.append(aten.avg_pool2d(below, size, [layer.stride] * 2))
            else:
                s = torch.addmm(self.b[h], below.flatten(1), self.w[h].t())
                o.append(torch.softmax(s, 1) if h == top else s.tanh_())
        e = target - o[top]
        signal: torch.Tensor | None = e
        for h in range(top, 0, -1):
            layer = self.layers[h]
            if h < top and self.rule == "srbp":
                signal = (e @ self.c[h]).view_as(o[h]) if h in self.c else None
            if signal is None:
                continue
            if h < top and layer.w_size:
                signal = signal.mul_(1 - o[h] * o[h])
            signal = self._learn(h, layer, o[h - 1], signal, switches.get(h))

    def _learn(self, h: int, layer: SimpleNamespace, x: torch.Tensor, r: torch.Tensor, switches: Any) -> Any:
        """The update of layer h; returns the error below, if the rule sends it there."""
        back, step = self.rule == "bp" and h > 1, self.rate / len(x)
        size, stride = [layer.kernel, layer.kernel], [layer.stride] * 2
        if layer.kind == Kind.CONV2D:
            error, dw, db = aten.convolution_backward(
                r, x, self.w[h], [layer.w_columns], stride, [layer.padding] * 2, [1, 1], False, [0, 0], 1,
                [back, True, True],
            )  # fmt: skip
        elif layer.kind == Kind.MAXPOOL:
            return aten.max_pool2d_with_indices_backward(r, x, size, stride, [0, 0], [1, 1], False, switches)
        elif layer.kind == Kind.AVGPOOL:
            return aten.avg_pool2d_backward(r, x, size, stride, [0, 0], False, True, None)
        else:
            error = (r @ self.w[h]).view_as(x) if back else None
            dw, db = r.t() @ x.flatten(1), r.sum(0)
        self.w[h].add_(dw, alpha=step)
        self.b[h].add_(db, alpha=step)
        return error

    def weights(self) -> list[NDArray[np.float32]]:
        """W of each layer that has one, in the plan's layout."""
        return [w.flatten(1).t().numpy() for w in self.w.values()]
