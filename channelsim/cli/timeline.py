"""`channelsim timeline`: when each layer computed and each link sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from channelsim.errors import InputError, printable
from channelsim.units import parse_duration


def timeline(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="Trace (HDF5) with messages.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="The figure (.svg, .png, .pdf), or a .pftrace or .vcd, either with .gz (default: timeline.png, "
            "timeline.pftrace.gz or timeline.vcd.gz).",
            show_default=False,
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("--format", metavar="KIND", help="figure, perfetto (ui.perfetto.dev) or vcd.", show_default=False),
    ] = None,
    frames: Annotated[
        str | None,
        typer.Option(
            "--frames", metavar="A:B", help="From the entry of frame A until frame B - 1 is done.", show_default=False
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option("--time", metavar="A:B", help='Simulated time, e.g. "0:50us".', show_default=False),
    ] = None,
) -> None:
    """Show when each layer computed, each link sent, and what waited or was lost.

    It shows the messages that the run recorded (trace.events).
    In Perfetto 1 ns is 1 ps of simulated time. A VCD is exact to the picosecond.
    """
    from channelsim.timelines import timeline as draw

    named = {"perfetto": Path("timeline.pftrace.gz"), "vcd": Path("timeline.vcd.gz")}
    target = out or named.get(format or "", Path("timeline.png"))
    draw(trace, target, format, _ends(frames, "--frames", "0:10", int), _ends(time, "--time", "0:50us", parse_duration))
    print(printable(str(target)))


def _ends(text: str | None, option: str, example: str, read: type[int] | object) -> tuple[int, int] | None:
    """Both ends of A:B."""
    if text is None:
        return None
    first, colon, last = text.partition(":")
    try:
        if not colon:
            raise ValueError
        return _end(first, read), _end(last, read)
    except ValueError:
        raise InputError(f"timeline: {option} {text}; accepted: A:B, such as {example}") from None


def _end(text: str, read: object) -> int:
    assert callable(read)
    return int(read(int(text) if text.strip() == "0" else text))
