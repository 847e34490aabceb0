"""What was simulated, and what the result is, in sentences and short tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.scenario import Scenario, in_words, summary
from channelsim.trace import Trace
from channelsim.units import format_duration, format_energy, percent, quantity, seconds

Rows = list[tuple[str, str]]
"""Label and text, a pair for each row of a table."""


def simulated(scenario: Scenario) -> Rows:
    """The scenario in words, with its channels as they are after all defaults."""
    channels = scenario.channel_names
    rows = [
        (label, text)
        for label, text in summary(scenario)
        if label not in ("scenario", "forward", "learning", "schedule", *channels)
    ]
    alike: dict[str, list[str]] = {}
    for name in channels:
        alike.setdefault(in_words(scenario.settings(name)), []).append(name)
    rows += [(_listed(names), text) for text, names in alike.items()]
    rows += [(f"link {name}", _link(link)) for name, link in scenario.resolved["links"].items()]
    rows += [row for row in summary(scenario) if row[0] == "schedule"]
    times = [scenario.compute_times(h) for h in range(1, scenario.depth + 1)]
    for kind, what in enumerate(("forward computing", "learning computing")):
        if any(pair[kind] for pair in times):
            each = [format_duration(pair[kind]) for pair in times]
            text = each[0] if len(set(each)) == 1 else f"{', '.join(each)} (from the bottom up)"
            rows.append((what, f"{text} per layer and sample"))
    costs = scenario.energy
    rows.append(
        (
            "energy",
            f"{format_energy(costs.bit)} per bit on a link, {format_energy(costs.mac)} per multiply-accumulate, "
            f"{format_energy(costs.synapse_read)} per synapse read, {format_energy(costs.synapse_write)} per synapse "
            "written",
        )
    )
    return rows


def _listed(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= _MOST_NAMES else f"{names[0]}, {names[1]} ... {names[-1]}"


def _link(link: dict[str, Any]) -> str:
    words = [link["bandwidth"] or "takes no time"]
    words += [f"queue of {link['queue']}"] if link["queue"] is not None else []
    words += ["broadcast: a message to several layers is sent once"] if link["broadcast"] else []
    return ", ".join(words)


_MOST_NAMES = 6

# --- the result -----------------------------------------------------------------------------------------------


def answer(trace: Trace) -> str:
    """How well the network has learned and what that took, in a sentence or two."""
    train, tested = trace.metrics("train"), trace.metrics("test")
    if not len(train):
        return "No epoch is done, so there is no result."
    row, whose = (tested[-1], "test") if len(tested) else (train[-1], "training")
    epochs = int(train["epoch"][-1])
    after = f"after {epochs} epoch{'s' * (epochs > 1)} ({int(train['updates'][-1]):,} updates)"
    figure = _figure(row)
    deployed = trace.metrics("test_deployed")
    as_deployed = (
        f" as trained, and {_figure(deployed[-1])[1]} as deployed, with queues, deadlines and residuals,"
        if len(deployed)
        else ""
    )
    text = f"The {whose} {figure[0]} is {figure[1]}{as_deployed} {after}."
    return f"{text} That took {_costs(trace)}."


def _figure(row: Any) -> tuple[str, str]:
    """Name and value of the best figure that there is."""
    if not math.isnan(row["accuracy"]):
        return "accuracy", percent(float(row["accuracy"]))
    if not math.isnan(row["r2"]):
        return "R²", f"{row['r2']:.4g}"
    return "loss", f"{row['loss']:.4g}"


def _costs(trace: Trace) -> str:
    sent, learning = total(trace, "bits"), total(trace, "bits", "learning.")
    words = [f"{quantity(sent, 'bit')} on all channels ({quantity(learning, 'bit')} of which carried errors)"]
    words.append(f"{quantity(float(trace.energy()[-1]), 'J')} of energy")
    elapsed = int(trace.metrics("train")["simulated_time"][-1])
    words.append(f"{quantity(seconds(elapsed), 's')} of simulated time" if elapsed else "no simulated time")
    return f"{words[0]}, {words[1]} and {words[2]}"


def total(trace: Trace, column: str, prefix: str = "") -> int:
    """The sum of a counter over the epochs and the channels whose names begin so."""
    return sum(int(trace.channels(name)[column].sum()) for name in trace.channel_names if name.startswith(prefix))


def warnings(trace: Trace) -> list[str]:
    """How the run ended, unless it was done, and what it warned about."""
    asked, done = trace.resolved["training"]["epochs"], len(trace.metrics("train"))
    until = f"after epoch {done} of {asked}" if done else "before its first epoch was done"
    course = {
        "diverged": f"The run diverged {until}: numbers in it were no longer finite.",
        "interrupted": f"The run was interrupted {until}.",
        "running": f"The run goes on, or was killed, {until}.",
    }
    found = [course[trace.status]] if trace.status in course else []
    if found and done:
        found[0] += " All figures are of the epochs until then."
    return found + [str(text) for text in (trace.result or {}).get("warnings", ())]


def tiles(trace: Trace) -> Rows:
    """The figures that one looks for first."""
    train = trace.metrics("train")
    if not len(train):
        return []
    updates = max(int(train["updates"][-1]), 1)
    joules, elapsed = float(trace.energy()[-1]), seconds(int(train["simulated_time"][-1]))
    learning = total(trace, "bits", "learning.")
    found: Rows = []
    for split, words in (("test", "test"), ("test_deployed", "deployed"), ("validation", "validation")):
        rows = trace.metrics(split)
        if len(rows):
            name, value = _figure(rows[-1])
            found.append((f"{words} {name}", value))
    found += [(f"training {_figure(train[-1])[0]}", _figure(train[-1])[1])]
    found += [("energy per update", quantity(joules / updates, "J"))]
    found += [("bits of errors per update", quantity(learning / updates, "bit"))] if learning else []
    found += [("simulated time per update", quantity(elapsed / updates, "s"))] if elapsed else []
    return found


# --- tables -----------------------------------------------------------------------------------------------------


def channel_table(trace: Trace) -> tuple[list[str], list[list[str]]]:
    """Headings and rows: what each channel sent and lost, how long its messages waited, and what it cost."""
    timed = any(trace.channels(name)["busy"].any() for name in trace.channel_names)
    causes = {column: words for column, words in _CAUSES.items() if total(trace, column)}
    headings = ["channel", "messages", "events", "bits", "energy", "entropy per unit"]
    headings += [f"lost: {words}" for words in causes.values()]
    headings += ["mean wait", "longest queue"] if timed else []
    table = []
    for name in trace.channel_names:
        rows = trace.channels(name)
        row = [name, *(f"{int(rows[column].sum()):,}" for column in ("messages", "events"))]
        row += [quantity(int(rows["bits"].sum()), "bit"), quantity(float(rows["energy"].sum()), "J")]
        row.append(_entropy(rows))
        row += [_share_lost(rows, column) for column in causes]
        if timed:
            sent = max(int(rows["messages"].sum() - rows["lost_messages"].sum()), 1)
            row.append(quantity(seconds(int(rows["wait"].sum())) / sent, "s"))
            row.append(f"{int(rows['queue_max'].max(initial=0)):,}")
        table.append(row)
    return headings, table


_CAUSES = {"dropped": "dropped", "corrupted": "by bit errors", "late": "late", "overflow": "queue full"}


def _share_lost(rows: NDArray[Any], column: str) -> str:
    """Events that were lost for one cause, of all that were sent or found their queue full."""
    events = int(rows["events"].sum() + rows["overflow"].sum())
    return percent(int(rows[column].sum()) / events) if events else "-"


def _entropy(rows: NDArray[Any]) -> str:
    sent = rows["messages"] - rows["lost_messages"]
    counted = (sent > 0) & np.isfinite(rows["entropy"])
    if not counted.any():
        return "-"
    return f"{np.average(rows['entropy'][counted], weights=sent[counted]):.3g} bit"


def epoch_table(trace: Trace) -> tuple[list[str], list[list[str]]]:
    """Headings and rows: accuracy (or R^2) and loss of each epoch; of many epochs some, and the last."""
    splits = [(split, trace.metrics(split)) for split in ("train", "validation", "test", "test_deployed")]
    splits = [(split.replace("_", " "), rows) for split, rows in splits if len(rows)]
    columns: list[tuple[str, dict[int, str]]] = []
    for split, rows in splits:
        for measure, words in (("accuracy", "accuracy"), ("r2", "R²"), ("loss", "loss")):
            if np.isfinite(rows[measure]).any():
                show = percent if measure == "accuracy" else _four_digits
                values = {int(row["epoch"]): show(float(row[measure])) for row in rows}
                columns.append((f"{split} {words}", values))
    epochs = trace.metrics("train")["epoch"].tolist()
    step = math.ceil(len(epochs) / _MOST_EPOCHS) if epochs else 1
    shown = [*epochs[step - 1 : -1 : step], *epochs[-1:]]
    table = [[str(epoch), *(values.get(epoch, "-") for _, values in columns)] for epoch in shown]
    return ["epoch", *(heading for heading, _ in columns)], table


_MOST_EPOCHS = 50


def _four_digits(value: float) -> str:
    return f"{value:.4g}"


def staleness(trace: Trace) -> str:
    """The mean and the greatest age of errors, in a sentence."""
    ages = {layer: trace.staleness(layer) for layer in trace.error_layers}
    ages = {layer: counts for layer, counts in ages.items() if counts.sum()}
    if not ages:
        return "No layer has applied an error."
    if not any(counts[1:].any() for counts in ages.values()):
        return "Every error met the activity of its own frame: none was stale."
    of_layers = [
        f"on average by {np.arange(len(counts)) @ counts / counts.sum():.3g} frames at layer {layer} "
        f"(at most {np.flatnonzero(counts)[-1]})"
        for layer, counts in ages.items()
    ]
    return f"Errors were late, {'; '.join(of_layers)}."


def alignment(trace: Trace) -> str:
    """What the cosines were at the end, in a sentence."""
    rows = {layer: trace.alignment(layer) for layer in trace.error_layers}
    at_end = [f"{one['cosine'][-1]:.2f} at layer {layer}" for layer, one in rows.items() if len(one)]
    if not at_end:
        return 'It was not measured; trace.alignment = "epoch" has it measured after each epoch.'
    return (
        f"The cosine of the errors that arrive and the true gradient is {', '.join(at_end)} at the end: 1 is "
        "backpropagation's direction, above 0 lowers the loss, 0 has nothing to do with the gradient."
    )


def provenance(trace: Trace) -> Rows:
    """With what, where and when the run was made, and the digests of its inputs."""
    about = trace.provenance
    about.pop("inputs", None)
    names = {"start": "begun", "end": "ended", "revision": "source revision"}
    rows = [("trace", str(trace.path))]
    rows += [(names.get(key, key), str(value)) for key, value in about.items()]
    return rows + [(f"input {part}", digest) for part, digest in trace.inputs.items()]
