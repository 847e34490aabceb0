"""`channelsim theory`: where one of the paper's dynamical systems goes, why, and when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from channelsim.cli.options import Json, Settings
from channelsim.cli.output import print_json

if TYPE_CHECKING:
    from channelsim.theory import Outcome


def theory(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A TOML file with a table [theory].", show_default=False)
    ],
    settings: Settings = None,
    tolerance: Annotated[
        float, typer.Option(metavar="X", help="How close to its limit every parameter must stay for the time.")
    ] = 1e-6,
    as_json: Json = False,
) -> None:
    """Solve one of the paper's dynamical systems: where it goes, why, and when.

    Time is the equation's: the learning rate times the number of updates.
    """
    from channelsim.theory import load, solve

    outcome = solve(load(file, set=settings or ()), tolerance)
    if as_json:
        print_json(outcome.to_json())
    else:
        _print(file.stem, outcome, tolerance)


def _print(name: str, outcome: Outcome, tolerance: float) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    console.print(f"\n{name}: {outcome.outcome}", style="bold")
    found = outcome.to_json()
    rows = [("limit", _parameters(found["limit"])), ("rate", _rate(found["rate"]))]
    if found["time"] is not None:
        rows.append(("time", f"{found['time']:.9g} until it stays within {tolerance:g} of the limit"))
    if found["period"] is not None:
        rows.append(("period", f"{found['period']:.9g}"))
    rows += [("asymptote", found["asymptote"]), ("reason", found["reason"])]
    summary = Table.grid(padding=(0, 2))
    summary.add_column(no_wrap=True)
    summary.add_column()
    for label, text in rows:
        if text:
            summary.add_row(label, text)
    for formula, value in found["invariants"].items():
        summary.add_row("invariant", f"{formula} = {_value(value)}")
    console.print(summary)
    if found["fixed_points"]:
        table = Table(box=box.SIMPLE)
        for heading in ("fixed point", "rates", "stable"):
            table.add_column(heading)
        for point in found["fixed_points"]:
            rates = zip(point["rates"], point["frequencies"], strict=True)
            words = [f"{rate:.6g}" + (f" {turn:+.6g}i" if turn else "") for rate, turn in rates]
            table.add_row(_parameters(point["parameters"]), ", ".join(words), "yes" if point["stable"] else "no")
        console.print(table)


def _rate(rate: float | None) -> str:
    if rate == 0:
        return "0: slower than any exponential"
    return "" if rate is None else f"{rate:.6g}"


def _parameters(parameters: dict[str, Any] | None) -> str:
    return ", ".join(f"{name} = {_value(value)}" for name, value in (parameters or {}).items())


def _value(value: Any) -> str:
    """A number, list or rows with six digits, cut to a length that fits on a few lines."""
    if isinstance(value, list):
        shown = [_value(item) for item in value[:12]]
        return f"[{', '.join(shown)}{', ..' if len(value) > 12 else ''}]"
    return "-" if value is None else f"{value:.6g}"
