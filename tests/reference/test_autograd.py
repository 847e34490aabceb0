"""bp over ideal channels is the gradient that torch.autograd finds."""

from __future__ import annotations

import pytest
import torch

from channelsim import reference
from channelsim.reference import State
from tests.reference.small import start

ACTIVATIONS = {
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
    "relu": torch.relu,
    "linear": lambda s: s,
}

# The loss whose derivative by S is O - T: the one that belongs to the top's transfer function.
LOSSES = {
    "softmax": lambda s, t: torch.nn.functional.cross_entropy(s, t, reduction="sum"),
    "linear": lambda s, t: 0.5 * (s - t).square().sum(),
    "logistic": lambda s, t: torch.nn.functional.binary_cross_entropy_with_logits(s, t, reduction="sum"),
    "tanh": lambda s, t: (s.cosh().log() - s * t).sum(),
    "relu": lambda s, t: (0.5 * s.relu().square() - s * t).sum(),
}


def parameters(ref: State) -> list[torch.Tensor]:
    """Leaf copies of W and b, layer by layer."""
    return [part.clone().requires_grad_() for h in range(1, ref.plan.top + 1) for part in ref.synapses(h)]


def loss(ref: State, leaves: list[torch.Tensor], frame: int, hidden: str, top: str) -> torch.Tensor:
    x = ref.images[ref.samples(frame)]
    for w, b in zip(leaves[:-2:2], leaves[1:-2:2], strict=True):
        x = ACTIVATIONS[hidden](x @ w + b)
    return LOSSES[top](x @ leaves[-2] + leaves[-1], ref.targets(frame)) / len(x)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("top", LOSSES)
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_bp_is_the_gradient(hidden: str, top: str, batch: int) -> None:
    training = {"batch": batch, "epochs": 2, "learning_rate": 0.1}
    ref = start([6, 5, 4, 3], transfers=[hidden, hidden, top], training=training, learning={"rule": "bp"})
    for frame in range(ref.plan.frames):
        leaves = parameters(ref)
        gradients = torch.autograd.grad(loss(ref, leaves, frame, hidden, top), leaves)
        reference.step(ref)
        for leaf, gradient, now in zip(leaves, gradients, parameters(ref), strict=True):
            assert torch.allclose(now, leaf - 0.1 * gradient, atol=1e-6, rtol=0)


def test_momentum_and_decay_are_those_of_torch_optim() -> None:
    training = {"batch": 4, "epochs": 4, "learning_rate": 0.2, "momentum": 0.9, "decay": 0.05}
    ref = start([6, 5, 4, 3], training=training, learning={"rule": "bp"})
    leaves = parameters(ref)
    optimizer = torch.optim.SGD(leaves, lr=0.2, momentum=0.9)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.95)
    for frame in range(ref.plan.frames):
        optimizer.zero_grad()
        loss(ref, leaves, frame, "tanh", "softmax").backward()
        optimizer.step()
        schedule.step()
        reference.step(ref)
        for leaf, now in zip(leaves, parameters(ref), strict=True):
            assert torch.allclose(now, leaf, atol=1e-5, rtol=0)


def test_evaluation_is_the_mean_loss() -> None:
    ref = start([6, 5, 3], training={"batch": 12})
    with torch.no_grad():
        expected = loss(ref, parameters(ref), 0, "tanh", "softmax")
    found, accuracy = reference.evaluate(ref, ref.images.numpy(), ref.labels.numpy())
    assert found == pytest.approx(float(expected), abs=1e-6)
    assert 0 <= accuracy <= 1
