"""`channelsim plot`: traces, or the results of a sweep, in one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from channelsim.cli.output import note
from channelsim.errors import InputError, printable


def plot(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="TRACE...|DIR", help="Traces (HDF5), or a sweep's directory.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The picture: .png, .svg or .pdf.")] = Path(
        "channelsim.png"
    ),
    x: Annotated[
        str | None,
        typer.Option(
            "--x", metavar="KEY", help="Along the axis: a measure; of a sweep also a swept key.", show_default=False
        ),
    ] = None,
    y: Annotated[
        str | None,
        typer.Option(
            "--y",
            metavar="MEASURE",
            help="What is drawn (test_accuracy, or test_r2 or test_loss where there is none).",
            show_default=False,
        ),
    ] = None,
    at_end: Annotated[bool, typer.Option("--end", help="Of traces: a point for each, at its end.")] = False,
    pareto: Annotated[
        bool, typer.Option("--pareto", help="Mark and name the points that no other beats in both measures.")
    ] = False,
    third: Annotated[
        str | None,
        typer.Option("--third", metavar="MEASURE", help="Of a sweep: a third one, by colour.", show_default=False),
    ] = None,
    best_over: Annotated[
        str | None,
        typer.Option(
            "--best-over",
            metavar="KEY",
            help="Of a sweep: each variant at its own best value of this key, by validation accuracy.",
            show_default=False,
        ),
    ] = None,
    breakdown: Annotated[
        bool,
        typer.Option(
            "--breakdown",
            help="Bars of bits and joules, by channel and cause; of a sweep by point.",
        ),
    ] = False,
    by: Annotated[
        str | None, typer.Option("--by", metavar="KEY", help="Of a sweep: a curve for each value.", show_default=False)
    ] = None,
    heat: Annotated[
        str | None,
        typer.Option("--heat", metavar="KEY", help="Of a sweep: the second key of a heat map.", show_default=False),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", metavar="KEY=VALUE", help="Of a sweep: only such points. May be repeated.", show_default=False
        ),
    ] = None,
) -> None:
    """Draw accuracy (or R^2) and loss, all traces in one picture: by epoch, and by bits sent on the learning channels.

    With --x and --y any measure against any other, such as --x energy --y test_accuracy.
    Of a sweep's directory, draw a column of its table over a swept key or another measure, as means over seeds with
    95 % intervals.
    """
    if any(source.is_dir() for source in sources):
        if at_end:
            raise InputError("plot: --end is for traces; accepted: DIR/points/*.h5")
        _plot_sweep(sources, x, y, by, heat, where or [], out, pareto, third, best_over, breakdown)
    elif by or heat or where or third or best_over:
        raise InputError(
            f"plot: {sources[0]} is no directory; --by, --heat, --where, --third and --best-over are for a sweep's"
        )
    else:
        from channelsim.plots import plot as draw

        draw(sources, out=out, note=note, x=x, y=y, at_end=at_end, pareto=pareto, breakdown=breakdown)
    print(printable(str(out)))


def _plot_sweep(
    sources: list[Path],
    x: str | None,
    y: str | None,
    by: str | None,
    heat: str | None,
    where: list[str],
    out: Path,
    pareto: bool,
    third: str | None,
    best_over: str | None,
    breakdown: bool,
) -> None:
    if len(sources) > 1:
        raise InputError("plot: more than one directory; accepted: traces, or the directory of one sweep")

    from channelsim.sweeps import read_table
    from channelsim.sweeps.plots import plot_sweep

    table = read_table(sources[0])
    if x is None and not breakdown:
        raise InputError(f"plot: {sources[0]} is a sweep; accepted: --x KEY, a swept key or a measure")
    chosen = dict(text.partition("=")[::2] for text in where)
    plot_sweep(table, x, y, by, heat, chosen, out, pareto, third, best_over, breakdown)
