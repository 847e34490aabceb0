"""Timelines: who was busy when. A figure, a trace for ui.perfetto.dev, or a value change dump."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from isal import igzip

from channelsim.errors import InputError
from channelsim.files import refuse_special
from channelsim.paths import path_of
from channelsim.timelines._record import ACT, ENTRY, SEND, Timeline, read
from channelsim.trace import Trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ACT", "ENTRY", "FORMATS", "SEND", "Timeline", "read", "timeline"]

FORMATS = {
    "figure": (".svg", ".png", ".pdf"),
    "perfetto": (".pftrace", ".perfetto-trace", ".pftrace.gz", ".perfetto-trace.gz"),
    "vcd": (".vcd", ".vcd.gz"),
}
"""Format -> the names that such a file may end in; what ends in .gz is compressed."""


def timeline(
    trace: str | os.PathLike[str] | Trace,
    out: str | os.PathLike[str] | None = None,
    format: str | None = None,
    frames: tuple[int, int] | None = None,
    time: tuple[int, int] | None = None,
) -> Figure | None:
    """Show when each layer computed and each link sent, as far as messages were recorded (`trace.events`).

    Arguments:
        trace: a path or an open Trace.
        out: the file. What it ends in says the format: .svg, .png or .pdf a figure; .pftrace or .pftrace.gz a trace
            that https://ui.perfetto.dev opens, in which 1 ns is 1 ps of simulated time; .vcd or .vcd.gz a value change
            dump, exact to the picosecond.
        format: figure, perfetto or vcd, which `out` has to agree with; without `out` only a figure can be had.
        frames: (a, b): from the moment at which frame a enters until all that frame b - 1 leads to is done.
        time: (begin, end) in ps instead. Default: everything that is recorded, in a figure the first frames that one
            can read.

    Returns the Figure, None for another format.

    Raises InputError where no message is recorded (in these frames, at that time), when more would be drawn than one
    can read, and for an `out` of another kind or that cannot be written.
    """
    target = None if out is None else path_of(out)
    kind = _format(target, format)
    if frames is not None and time is not None:
        raise InputError("timeline: frames and time both given; accepted: one of them")
    if isinstance(trace, Trace):
        whole = read(trace)
    else:
        with Trace(trace) as opened:
            whole = read(opened)
    shown = whole
    if frames is not None:
        if not 0 <= frames[0] < frames[1]:
            raise InputError(f"timeline: frames {frames[0]}:{frames[1]}; accepted: A:B with 0 <= A < B")
        shown = whole.frames(frames[0], frames[1] - 1)
    elif time is not None:
        if not 0 <= time[0] < time[1]:
            raise InputError(f"timeline: time {time[0]} ps to {time[1]} ps; accepted: a later end than its beginning")
        shown = whole.between(*time)
    if kind == "figure":
        from channelsim.plots import save
        from channelsim.timelines.figure import draw, first_frames

        figure = draw(first_frames(whole) if shown is whole else shown)
        if target is not None:
            save(figure, target)
        return figure
    assert target is not None
    from channelsim.timelines import _perfetto, _vcd

    _write(target, (_perfetto.packets if kind == "perfetto" else _vcd.lines)(shown))
    return None


def _format(target: Path | None, wanted: str | None) -> str:
    """The format that is meant by a file's name, or by its word."""
    if wanted is not None and wanted not in FORMATS:
        raise InputError(f"timeline: format {wanted!r}; accepted: {', '.join(FORMATS)}")
    if target is None:
        if wanted not in (None, "figure"):
            raise InputError(f"timeline: {wanted} is written into a file; accepted: out=FILE")
        return "figure"
    name = target.name.lower()
    for kind, ends in FORMATS.items():
        if name.endswith(ends) and wanted in (None, kind):
            return kind
    ends = FORMATS[wanted] if wanted else tuple(end for some in FORMATS.values() for end in some)
    raise InputError(f"{target}: no name for a {wanted or 'timeline'}; accepted: one that ends in {', '.join(ends)}")


def _write(target: Path, pieces: Iterator[bytes]) -> None:
    """Writes a file at once: whole, or not at all. The same pieces give the same bytes."""
    part = None
    try:
        place = Path(os.path.realpath(target))  # a link is followed
        if place.exists():
            refuse_special(target, place.stat().st_mode)
        descriptor, part = tempfile.mkstemp(dir=place.parent, prefix=f".{target.name}.", suffix=".part")
        with open(descriptor, "wb") as file:
            if target.suffix.lower() == ".gz":
                with igzip.IGzipFile(filename="", mode="wb", fileobj=file, compresslevel=2, mtime=0) as packed:
                    for piece in pieces:
                        packed.write(piece)
            else:
                for piece in pieces:
                    file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o644)
        os.replace(part, place)
    except OSError as error:
        if part is not None:
            with suppress(OSError):
                os.unlink(part)
        raise InputError(f"{target}: cannot write the timeline: {error.strerror or error}") from None
