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
        str | None, typer.Option("--x", metavar="KEY", help="Of a sweep: the key along the axis.", show_default=False)
    ] = None,
    y: Annotated[
        str | None,
        typer.Option(
            "--y",
            metavar="COLUMN",
            help="Of a sweep: what is drawn (test_accuracy, or test_r2 or test_loss where there is none).",
            show_default=False,
        ),
    ] = None,
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

    Of a sweep's directory, draw a column of its table over a swept key, as means over seeds with 95 % intervals.
    """
    if any(source.is_dir() for source in sources):
        _plot_sweep(sources, x, y, by, heat, where or [], out)
    elif x or y or by or heat or where:
        raise InputError(f"plot: {sources[0]} is no directory; --x, --y, --by, --heat and --where are for a sweep's")
    else:
        from channelsim.plots import plot as draw

        draw(sources, out=out, note=note)
    print(printable(str(out)))


def _plot_sweep(
    sources: list[Path], x: str | None, y: str | None, by: str | None, heat: str | None, where: list[str], out: Path
) -> None:
    if len(sources) > 1:
        raise InputError("plot: more than one directory; accepted: traces, or the directory of one sweep")

    from channelsim.sweeps import read_table
    from channelsim.sweeps.plots import plot_sweep

    table = read_table(sources[0])
    if x is None:
        raise InputError(f"plot: {sources[0]} is a sweep; accepted: --x KEY, with one of its columns")
    chosen = dict(text.partition("=")[::2] for text in where)
    plot_sweep(table, x, y, by, heat, chosen, out)
