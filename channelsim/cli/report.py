"""`channelsim report`: a run or a sweep on one page of HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from channelsim.errors import printable


def report(
    source: Annotated[
        Path,
        typer.Argument(metavar="TRACE|DIR", help="Trace (HDF5), or a sweep's directory.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The page: .html.")] = Path("report.html"),
) -> None:
    """Tell what was simulated and what the result is, on one page for a browser.

    The page is a single file that needs no network: figures, tables and scripts are in it.
    """
    from channelsim.reports import report as write

    write(source, out)
    print(printable(str(out)))
