"""The small tables at the end of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from channelsim.cli.output import percent, quantity

if TYPE_CHECKING:
    from channelsim.data import Entry
    from channelsim.result import Result

_COUNTS = ("messages", "events", "bits", "dropped", "late")


def print_result(result: Result) -> None:
    """What the run came to, its channels, and where the trace is."""
    console = Console(highlight=False, soft_wrap=True)
    summary = Table.grid(padding=(0, 2))
    for name, value in (
        ("test accuracy", percent(result.test_accuracy)),
        ("train accuracy", percent(result.train_accuracy)),
        ("loss", f"{result.loss:.4f}"),
        ("updates", f"{result.updates:,}"),
        (
            "learning bits",
            f"{quantity(result.learning_bits, 'bit')}, {quantity(result.bits_per_update, 'bit')} an update",
        ),
        ("simulated time", quantity(result.simulated_time_s, "s")),
        ("energy", quantity(result.energy_j, "J")),
        (
            "wall time",
            f"{quantity(result.wall_time_s, 's')}, of these {quantity(result.training_time_s, 's')} in the engine",
        ),
    ):
        summary.add_row(name, value)
    channels = Table(box=box.SIMPLE)
    channels.add_column("channel")
    for count in _COUNTS:
        channels.add_column(count, justify="right")
    for name, total in result.channels.items():
        channels.add_row(name, *(f"{total[count]:,}" for count in _COUNTS))
    console.print(f"\n{result.name}: {result.status}", style="bold")
    console.print(summary)
    console.print(channels)
    # A path is printed whole, on a line of its own, so that it can be copied.
    print(f"trace: {result.trace}")


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
