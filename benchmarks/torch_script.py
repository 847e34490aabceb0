"""The script that a PyTorch user would write for the same job: load, train, evaluate after each epoch, save.

python -m benchmarks.torch_script BATCH EPOCHS OUT TRAIN
"""

from __future__ import annotations

import sys

from benchmarks import environment

environment.pin()

import numpy as np  # noqa: E402
import torch  # noqa: E402

from benchmarks import work  # noqa: E402
from benchmarks.peers.torch_eager import TorchEager  # noqa: E402


def main(batch: int, epochs: int, out: str, train: int) -> None:
    dataset = work.mnist(train)
    task = work.task_of(work.plan_of(work.scenario("srbp", batch), dataset), dataset, "srbp")
    peer = TorchEager(task)
    accuracies = []
    for epoch in range(epochs):
        peer.train(np.random.default_rng(epoch).permutation(len(dataset.train_y)))
        accuracies.append(work.accuracy(*peer.weights(), dataset))
    torch.save({"w": peer.w, "b": peer.b, "accuracy": accuracies}, out)
    print(f"{accuracies[-1]:.4f}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
