"""`channelsim theory`: where one of the paper's dynamical systems goes, why, and when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from channelsim.cli.options import Json, Settings
from channelsim.cli.output import note, print_json
from channelsim.errors import InputError

if TYPE_CHECKING:
    from channelsim.theory import Outcome, System


def theory(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="SCENARIO",
            help="A file with a table \\[theory], or a scenario of such a network.",
            show_default=False,
        ),
    ],
    settings: Settings = None,
    tolerance: Annotated[
        float, typer.Option(metavar="X", help="How close to its limit every parameter must stay for the time.")
    ] = 1e-6,
    portrait: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the plane of a1 and a2: .png, .svg or .pdf.", show_default=False),
    ] = None,
    engine: Annotated[bool, typer.Option("--engine", help="Run the engine beside the equation.")] = False,
    rates: Annotated[str, typer.Option(metavar="R,R,..", help="With --engine: learning rates.")] = "0.1,0.05,0.025",
    time: Annotated[
        float | None,
        typer.Option(metavar="T", help="With --engine: how far (default: close to the limit).", show_default=False),
    ] = None,
    stability: Annotated[
        bool, typer.Option("--stability", help="The largest stable learning rate: by formula, and by the engine.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Solve one of the paper's dynamical systems: where it goes, why, and when.

    Time is the equation's: the learning rate times the number of updates.
    """
    from channelsim import extras

    extras.require("theory", "theory")
    from channelsim.theory import solve

    system = _system(file, settings or [])
    outcome = solve(system, tolerance)
    _warn_of_rates(file, settings or [])
    if portrait is not None:
        from channelsim.theory.portrait import portrait as draw

        draw(system, portrait)
    measured: dict[str, Any] = {}
    if engine or stability:
        from channelsim import _theory
        from channelsim.scenario import load

        case = _theory.case_of(load(file, set=settings or ()))
        with _named(file):
            if _speaks_of("theory", file, settings or []):
                _theory.refuse_another(system, case.system)
            if engine:
                measured["engine"] = _theory.compare(case, _rates(rates), time).to_json()
            if stability:
                measured["stability"] = _theory.stability(case).to_json()
    if as_json:
        print_json(outcome.to_json() | measured)
        return
    _print(file.stem, outcome, tolerance)
    if "engine" in measured:
        _print_paths(measured["engine"])
    if "stability" in measured:
        _print_stability(measured["stability"])
    if portrait is not None:
        print(portrait)


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Puts the file before what is wrong with its scenario, though not before what is wrong with an option."""
    try:
        yield
    except InputError as error:
        raise InputError(str(error) if str(error).startswith("--") else f"{file}: {error}") from None


def _system(file: Path, settings: list[str]) -> System:
    """The system of a [theory] table; of a scenario without one, what its network is."""
    from channelsim.theory import load

    if _speaks_of("theory", file, settings):
        return load(file, set=settings)
    from channelsim._theory import case_of
    from channelsim.scenario import load as load_scenario

    return case_of(load_scenario(file, set=settings)).system


def _speaks_of(table: str, file: Path, settings: list[str]) -> bool:
    """Whether a file or a setting has something of a table. What is wrong with a file, `load` says."""
    import tomllib

    try:
        written = table in tomllib.loads(file.read_text())
    except (OSError, ValueError):
        written = True
    return written or any(re.match(rf"\s*{table}\s*[.=]", text) for text in settings)


def _warn_of_rates(file: Path, settings: list[str]) -> None:
    """The equation knows one learning rate: where layers have their own, its limit need not be theirs."""
    if not _speaks_of("training", file, settings):  # a scenario takes long to load
        return
    from channelsim.scenario import load

    try:
        rates = load(file, set=settings).training.learning_rate
    except InputError:  # what only the theory has, such as a power
        return
    if isinstance(rates, dict):
        note("warning: training.learning_rate differs by layer; the equation's layers all learn at the same rate")


def _rates(text: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise InputError(f"--rates {text}; accepted: numbers with commas between them, such as 0.1,0.05") from None


def _print_paths(found: dict[str, Any]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    for heading in ("learning rate", "updates", "largest distance", "at the end", "order", "drift of invariants"):
        table.add_column(heading, justify="right")
    for path in found["paths"]:
        drift = max(path["drift"].values(), default=0.0)
        order = "-" if path["order"] is None else f"{path['order']:.3f}"
        table.add_row(
            f"{path['rate']:g}",
            str(path["updates"]),
            f"{path['distance']:.3e}",
            f"{path['end']:.3e}",
            order,
            f"{drift:.3e}",
        )
    console = Console(highlight=False, markup=False)
    console.print(f"engine beside the equation, up to time {found['time']:.6g}")
    console.print(table)


def _print_stability(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    rows = Table.grid(padding=(0, 2))
    by_formula = "-, as the errors' delays vary" if found["formula"] is None else f"{found['formula']:.6g}"
    for label, text in (
        ("largest stable rate", f"{by_formula} by formula, {found['measured']:.6g} by the engine"),
        ("gains of the layers", ", ".join(f"{gain:.6g}" for gain in found["gains"])),
        ("updates late", ", ".join(map(str, found["delays"]))),
        ("mean square", "" if found["mean_square"] is None else f"grows above {found['mean_square']:.6g}"),
        ("a single run", "" if found["single_run"] is None else f"almost surely grows above {found['single_run']:.6g}"),
    ):
        if text:
            rows.add_row(label, text)
    Console(highlight=False, markup=False).print(rows)


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
