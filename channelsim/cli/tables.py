"""The small tables at the end of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from channelsim.errors import printable
from channelsim.result import entropy_text
from channelsim.units import percent, quantity

if TYPE_CHECKING:
    from channelsim.data import Entry
    from channelsim.result import Result

_WIDEST = 160  # of a table of channels; a narrower screen wraps its lines, which keeps every digit
_COUNTS = ("messages", "events", "bits", "dropped", "late")


def print_result(result: Result) -> None:
    """The result of a run, its channels, and where the trace is."""
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, _WIDEST)
    summary = Table.grid(padding=(0, 2))
    for name, value in (
        *result.figures(),
        ("updates", f"{result.updates:,}"),
        (
            "learning bits",
            f"{quantity(result.learning_bits, 'bit')}, {quantity(result.bits_per_update, 'bit')} per update",
        ),
        (
            "simulated time",
            f"{quantity(result.simulated_time_s, 's')}, {quantity(result.time_per_update_s, 's')} per update",
        ),
        ("energy", f"{quantity(result.energy_j, 'J')}, {quantity(result.joules_per_update, 'J')} per update"),
        *((("of which", result.shares_of_energy()),) if result.shares_of_energy() else ()),
        (
            "wall time",
            f"{quantity(result.wall_time_s, 's')}, of which {quantity(result.training_time_s, 's')} in the engine",
        ),
    ):
        summary.add_row(name, value)
    # The columns of queues are there where a link takes time.
    timed = any(total["utilisation"] for total in result.channels.values())
    channels = Table(box=box.SIMPLE)
    channels.add_column("channel")
    for heading in (*_COUNTS, "entropy", *(("queue", "refused", "busy") if timed else ())):
        channels.add_column(heading, justify="right")
    for name, total in result.channels.items():
        row = [f"{total[count]:,}" for count in _COUNTS] + [entropy_text(total["entropy"])]
        if timed:
            row += [f"{total['queue_max']:,}", f"{total['lost_messages']:,}", _busy(total["utilisation"])]
        channels.add_row(name, *row)
    console.print(f"\n{result.name}: {result.status}", style="bold")
    console.print(summary)
    console.print(channels)
    for text in result.warnings:
        console.print(f"warning: {text}", markup=False)
    # A path is printed whole, on a line of its own, so that it can be copied.
    print(f"trace: {printable(result.trace)}")


def _busy(share: float) -> str:
    """A channel's time on its link: a share of the simulated time, or how often it was more than all of that."""
    return percent(share) if share <= 1 else f"{share:,.1f} times"


def print_data_sets(entries: list[Entry]) -> None:
    """Which sets are at hand and how to get the others."""
    table = Table(box=box.SIMPLE)
    table.add_column("name", no_wrap=True)
    table.add_column("train", justify="right")
    table.add_column("test", justify="right")
    table.add_column("where", overflow="fold")
    for entry in entries:
        sizes = (f"{size:,}" if size is not None else "-" for size in (entry.train, entry.test))
        where = ": ".join(part for part in (entry.place, entry.remedy) if part)
        table.add_row(entry.name, *sizes, where)
    Console(highlight=False, markup=False).print(table)
