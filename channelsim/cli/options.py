"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ScenarioFile = Annotated[Path, typer.Argument(metavar="SCENARIO", help="Scenario file (TOML).", show_default=False)]

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key: dotted key, TOML value or bare word. May be repeated.",
        show_default=False,
    ),
]

Trust = Annotated[
    bool, typer.Option("--trust", help="Python files that it names, which run, may lie outside of its folder.")
]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]

Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        help="Threads that share the work on a mini-batch, at most one per core (default: 1).",
        show_default=False,
    ),
]
