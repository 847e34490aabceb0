"""Random scenarios, as documents (what a TOML file holds)."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from channelsim import units

Document = dict[str, Any]


def model(widths: list[int]) -> Document:
    """A tanh network of these widths, input first, with softmax on top."""
    transfers = ["tanh"] * (len(widths) - 2) + ["softmax"]
    layers = [{"kind": "dense", "units": n, "transfer": f} for n, f in zip(widths[1:], transfers, strict=True)]
    return {"name": "random", "input": [widths[0]], "layers": layers}


@st.composite
def images(draw: st.DrawFn) -> Document:
    """Networks with convolution and pooling."""
    side = draw(st.integers(1, 9))
    shape = [draw(st.integers(1, 3)), side, draw(st.integers(side, 9))]
    layers: list[Document] = []
    for _ in range(draw(st.integers(1, 4))):
        window, stride = draw(st.integers(1, side)), draw(st.integers(1, 3))
        kind = draw(st.sampled_from(["conv2d", "maxpool", "avgpool"]))
        if kind == "conv2d":
            layer = {"channels": draw(st.integers(1, 3)), "kernel": window, "transfer": "relu", "stride": stride}
        else:
            layer = {"size": window, **draw(st.just({}) | st.just({"stride": stride}))}
        layers.append({"kind": kind, **layer})
        side = (side - window) // layer.get("stride", window) + 1
    layers += draw(st.sampled_from([[], [{"kind": "flatten"}]]))
    layers.append({"kind": "dense", "units": draw(st.integers(1, 9)), "transfer": "softmax"})
    return {"name": "maps", "input": shape, "layers": layers}


def small(depth: int = 3, **tables: Any) -> Document:
    """A network of `depth` layers on synthetic data, with some more tables."""
    return {"name": "small", "model": model([6] + [5] * depth), "data": {"name": "synthetic"}, **tables}


probabilities = st.floats(0, 1, exclude_max=True)
positive = st.floats(1e-6, 1e6)
durations = st.integers(0, 10**13).map(units.format_duration)
rates = st.floats(1, 1e12).map(units.format_rate)
scales = st.sampled_from(["max", "rms"]) | positive


def table(required: dict[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]) -> Any:
    return st.fixed_dictionaries(required, optional=optional)


quantizers = st.one_of(
    table({"kind": st.just("log2"), "bits": st.integers(2, 6)}, scale=scales, silence=st.booleans()),
    table({"kind": st.just("log2"), "exponents": st.integers(1, 32)}, scale=scales, silence=st.booleans()),
    table(
        {"kind": st.just("uniform"), "bits": st.integers(2, 16)},
        scale=scales,
        rounding=st.sampled_from(["nearest", "stochastic"]),
    ),
    table({"kind": st.sampled_from(["sign", "ternary"])}, scale=scales),
)

stages: dict[str, st.SearchStrategy[Any]] = {
    "threshold": table({"value": st.floats(0, 10)}),
    "quantize": quantizers,
    "residual": st.sampled_from(["threshold", "error_feedback", "none"]),
    "noise": table({"sigma": st.floats(0, 10)}, scale=scales),
    "bit_errors": table({"probability": probabilities}),
    "drop": table({"probability": probabilities}, rescale=st.booleans()),
    "latency": durations,
    "jitter": durations | table({"value": durations}, distribution=st.sampled_from(["uniform", "exponential"])),
    "deadline": durations,
    "encoding": st.sampled_from(["dense", "aer", "auto", "entropy"]),
    "header": st.integers(0, 1000),
}


def sound(channel: Document) -> Document:
    """Without a residual where nothing is held back, and without an entropy code of floats or of words with errors."""
    needed = {"threshold": {"threshold"}, "error_feedback": {"threshold", "quantize"}}
    useless = "residual" in channel and not channel.keys() & needed.get(channel["residual"], {"residual"})
    counted = "quantize" in channel and "bit_errors" not in channel
    uncoded = channel.get("encoding") == "entropy" and not counted
    left_out = {"residual": useless, "encoding": uncoded}
    return {key: value for key, value in channel.items() if not left_out.get(key)}


own_link = table({}, **stages, bandwidth=rates, queue=st.integers(0, 100)).map(sound)
"""Channels with a link of their own."""
unlinked = table({}, **stages).map(sound)
"""Channels of which nothing is said about links, as in a change."""


def layer_rates(depth: int) -> st.SearchStrategy[dict[str, float]]:
    """Learning rates of single layers; the top has synapses in any network."""
    return st.dictionaries(st.sampled_from(["default", str(depth)]), st.just(0) | positive, min_size=1)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Documents that a Scenario accepts."""
    dense = st.lists(st.integers(1, 20), min_size=2, max_size=6).map(model)
    network = draw(dense | images())
    network |= draw(table({}, bias=st.booleans()))
    depth = len(network["layers"])
    names = ["forward", *(f"forward.{h}" for h in range(1, depth + 1))]
    if depth > 1:
        names += ["learning", *(f"learning.{h}" for h in range(1, depth))]
    document: Document = {
        "name": draw(st.sampled_from(["a", "run 1", "x-1.5_b"])),
        "model": network,
        "seed": draw(st.integers(0, 2**63 - 1)),
        "data": draw(table({"name": st.just("synthetic")}, train=st.integers(1, 100))),
        "training": draw(
            table(
                {"epochs": st.integers(3, 9)},
                learning_rate=positive | layer_rates(depth),
                learning_rate_decay=probabilities,
                shuffle=st.booleans(),
            )
        ),
        "learning": draw(
            table(
                {"rule": st.sampled_from(["bp", "rbp", "srbp", "arbp", "asrbp", "sign", "top", "drtp"])},
                derivative=st.booleans(),
                feedback=table({}, scale=st.sampled_from(["glorot", "he"]) | positive, bits=st.integers(1, 16)),
            )
        ),
        "channels": draw(st.dictionaries(st.sampled_from(names), own_link, max_size=4)),
        "compute": draw(table({}, forward=durations, learning=st.lists(durations, min_size=depth, max_size=depth))),
        "synapses": draw(table({}, update=quantizers, weight=quantizers)),
        "energy": draw(table({}, bit=positive.map(units.format_energy))),
    }
    if draw(st.booleans()):
        bus = draw(table({"bandwidth": rates}, queue=st.integers(0, 9), broadcast=st.booleans()))
        document["links"] = {"bus": bus}
        document["channels"]["forward.1"] = {**draw(unlinked), "link": "bus"}
    document["schedule"] = draw(
        st.just({})
        | table(
            {"mode": st.just("pipelined"), "interval": st.integers(1, 10**9).map(units.format_duration)},
            stash=st.integers(1, 9),
            arrivals=st.sampled_from(["fixed", "poisson"]),
        )
    )
    changes = table(
        {
            "epoch": st.integers(1, 3),
            "channels": st.dictionaries(st.sampled_from(names), unlinked, min_size=1),
        }
    )
    document["schedule"]["change"] = draw(st.lists(changes, max_size=2))
    _keep_words(document)
    return document


def _keep_words(document: Document) -> None:
    """Takes bit errors out, wherever they are, if some channel has an entropy code: tables are laid over each other."""
    tables = [document["channels"], *(change["channels"] for change in document["schedule"]["change"])]
    channels = [channel for table in tables for channel in table.values()]
    if any(channel.get("encoding") == "entropy" for channel in channels):
        for channel in channels:
            channel.pop("bit_errors", None)
