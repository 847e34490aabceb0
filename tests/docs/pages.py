"""Which pages there are, which of them are run, and what is only parsed, with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.pages import ROOT, Command, blocks, commands

PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "scenarios/physical/README.md")),
        *(ROOT / "docs").rglob("*.md"),
    ]
)

PARSED_ONLY = {
    r"make .*": "installs, measures or takes minutes; its target is looked up in the Makefile",
    r"pip install .*": "installs; its extras are looked up in pyproject.toml",
    r"python .*": "a script of the project, which takes minutes; its file is looked up",
    r"channelsim .*(mnist|cifar10).*": "needs a data set that is downloaded",
    r"channelsim .*scenarios/physical/(axons|noc-mesh|optical-broadcast|serdes)\.toml.*": "needs MNIST",
    r"channelsim theory .*(--engine|--stability|--portrait).*": "takes long; tests/theory covers it",
    r"channelsim .*\b[A-Z]{3,}\b.*": "shows the form of a command, with a name in capitals for a file",
}
"""Pattern of a command -> why it is not run."""

PAGES_ONLY_PARSED = {
    "docs/sweep.md": "its script starts processes that import it; tests/sweeps runs such sweeps",
    "docs/gallery.md": "scripts.gallery runs these scenarios, and tests/test_scenarios.py loads them",
    "docs/theory.md": "tests/theory solves these systems",
}
"""Page -> why none of it is run."""


def reason(command: Command) -> str | None:
    """Why a command is only parsed, None where it is run."""
    return next((why for pattern, why in PARSED_ONLY.items() if re.fullmatch(pattern, command.text)), None)


def all_commands(page: Path) -> Iterator[Command]:
    for block in blocks(page):
        yield from commands(block)
