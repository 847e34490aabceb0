"""Reports: a run or a sweep as one page of HTML, for a colleague who has neither the trace nor this package."""

from __future__ import annotations

import os

from channelsim.errors import InputError
from channelsim.files import replace
from channelsim.paths import path_of
from channelsim.trace import Trace

__all__ = ["report"]

ENDINGS = (".html", ".htm")


def report(source: str | os.PathLike[str] | Trace, out: str | os.PathLike[str] | None = None) -> str:
    """Tell what was simulated and what the result is, on one self-contained page of HTML.

    The page works offline: it holds its figures, its style and its script, and asks for nothing.

    Arguments:
        source: a trace (a path or an open Trace), or the directory of a sweep.
        out: where to write the page: .html or .htm.

    Returns the HTML. The same source gives the same page.

    Raises InputError for a source that is neither, a sweep without a table, an `out` of another kind or that cannot be
    written; and for a sweep without the extra `sweep`.
    """
    target = None if out is None else path_of(out)
    if target is not None and target.suffix.lower() not in ENDINGS:
        raise InputError(f"{target}: a report is a page of HTML; accepted: a name that ends in {', '.join(ENDINGS)}")
    html = _html(source)
    if target is not None:
        try:
            replace(target, html.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise InputError(f"{target}: cannot write the report: {error.strerror or error}") from None
    return html


def _html(source: str | os.PathLike[str] | Trace) -> str:
    from channelsim.reports._run import run_page

    if isinstance(source, Trace):
        return run_page(source)
    if (directory := path_of(source)).is_dir():
        from channelsim.reports._sweep import sweep_page

        return sweep_page(directory)
    with Trace(source) as trace:
        return run_page(trace)
