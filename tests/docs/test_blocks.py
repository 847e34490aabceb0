"""Every TOML and Python block of README and docs is sound, and so is every link."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

import channelsim as cs
from channelsim import theory
from channelsim.scenario import Model
from scripts.pages import ROOT, Block, blocks
from tests.docs.pages import PAGES

BLOCKS = [block for page in PAGES for block in blocks(page)]
TOML = [block for block in BLOCKS if block.language == "toml"]

NOT_LOADED = {
    'weights = { from = "../runs/teacher.h5"': "names a trace that the reader has",
    '[learning]\nrule = { use = "mine.py': "a rule of a file that the reader has; a test below runs it",
    "[learning.feedback]": "a C for a network of its own; tests/test_given.py loads such a table",
}
"""How a block begins that is only parsed -> why."""


def load(document: dict[str, Any]) -> object:
    """A whole scenario, a model, or some tables of a scenario, laid over a small one. Raises InputError."""
    if "layers" in document:
        return Model(**{"name": "page", "input": [1], **document})
    if "theory" in document:
        return theory.system_from(document["theory"])
    tiny = {"train_x", "train_y"} & set(document.get("data", {}))
    dense = {"kind": "dense", "units": 1, "transfer": "linear"}
    model: Any = {"name": "page", "input": [2], "layers": [dense]} if tiny else str(ROOT / "models" / "digits-mlp.toml")
    base: dict[str, Any] = {"name": "page", "training": {"epochs": 20}, "learning": {"rule": "srbp"}}
    base["data"] = {} if tiny else {"name": "digits"}
    return cs.Scenario(**{**base, **document, "model": model})


@pytest.mark.parametrize("block", TOML, ids=lambda block: block.place)
def test_toml_is_a_scenario_a_model_or_a_part(block: Block) -> None:
    document = tomllib.loads(block.text)
    if not block.text.startswith(tuple(NOT_LOADED)):
        load(document)


def test_a_wrong_key_is_found() -> None:
    for document in ({"channels": {"learning": {"latenzy": "1 s"}}}, {"layers": [{"kind": "dens"}]}):
        with pytest.raises(cs.InputError):
            load(document)


def test_what_is_not_loaded_is_there() -> None:
    for start in NOT_LOADED:
        assert any(block.text.startswith(start) for block in TOML), start


def test_python_compiles_and_languages_are_named() -> None:
    for block in BLOCKS:
        if block.language == "python":
            compile(block.text, block.place, "exec")
        assert block.language in ("", "toml", "python", "console", "matlab", "julia", "{toctree}"), block.place


def test_the_rule_of_the_page_is_one(tmp_path: Path) -> None:
    [file] = [block for block in BLOCKS if block.language == "python" and "cx.rule" in block.text]
    (tmp_path / "mine.py").write_text(file.text)
    [table] = [tomllib.loads(block.text) for block in TOML if "mine.py:kolen_pollack" in block.text]
    table["learning"]["rule"]["use"] = f"{tmp_path}/{table['learning']['rule']['use']}"
    scenario = load(table)
    assert isinstance(scenario, cs.Scenario) and cs.check(scenario)


def anchors(text: str) -> set[str]:
    """What a link may name in a page: its headings, in the way of code hosts."""
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.replace("`", "").lower()).strip().replace(" ", "-") for head in heads}


def test_links_lead_somewhere() -> None:
    wrong = []
    for page in PAGES:
        for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
            for part in token.children or ():
                target = str(part.attrs.get("href") or part.attrs.get("src") or "")
                if not target or target.startswith(("http:", "https:", "mailto:")):
                    continue
                name, _, anchor = target.partition("#")
                file = (page.parent / name).resolve() if name else page
                missing = not file.exists() or (
                    anchor and file.suffix == ".md" and anchor not in anchors(file.read_text(encoding="utf-8"))
                )
                if missing:
                    wrong.append(f"{page.relative_to(ROOT)}: {target}")
    assert not wrong


def test_the_gallery_has_every_scenario_and_small_pictures() -> None:
    text = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    for path in sorted((ROOT / "scenarios").rglob("*.toml")):
        assert f"scenarios/{path.relative_to(ROOT / 'scenarios')}" in text, path
    for picture in (ROOT / "docs" / "gallery").glob("*.png"):
        assert picture.stat().st_size <= 40_000 and f"gallery/{picture.name}" in text, picture
