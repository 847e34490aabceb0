"""Every command that README and docs show is one: its options, files, scenarios and keys exist."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main

import channelsim as cs
from channelsim.cli.app import app
from scripts.pages import ROOT, Command, blocks, file_of, is_in, mentions
from tests.docs.pages import PAGES, PARSED_ONLY, all_commands, reason

NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def parsed(words: tuple[str, ...]) -> dict[str, Any]:
    """The parameters of a command line of channelsim, as the real command reads them. Raises TyperException."""
    command = typer.main.get_command(app)
    context = command.make_context("channelsim", list(words))
    while hasattr(command, "commands"):
        name, *rest = [*context._protected_args, *context.args]
        command = command.commands[name]
        context = command.make_context(name, rest, parent=context)
    return context.params


def shown_files(page: Path) -> dict[str, str]:
    """The files that a page has its reader write, by their path."""
    named = {file_of(block): block.text for block in blocks(page) if block.language == "toml"}
    return {name: text for name, text in named.items() if name is not None}


def check(command: Command, written: dict[str, str]) -> None:
    """Raises where the command is none. What is in capitals stands for a name of the reader's."""
    if command.program == "channelsim":
        known = parsed(command.words[1:])
        scenario = known.get("scenario")
        if scenario is None or not str(scenario).endswith(".toml"):
            return
        if str(scenario) in written:
            tomllib.loads(written[str(scenario)])
            return
        assert (ROOT / scenario).is_file(), f"there is no {scenario}"
        if known.get("settings"):
            cs.load(ROOT / scenario, set=known["settings"])
    elif command.program == "make":
        targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(command.words[1:]) - {w for w in command.words if "=" in w} <= set(targets), command.text
    elif command.program == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        wanted = re.findall(r"\[([a-z,]+)\]", command.text)
        assert {name for names in wanted for name in names.split(",")} <= set(extras), command.text
    elif command.program == "python" and command.words[1] == "-m":
        assert importlib.util.find_spec(command.words[2]) is not None, command.text
    elif command.program == "python":
        assert (ROOT / command.words[1]).is_file(), command.text


@pytest.mark.parametrize("name", NAMES)
def test_each_command_is_one(name: str) -> None:
    page = ROOT / name
    for command in (*all_commands(page), *mentions(page)):
        try:
            check(command, shown_files(page))
        except (typer.TyperException, cs.InputError, AssertionError) as mistake:
            pytest.fail(f"{command.block.place}: {command.text}: {mistake}")


@pytest.mark.parametrize(
    "words",
    [
        ("channelsim", "run", "scenarios/digits-bp.toml", "--nothing"),
        ("channelsim", "run", "scenarios/digits-bp.toml", "--set", "learning.rul=bp"),
        ("channelsim", "run", "scenarios/nothing.toml"),
        ("make", "nothing"),
        ("pip", "install", "channelsim[nothing]"),
        ("python", "scripts/nothing.py"),
        ("python", "-m", "scripts.nothing"),
    ],
)
def test_what_is_no_command_is_found(words: tuple[str, ...]) -> None:
    with pytest.raises((typer.TyperException, cs.InputError, AssertionError)):
        check(Command(blocks(ROOT / "README.md")[0], words), {})


def test_each_reason_has_a_command() -> None:
    texts = [command for page in PAGES for command in all_commands(page)]
    for pattern in PARSED_ONLY:
        assert any(re.fullmatch(pattern, command.text) for command in texts), f"{pattern}: no page has such a command"
    assert sum(reason(command) is None for command in texts) > 20


def test_output_is_compared_line_by_line() -> None:
    output = "test accuracy   96.94 %  \nwall time  75.1 s, of which 106 ms in the engine\n"
    assert is_in("  test accuracy 96.94 %", output)
    assert not is_in("test accuracy 96.93 %", output)
    assert is_in("wall time ... in the engine", output) and is_in("wall time ...", output)
    assert not is_in("wall time ... in the cache", output)
