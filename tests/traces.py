"""Traces made without the engine: every number is a plain function of the epoch, so a reader can check it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from channelsim import trace
from channelsim.plan import Plan
from channelsim.plan.layout import COUNTER, MESSAGE_ROW
from tests.networks import plan_of

TEXT = 'name = "synthetic"  # Ünïcode, as written\n'
RESOLVED = {"name": "synthetic", "training": {"epochs": 5}, "learning": {"rule": "srbp"}}
PROVENANCE = {"channelsim": "0.1.0", "host": "bench-1", "seed": 3, "command": "channelsim run x.toml"}


def small_plan(units: tuple[int, ...] = (6, 5, 4, 3), rule: str = "srbp", **learning: Any) -> Plan:
    return plan_of(list(units), 20, learning={"rule": rule, **learning}, training={"batch": 10})


def buffers(plan: Plan, epoch: int) -> tuple[NDArray[np.float32], ...]:
    """Weights, biases and feedback after an epoch."""
    return tuple(buffer + np.float32(epoch) for buffer in (plan.weights, plan.biases, plan.feedback))


def counters(plan: Plan, epoch: int) -> NDArray[Any]:
    table = np.zeros(len(plan.channels), COUNTER)
    for i, field in enumerate(COUNTER.names or ()):
        table[field] = 1000 * epoch + i + 100 * np.arange(len(table))
    return table


def messages(first_frame: int, frames: int, channels: int) -> tuple[NDArray[Any], list[bytes]]:
    """A message a frame and channel: the frame's number, as often as the channel's number plus one."""
    rows = np.zeros(frames * channels, MESSAGE_ROW)
    rows["frame"] = first_frame + np.repeat(np.arange(frames), channels)
    rows["channel"] = np.tile(np.arange(channels), frames)
    rows["offered"] = 1000 * rows["frame"]
    rows["bits"] = 8 * (1 + rows["channel"])
    payloads = [bytes([row["frame"] % 256]) * (int(row["channel"]) + 1) for row in rows]
    return rows, payloads


def snapshot(plan: Plan, epoch: int) -> dict[str, NDArray[Any]]:
    """A checkpoint after an epoch, of every kind of array that a run may hand over."""
    weights, biases, feedback = buffers(plan, epoch)
    return {
        "epoch": np.int64(epoch),
        "weights": weights,
        "biases": biases,
        "feedback": feedback,
        "counters": counters(plan, epoch),
        "heap": np.arange(epoch % 3, dtype=np.int64),
        "finished": np.array([epoch % 2 == 0, True]),
        "empty": np.zeros(0, np.float32),
    }


def accuracy(epoch: int, pace: float = 0.5) -> float:
    return 1.0 - pace**epoch


def add_epoch(writer: trace.Writer, plan: Plan, epoch: int, pace: float = 0.5) -> None:
    """All that a run says of one epoch."""
    shared = {"epoch": epoch, "frames": 2 * epoch, "updates": 2 * epoch, "simulated_time": 1_000_000 * epoch}
    writer.train_row(
        {
            **shared,
            "loss": 2.0 / epoch,
            "accuracy": accuracy(epoch, pace),
            "learning_rate": 0.1,
            "wall_time": 0.5 * epoch,
        }
    )
    writer.test_row({**shared, "loss": 2.5 / epoch, "accuracy": 0.9 * accuracy(epoch, pace), "wall_time": 0.5 * epoch})
    ones = np.ones(len(plan.channels))
    writer.channel_rows(epoch, plan.channel_names, counters(plan, epoch), 0.25 * ones, 1e-9 * epoch * ones, 1.5 * ones)
    writer.alignment_row("1", {"epoch": epoch, "cosine": 0.1 * epoch, "sign_agreement": 0.5})
    writer.staleness("1", np.array([epoch, 2 * epoch, 3]))
    writer.events(*messages(2 * (epoch - 1), 2, len(plan.channels)))
    writer.weights(epoch, *buffers(plan, epoch))


def make(
    path: Path,
    epochs: int = 3,
    status: str | None = "done",
    plan: Plan | None = None,
    name: str = "synthetic",
    pace: float = 0.5,
) -> Path:
    """A trace of so many epochs, each with a checkpoint; `status` None leaves it as a killed run does."""
    plan = plan or small_plan()
    resolved = {**RESOLVED, "name": name}
    with trace.create(path, TEXT, resolved, plan, PROVENANCE) as writer:
        for epoch in range(1, epochs + 1):
            add_epoch(writer, plan, epoch, pace)
            writer.checkpoint(snapshot(plan, epoch))
        if status:
            writer.finish(status, {"test_accuracy": 0.9 * accuracy(epochs)})
    return path


def groups_and_datasets(path: Path) -> tuple[list[str], dict[str, tuple[dict[str, Any], Any, bool]]]:
    """Names of the groups; name of each dataset -> (attributes, shape, whether it is a dimension scale)."""
    groups, datasets = [], {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: groups.append(name) if isinstance(item, h5py.Group) else None)
        file.visititems(
            lambda name, item: (
                datasets.update({name: (dict(item.attrs), item.shape, item.is_scale)})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return groups, datasets
