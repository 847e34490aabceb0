"""What pages show is run, in a folder of its own: commands, files and Python, one after the other.

Output that a page shows is compared with what its command prints, except where a sweep is made smaller.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.pages import ROOT, Command, lay_out, run_page
from tests.docs.pages import PAGES, PAGES_ONLY_PARSED, all_commands, reason

RUN = (
    "README.md",
    "docs/tutorial.md",
    "docs/howto/describe-a-link.md",
    "docs/howto/compare-rules.md",
    "docs/howto/pipeline.md",
    "docs/howto/read-a-trace.md",
    "docs/channel.md",
    "docs/trace.md",
)
NEEDS = {
    "import pandas": "pandas",
    "import xarray": "xarray",
    "channelsim sweep": "distributed",
    "channelsim verify": "torch",
    "to_torch": "torch",
    "channelsim theory": "scipy",
}
"""What a page shows -> the module that it needs, of an extra."""

SMALLER = (
    "--set", "training.epochs=1", "--set", "data.train=200", "--set", "sweep.seed=[1,2]",
    "--set", 'sweep."training.learning_rate"=[0.1,0.2]', "--workers", "1",
)  # fmt: skip
"""Of a sweep: on one process, with fewer points and samples; its table has the same columns."""


def words(command: Command) -> Sequence[str] | None:
    if reason(command) is not None:
        return None
    return (*command.words, *SMALLER) if command.words[1] == "sweep" else command.words


@pytest.mark.parametrize("name", RUN)
def test_a_page_runs_as_it_stands(name: str, tmp_path: Path) -> None:
    page = ROOT / name
    for shown, module in NEEDS.items():
        if shown in page.read_text(encoding="utf-8"):
            pytest.importorskip(module)
    lay_out(page, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ran = list(run_page(page, tmp_path, words))
    assert ran
    assert not [f"{one.block.place}: not printed: {line}" for one in ran for line in one.missing]


def test_what_is_not_run_has_a_reason() -> None:
    """A page with a command that could run is run, or is listed with the reason why not."""
    pages = {str(page.relative_to(ROOT)) for page in PAGES if any(reason(one) is None for one in all_commands(page))}
    assert pages == {*RUN, *PAGES_ONLY_PARSED}
