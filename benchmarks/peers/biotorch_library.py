"""BioTorch: a library of feedback alignment on PyTorch's autograd, used as its users use it.

Its `dfa` is srbp; bp is plain autograd. `make bench` installs it without the twelve packages that it names and does not
need here.
"""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stdout
from importlib.metadata import version

import numpy as np
import torch
from biotorch.layers.dfa import Linear as Direct
from biotorch.module.biomodule import BioModule
from numpy.typing import NDArray
from torch import nn

from benchmarks.work import Matrix, Task

NAME, VERSION = "BioTorch", version("biotorch")


class BioTorch:
    def __init__(self, task: Task) -> None:
        torch.set_num_threads(1)
        warnings.filterwarnings("ignore", category=FutureWarning)  # it registers hooks of an older kind
        self.rule, self.batch = task.rule, task.batch
        self.x, self.y = torch.from_numpy(task.x), torch.from_numpy(task.y).long()
        layers: list[nn.Module] = []
        for w, b in zip(task.weights, task.biases, strict=True):
            linear = nn.Linear(*w.shape)
            linear.weight.data, linear.bias.data = torch.from_numpy(w.T.copy()), torch.from_numpy(b.copy())
            layers += [linear, nn.Tanh()]
        network = nn.Sequential(*layers[:-1])
        self.network: nn.Module = network
        if task.rule == "srbp":
            with redirect_stdout(io.StringIO()):  # it tells what it has converted
                self.network = BioModule(network, mode="dfa", output_dim=task.weights[-1].shape[1])
            direct = [module for module in self.network.modules() if isinstance(module, Direct)]
            for module, c in zip(direct[1:], task.feedback, strict=True):  # held by the layer above the one it teaches
                module.weight_backward.data = torch.from_numpy(c.copy())
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=task.rate)

    def train(self, order: NDArray[np.int64]) -> int:
        frames = torch.from_numpy(order).split(self.batch)
        for samples in frames:
            x, y = self.x[samples], self.y[samples]
            self.optimizer.zero_grad()
            output = self.network(x, y, self.loss) if self.rule == "srbp" else self.network(x)
            self.loss(output, y).backward()
            self.optimizer.step()
        return len(frames)

    def weights(self) -> tuple[tuple[Matrix, ...], tuple[Matrix, ...]]:
        linear = [module for module in self.network.modules() if isinstance(module, nn.Linear)]
        return (
            tuple(each.weight.detach().numpy().T.copy() for each in linear),
            tuple(each.bias.detach().numpy().copy() for each in linear),
        )
