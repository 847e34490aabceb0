"""bp over ideal channels is the gradient that torch.autograd finds."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from channelsim import reference
from channelsim.plan import Kind, Transfer
from channelsim.reference import State
from tests.laws.cases import Network, networks_on_maps
from tests.reference.small import start, start_chain

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


def apply(layer: SimpleNamespace, w: torch.Tensor, b: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """S of one layer of a chain, in PyTorch's own words."""
    if layer.kind == Kind.DENSE:
        return x.flatten(1) @ w + b
    if layer.kind == Kind.CONV2D:
        kernels = w.T.unflatten(1, (layer.in_channels, layer.kernel, layer.kernel))
        return functional.conv2d(x, kernels, b, layer.stride, layer.padding)
    if layer.kind == Kind.FLATTEN:
        return x.flatten(1)
    pool = functional.max_pool2d if layer.kind == Kind.MAXPOOL else functional.avg_pool2d
    return pool(x, layer.kernel, layer.stride)


def loss_of_chain(ref: State, leaves: list[torch.Tensor], frame: int, top: str) -> torch.Tensor:
    x = ref.images[ref.samples(frame)].unflatten(1, ref.plan.shape)
    for layer, w, b in zip(ref.layers[1:], leaves[::2], leaves[1::2], strict=True):
        x = apply(layer, w, b, x)
        if layer is not ref.layers[-1]:
            x = ACTIVATIONS[Transfer(layer.transfer).name.lower()](x)
    return LOSSES[top](x.flatten(1), ref.targets(frame)) / len(x)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("top", [*LOSSES, *(f"{top}, real targets" for top in LOSSES if top != "softmax")])
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_bp_is_the_gradient(hidden: str, top: str, batch: int) -> None:
    top, *real = top.split(", ")
    rate = 0.02 if real else 0.1
    training = {"batch": batch, "epochs": 2, "learning_rate": rate}
    ref = start([6, 5, 4, 3], transfers=[hidden, hidden, top], training=training, learning={"rule": "bp"})
    if real:
        ref.wanted = torch.from_numpy(np.random.default_rng(5).uniform(0, 0.3, ref.wanted.shape).astype(np.float32))
    for frame in range(ref.plan.frames):
        leaves = parameters(ref)
        gradients = torch.autograd.grad(loss(ref, leaves, frame, hidden, top), leaves)
        reference.step(ref)
        for leaf, gradient, now in zip(leaves, gradients, parameters(ref), strict=True):
            assert torch.allclose(now, leaf - rate * gradient, atol=1e-6, rtol=0)


@settings(max_examples=60)
@given(networks_on_maps(tuple(ACTIVATIONS), tuple(LOSSES)), st.sampled_from([1, 3]))
def test_bp_is_the_gradient_of_any_chain(network: Network, batch: int) -> None:
    training = {"batch": batch, "epochs": 1, "learning_rate": 0.1}
    tables = {"training": training, "learning": {"rule": "bp"}}
    ref = start_chain(network.shape, network.layers, network.classes, **tables)
    top = network.layers[-1]["transfer"]
    for frame in range(ref.plan.frames):
        leaves = parameters(ref)
        gradients = torch.autograd.grad(
            loss_of_chain(ref, leaves, frame, top), leaves, allow_unused=True, materialize_grads=True
        )
        reference.step(ref)
        for leaf, gradient, now in zip(leaves, gradients, parameters(ref), strict=True):
            assert torch.allclose(now, leaf - 0.1 * gradient, atol=2e-6, rtol=1e-5)


FORMS = {"factor": lambda k: 0.95**k, "linear": lambda k: max(0, 1 - 0.05 * k), "inverse": lambda k: 1 / (1 + 0.05 * k)}


@pytest.mark.parametrize("momentum", [0, 0.9])
@pytest.mark.parametrize("weight_decay", [0, 0.1])
@pytest.mark.parametrize("form", FORMS)
def test_momentum_and_decays_are_those_of_torch_optim(form: str, weight_decay: float, momentum: float) -> None:
    training = {"batch": 4, "epochs": 4, "learning_rate": 0.2, "momentum": momentum, "weight_decay": weight_decay}
    training["learning_rate_decay"] = {"per_update": 0.05, "form": form}
    ref = start([6, 5, 4, 3], training=training, learning={"rule": "bp"})
    leaves = parameters(ref)
    optimizer = torch.optim.SGD(leaves, lr=0.2, momentum=momentum, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, FORMS[form])
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
    found, accuracy = reference.evaluate(ref, ref.images.numpy(), ref.wanted.argmax(1).numpy())
    assert found == pytest.approx(float(expected), abs=1e-6)
    assert 0 <= accuracy <= 1
