"""What stands in a trace: its schema version, and the name, type, unit and meaning of every column.

A new column is a line here. The layout of the whole file is described in docs/trace.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from channelsim.plan.layout import Direction, Encoding, Jitter, Quantizer, Residual, Scale
from channelsim.rules import Message, Wiring

SCHEMA_VERSION = 5
FORMAT = "channelsim trace"
"""The root attribute `format`, by which a trace is told from any other HDF5 file."""

WORDS: dict[str, type[IntEnum]] = {
    "direction": Direction,
    "message": Message,
    "wiring": Wiring,
    "residual": Residual,
    "quantizer": Quantizer,
    "scale_kind": Scale,
    "noise_scale_kind": Scale,
    "jitter_kind": Jitter,
    "encoding": Encoding,
}
"""Fields of CHANNEL that are words in the attributes of /channels/<name>, in small letters."""

RUNNING, DONE, INTERRUPTED, DIVERGED = "running", "done", "interrupted", "diverged"
"""The root attribute `status`. A run that was killed leaves `running`."""

STATUSES = (RUNNING, DONE, INTERRUPTED, DIVERGED)
FINISHED = (DONE, DIVERGED)
"""Statuses from which a run cannot go on."""


@dataclass(frozen=True)
class Column:
    """One column of a table: a 1-D dataset along the table's index."""

    name: str
    dtype: np.dtype
    units: str
    long_name: str
    meanings: tuple[str, ...] = ()  # of 0, 1, 2, ...: a code's words (CF: flag_values, flag_meanings)


def _columns(*rows: tuple[str, str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(name, np.dtype(kind), units, text) for name, kind, units, text in rows)


EPOCH = Column("epoch", np.dtype("i8"), "1", "epochs completed")
AGE = Column("age", np.dtype("i8"), "frame", "age of the activity that an error met: frames since its own")

METRICS = _columns(
    ("frames", "i8", "frame", "frames since the start"),
    ("updates", "i8", "1", "updates of the top layer since the start"),
    (
        "loss",
        "f8",
        "1",
        "mean loss of a sample (softmax: cross-entropy in nats; else half the squared error; or the user's own)",
    ),
    ("accuracy", "f8", "1", "share of samples classified correctly; NaN where targets are real"),
    ("r2", "f8", "1", "1 - squared error / variance of the targets; NaN where targets are classes or all equal"),
    ("learning_rate", "f8", "1", "learning rate of the next update"),
    ("simulated_time", "i8", "ps", "simulated time since the start"),
    ("wall_time", "f8", "s", "wall time since the start, earlier sittings of a resumed run included"),
)

_DURING = {
    "loss": "mean loss of the epoch's training samples, each as its frame met the weights of its moment",
    "accuracy": "share of the epoch's training samples classified correctly, each as its frame met the weights of its "
    "moment; NaN where targets are real",
    "r2": "1 - squared error of the epoch's training samples, each as its frame met the weights of its moment / "
    "variance of the targets; NaN where targets are classes or all equal",
}
TRAIN_METRICS = tuple(replace(column, long_name=_DURING.get(column.name, column.long_name)) for column in METRICS)
"""As METRICS; loss, accuracy and r2 are running means during the epoch, and not of the weights at its end."""


def metrics(split: str, own: Iterable[tuple[str, str]] = ()) -> tuple[Column, ...]:
    """Columns of /metrics/<split>: METRICS, and of metrics of the user's own (split, name) those of this split."""
    moment = " with the weights at the epoch's end" if split == "train" else ""
    return (TRAIN_METRICS if split == "train" else METRICS) + tuple(
        Column(name, np.dtype("f8"), "1", f"{name}, a metric of the user's own{moment}")
        for of, name in own
        if of == split
    )


# Field of COUNTER (channelsim.plan.layout) -> column. A row holds what one epoch added.
COUNTERS: dict[str, Column] = {
    field: Column(name, np.dtype("i8"), units, text)
    for field, name, units, text in (
        ("messages", "messages", "1", "messages offered"),
        ("offered", "offered", "1", "active units (nonzero values), before the stages"),
        ("sent", "events", "1", "events that went onto the link"),
        ("delivered", "delivered", "1", "events that arrived"),
        ("dropped", "dropped", "1", "events lost by the drop stage"),
        ("corrupted", "corrupted", "1", "events lost because a bit error made a word that means nothing"),
        ("late", "late", "1", "events lost because they arrived after the deadline"),
        ("overflow", "overflow", "1", "events lost with messages that found the queue full"),
        ("lost_messages", "lost_messages", "1", "messages that found the queue full"),
        ("flipped_bits", "flipped_bits", "bit", "bits of code words flipped by bit errors"),
        ("bits", "bits", "bit", "bits that went onto the link, headers and scales included"),
        ("header_bits", "header_bits", "bit", "bits of headers that went onto the link"),
        ("busy", "busy", "ps", "time that this channel occupied the link"),
        ("wait", "wait", "ps", "time that messages waited for the link, summed"),
        ("queue_max", "queue_max", "1", "most messages waiting or being sent, seen by an arriving message"),
        ("macs", "macs", "1", "multiply-accumulates that the messages caused, a synapse read each"),
        ("writes", "writes", "1", "synapse writes in the updates that the messages caused"),
        ("update_macs", "update_macs", "1", "multiply-accumulates of those updates"),
        ("update_bits", "update_bits", "bit", "bits of the weight updates"),
    )
}

CHANNELS = (
    *COUNTERS.values(),
    *_columns(
        (
            "utilisation",
            "f8",
            "1",
            "time that messages given to the link take, over the epoch; above 1: more than it can send",
        ),
        ("energy", "f8", "J", "energy of bits, multiply-accumulates, synapse reads and writes"),
        (
            "entropy",
            "f8",
            "bit",
            "entropy of what a unit sent in a message, a word or nothing; NaN where values are floats",
        ),
    ),
)

ALIGNMENT = _columns(
    ("cosine", "f8", "1", "cosine between the delivered learning signal and the true gradient's"),
    ("sign_agreement", "f8", "1", "share of units where delivered signal and true gradient agree in sign"),
    ("feedback_cosine", "f8", "1", "cosine between C and the transposed forward weights"),
    ("feedback_sign_agreement", "f8", "1", "share of wires where C and the transposed weights agree in sign"),
)

ENCODINGS = ("dense", "aer", "entropy")
OUTCOMES = ("whole", "some_events_lost", "queue_full")


def events(channel_names: Sequence[str]) -> tuple[Column, ...]:
    """Columns of /events: the fields of MESSAGE_ROW, and where the packed message lies in /events/payload."""
    codes = {"channel": tuple(channel_names), "encoding": ENCODINGS, "outcome": OUTCOMES}
    return tuple(
        Column(name, np.dtype(kind), units, text, codes.get(name, ()))
        for name, kind, units, text in (
            ("frame", "i8", "1", "frame, counted from 0"),
            ("sample", "i4", "1", "sample within the frame, counted from 0"),
            ("channel", "i4", "1", "channel"),
            ("offered", "i8", "ps", "simulated time at which the message was handed to the link"),
            ("start", "i8", "ps", "simulated time at which its first bit left"),
            (
                "first_arrival",
                "i8",
                "ps",
                "simulated time at which its first event arrived, or its deadline if earlier",
            ),
            ("complete", "i8", "ps", "simulated time at which it was complete: arrived, or the deadline passed"),
            ("events", "i4", "1", "events sent"),
            ("delivered", "i4", "1", "events delivered"),
            ("bits", "i8", "bit", "length of the message"),
            ("encoding", "i4", "1", "code of the message"),
            ("outcome", "i4", "1", "what became of the message"),
            ("scale", "f4", "1", "scale a of the quantizer"),
            ("payload_start", "i8", "B", "first byte of the packed message in payload"),
            ("payload_size", "i8", "B", "bytes of the packed message in payload"),
        )
    )


PAYLOAD = Column("payload", np.dtype("u1"), "B", "the packed messages, one after another")
