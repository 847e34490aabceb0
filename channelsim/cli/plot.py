"""`channelsim plot`: traces in one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def plot(
    traces: Annotated[
        list[Path], typer.Argument(metavar="TRACE...", help="Traces (HDF5).", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="The picture: .png, .svg or .pdf.")
    ] = Path("channelsim.png"),
) -> None:
    """Draw accuracy and loss, all traces in one picture.

    By epoch, and by bits sent on the learning channels.
    """
    from channelsim.plots import plot as draw

    draw(traces, out=out)
    print(out)
