"""The result of a run."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from channelsim.plain import Frozen, strict
from channelsim.units import seconds


def entropy_text(bits: float) -> str:
    """The entropy of a channel as tables have it: bits a unit; "-" where values are floats."""
    return "-" if math.isnan(bits) else f"{bits:.3f}"


def _four_digits(value: float) -> str:
    return f"{value:.4g}"


@dataclass(frozen=True, repr=False)
class Result:
    """The outcome of `channelsim.run`. Accuracies are shares from 0 to 1, NaN where there is no such data, or where
    targets are real; R^2 (1 - squared error / variance of the targets) is NaN where there are classes instead, or where
    all targets are equal.

    Attributes:
        name: the scenario's name.
        status: done, interrupted or diverged.
        test_accuracy, test_loss, test_r2: on the test set, after the last epoch, as trained: through the forward
            channels, but nothing is late, lost in a queue or carried on as a residual.
        test_accuracy_deployed, test_loss_deployed, test_r2_deployed: the same as deployed: with queues, deadlines and
            residuals, frame after frame. NaN where no forward channel has any of these, for then they would say the
            same.
        validation_accuracy, validation_loss, validation_r2: on the samples held out by `data.validation`, after the
            last epoch; NaN if there are none.
        train_accuracy, train_loss, train_r2: means over the training samples during the last epoch, each as its frame
            passed, before that frame's update; with `data.flip` and `data.shift` of the images as they were shown.
        updates: updates of the top layer.
        frames: samples or mini-batches that entered the network.
        simulated_time_ps: what the simulated clock shows at the end, an integer; simulated_time_s: the nearest float.
        training_time_s: wall time inside the engine.
        wall_time_s: wall time of the whole run: loading, evaluating and writing included.
        energy_j: by the scenario's cost table.
        energy_split: the same by cause: bits, multiply-accumulates, synapses read and synapses written.
        channels: channel name -> messages; events and bits sent; dropped, corrupted (a bit error made a word that means
            nothing) and late events; lost_messages, that found the queue full, and overflow, the events in them; lost,
            share of the events that did not arrive for whatever reason; queue_max, most messages waiting or being sent;
            utilisation, time that the messages given to the link take on it, as a share of the simulated time, above 1
            where the link was given more than it could send, and layers went on at their deadlines; entropy, of what a
            unit sent in a message (a word or nothing), in bits, the mean over the epochs: no code that treats units
            alike takes less; NaN where values are floats, which are not counted.
        trace: path of the trace.
        warnings: what went wrong without stopping the run, a sentence each: data of an implausible range or
            without samples of some class, a pipeline that cannot keep up, messages or events lost (by cause), a link
            that was given more than it can send, accuracy at chance level, a training loss that rises.
        history: test accuracy after each epoch.
        energy_history: J spent by the end of each epoch.
        time_history: simulated seconds by the end of each epoch.
        learning_entropy: bits that the learning channels would have sent, had each message been as long as its
            channel's entropy in that epoch allows; NaN where values are floats, which are not counted.
        staleness: mean age of the errors that layers have applied, in frames; NaN where they have applied none.
        own_metrics: metrics of the user's own after the last epoch, by name: "test_f1".
        own_history: the same after each epoch.
    """

    name: str
    status: str
    test_accuracy: float
    test_loss: float
    train_accuracy: float
    train_loss: float
    updates: int
    frames: int
    simulated_time_ps: int
    training_time_s: float
    wall_time_s: float
    energy_j: float
    channels: Mapping[str, Mapping[str, float]]
    trace: str
    test_accuracy_deployed: float = math.nan
    test_loss_deployed: float = math.nan
    test_r2_deployed: float = math.nan
    validation_accuracy: float = math.nan
    validation_loss: float = math.nan
    validation_r2: float = math.nan
    test_r2: float = math.nan
    train_r2: float = math.nan
    energy_split: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    history: tuple[float, ...] = ()
    energy_history: tuple[float, ...] = ()
    time_history: tuple[float, ...] = ()
    learning_entropy: float = math.nan
    staleness: float = math.nan
    own_metrics: Mapping[str, float] = field(default_factory=dict)
    own_history: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(
            self,
            "channels",
            Frozen({name: Frozen(total) for name, total in self.channels.items()}),
        )
        for name in ("energy_split", "own_metrics", "own_history"):
            object.__setattr__(self, name, Frozen(getattr(self, name)))

    @property
    def simulated_time_s(self) -> float:
        """What the simulated clock shows at the end, in seconds."""
        return seconds(self.simulated_time_ps)

    @property
    def lost(self) -> float:
        """The largest share of its events that any one channel has lost, from 0 to 1."""
        return max((total["lost"] for total in self.channels.values()), default=0.0)

    @property
    def lost_to_queues(self) -> float:
        """Share of the events of all channels in messages that found a queue full."""
        return self._share("overflow")

    @property
    def lost_to_drops(self) -> float:
        """Share of the events of all channels that were dropped."""
        return self._share("dropped")

    @property
    def lost_to_bit_errors(self) -> float:
        """Share of the events of all channels that bit errors turned into words without a meaning."""
        return self._share("corrupted")

    @property
    def lost_to_deadlines(self) -> float:
        """Share of the events of all channels that were late."""
        return self._share("late")

    def _share(self, cause: str) -> float:
        events = sum(total["events"] + total["overflow"] for total in self.channels.values())
        return sum(total[cause] for total in self.channels.values()) / events if events else 0.0

    @property
    def busiest(self) -> str:
        """The channel that is busiest on its link; empty where none took any time."""
        name = max(self.channels, key=lambda name: self.channels[name]["utilisation"], default="")
        return name if name and self.channels[name]["utilisation"] else ""

    @property
    def utilisation(self) -> float:
        """That of the channel that is busiest on its link."""
        return max((total["utilisation"] for total in self.channels.values()), default=0.0)

    @property
    def queue_max(self) -> float:
        """The longest queue of all channels, in messages."""
        return max((total["queue_max"] for total in self.channels.values()), default=0.0)

    @property
    def joules_to_90(self) -> float | None:
        """J spent by the end of the first epoch with a test accuracy of at least 90 %; None if there is none."""
        return self.joules_to(0.9)

    @property
    def joules_to_95(self) -> float | None:
        """J spent by the end of the first epoch with a test accuracy of at least 95 %; None if there is none."""
        return self.joules_to(0.95)

    @property
    def seconds_to_90(self) -> float | None:
        """Simulated s by the end of the first epoch with a test accuracy of at least 90 %; None if there is none."""
        return self.seconds_to(0.9)

    @property
    def seconds_to_95(self) -> float | None:
        """Simulated s by the end of the first epoch with a test accuracy of at least 95 %; None if there is none."""
        return self.seconds_to(0.95)

    @property
    def energy_bits_j(self) -> float:
        """J of the bits sent."""
        return self.energy_split.get("bits", 0.0)

    @property
    def energy_macs_j(self) -> float:
        """J of the multiply-accumulates."""
        return self.energy_split.get("multiply-accumulates", 0.0)

    @property
    def energy_reads_j(self) -> float:
        """J of the synapses read."""
        return self.energy_split.get("synapses read", 0.0)

    @property
    def energy_writes_j(self) -> float:
        """J of the synapses written."""
        return self.energy_split.get("synapses written", 0.0)

    @property
    def bits(self) -> int:
        """Bits sent on all channels."""
        return int(sum(total["bits"] for total in self.channels.values()))

    @property
    def learning_bits(self) -> int:
        """Bits sent on the learning channels."""
        return int(sum(total["bits"] for name, total in self.channels.items() if name.startswith("learning.")))

    @property
    def bits_per_update(self) -> float:
        """Bits on the learning channels divided by updates; NaN without an update."""
        return self.learning_bits / self.updates if self.updates else math.nan

    @property
    def joules_per_update(self) -> float:
        """J divided by updates; NaN without an update."""
        return self.energy_j / self.updates if self.updates else math.nan

    @property
    def time_per_update_s(self) -> float:
        """Simulated seconds divided by updates; NaN without an update."""
        return self.simulated_time_s / self.updates if self.updates else math.nan

    def shares_of_energy(self) -> str:
        """The causes of the energy with their shares, the largest first; empty where nothing was spent."""
        total = sum(self.energy_split.values())
        order = sorted(self.energy_split.items(), key=lambda item: -item[1])
        return ", ".join(f"{cause} {100 * joules / total:.0f} %" for cause, joules in order) if total > 0 else ""

    def joules_to(self, accuracy: float) -> float | None:
        """J spent by the end of the first epoch with at least this test accuracy; None if there is none."""
        return self._to(accuracy, self.energy_history)

    def seconds_to(self, accuracy: float) -> float | None:
        """Simulated s by the end of the first epoch with at least this test accuracy; None if there is none."""
        return self._to(accuracy, self.time_history)

    def _to(self, accuracy: float, spent: tuple[float, ...]) -> float | None:
        return next((one for reached, one in zip(self.history, spent, strict=True) if reached >= accuracy), None)

    def to_json(self) -> dict[str, Any]:
        """The object that `channelsim run --json` prints: plain numbers, strings and dictionaries, and None for
        what is not finite.

        Its keys are the attributes above, without figures as deployed, of validation samples and of metrics of the
        user's own that are not there;
        simulated_time_s, bits_per_update, joules_per_update and time_per_update_s are added.
        """
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        values["simulated_time_s"] = self.simulated_time_s
        values["energy_split"] = dict(self.energy_split)
        values["channels"] = {name: dict(total) for name, total in self.channels.items()}
        values["trace"] = str(self.trace)
        for name in [name for name in values if name.endswith("_deployed") or name.startswith("validation_")]:
            if math.isnan(values[name]):
                del values[name]
        for name in ("own_metrics", "own_history"):
            del values[name]
            if self.own_metrics:
                values[name] = dict(getattr(self, name))
        for name in ("warnings", "history", "energy_history", "time_history"):
            values[name] = list(values[name])
        for name in ("bits_per_update", "joules_per_update", "time_per_update_s"):
            values[name] = getattr(self, name)
        return dict(strict(values))

    def figures(self) -> list[tuple[str, str]]:
        """How well it has learned, in words: (label, value) pairs of the figures that there are."""
        shown = {"accuracy": lambda share: f"{100 * share:.2f} %", "R^2": _four_digits, "loss": _four_digits}
        found = []
        for word, tested, deployed, trained in (
            ("accuracy", self.test_accuracy, self.test_accuracy_deployed, self.train_accuracy),
            ("R^2", self.test_r2, self.test_r2_deployed, self.train_r2),
            ("loss", self.test_loss, self.test_loss_deployed, self.train_loss),
        ):
            show, during = shown[word], " (mean during the last epoch)"
            if not math.isnan(tested) and not (word == "loss" and not math.isnan(self.test_accuracy)):
                more = (
                    ""
                    if math.isnan(deployed)
                    else f" as trained, {show(deployed)} as deployed (queues, deadlines, residuals)"
                )
                found.append((f"test {word}", show(tested) + more))
            if not math.isnan(trained):
                found.append((f"train {word}", show(trained) + during))
        return found + [(name.replace("_", " "), _four_digits(value)) for name, value in self.own_metrics.items()]

    def _lines(self) -> list[tuple[str, str]]:
        return [
            *self.figures(),
            ("updates", f"{self.updates:,}"),
            ("simulated time", f"{self.simulated_time_s:.4g} s ({self.time_per_update_s:.4g} s per update)"),
            ("learning bits", f"{self.learning_bits:,} ({self.bits_per_update:,.0f} per update)"),
            ("energy", f"{self.energy_j:.4g} J ({self.joules_per_update:.4g} J per update)"),
            *((("of which", self.shares_of_energy()),) if self.shares_of_energy() else ()),
            ("training time", f"{self.training_time_s:.3g} s of {self.wall_time_s:.3g} s"),
            ("trace", str(self.trace)),
        ]

    def __repr__(self) -> str:
        head = f"Result of {self.name!r}, {self.status}"
        lines = [f"  {key:15} {value}" for key, value in self._lines()]
        return "\n".join([head, *lines, *(f"  warning: {text}" for text in self.warnings)])

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{key}</th><td>{html.escape(value)}</td></tr>" for key, value in self._lines())
        columns = ("messages", "events", "bits", "dropped", "late")
        head = "".join(f"<th>{column}</th>" for column in ("channel", *columns, "entropy"))
        totals = "".join(
            f"<tr><td>{html.escape(name)}</td>"
            + "".join(f"<td>{total[column]:,}</td>" for column in columns)
            + f"<td>{entropy_text(total['entropy'])}</td></tr>"
            for name, total in self.channels.items()
        )
        caption = f"<caption>{html.escape(self.name)}: {html.escape(self.status)}</caption>"
        return f"<table>{caption}{rows}</table><table><tr>{head}</tr>{totals}</table>"
