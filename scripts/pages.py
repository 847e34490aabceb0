"""Reads the code blocks of Markdown pages, and runs those of a page one after the other in a folder.

    .venv/bin/python -m scripts.pages docs/tutorial.md

runs the commands of a page as they stand, in a temporary folder, and puts the pictures that they draw beside the page,
in a folder of its name. `tests/docs` reads and runs the pages with the same functions.
"""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = {"channelsim", "make", "pip", "python", "dask", "git", "cd"}
"""What a line of an indented block begins with if it is a command; others are formulas, files and output."""

PICTURES = {".svg", ".png", ".pdf"}


@dataclass(frozen=True)
class Block:
    """A block of code: its page, its first line (counted from 1), its language ("" for an indented one), its text."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command line of a page, as words, and the lines of output that the page shows below it."""

    block: Block
    words: tuple[str, ...]
    output: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        return self.words[0].rsplit("/", 1)[-1]

    @property
    def text(self) -> str:
        return shlex.join((self.program, *self.words[1:]))


def blocks(page: Path) -> list[Block]:
    """The fenced and the indented blocks of a page, in order."""
    found = []
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type in ("fence", "code_block") and token.map is not None:
            language = token.info.split()[0] if token.info.strip() else ""
            found.append(Block(page, token.map[0] + 1, language, token.content))
    return found


def commands(block: Block) -> list[Command]:
    """The command lines of a block; a `\\` at the end of a line continues it.

    In a block with prompts (`$ `) what follows a command is its output. Without prompts each line that begins with a
    program is a command.
    """
    if block.language not in ("", "console", "bash", "sh"):
        return []
    lines = block.text.replace("\\\n", " ").splitlines()
    prompts = any(line.startswith("$ ") for line in lines)
    found: list[Command] = []
    for line in lines:
        if line.startswith("$ ") or (not prompts and is_command(line)):
            found.append(Command(block, tuple(shlex.split(line.removeprefix("$ "), comments=True))))
        elif prompts and found and line.strip():
            found[-1] = Command(block, found[-1].words, (*found[-1].output, line))
    return found


def mentions(page: Path) -> list[Command]:
    """The command lines of channelsim within sentences and tables that name a scenario."""
    found = []
    for token in MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8")):
        line = token.map[0] + 1 if token.map else 0
        for part in token.children or ():
            if part.type == "code_inline" and part.content.startswith("channelsim ") and ".toml" in part.content:
                found.append(Command(Block(page, line, "", part.content), tuple(shlex.split(part.content))))
    return found


def is_command(line: str) -> bool:
    first = line.split(maxsplit=1)[0] if line.strip() else ""
    return first.rsplit("/", 1)[-1] in PROGRAMS and line == line.lstrip()


def file_of(block: Block) -> str | None:
    """The file that a TOML block stands for, which its first line names: `# scenarios/NAME.toml`."""
    mark, name, *_ = *block.text.split("\n", 1)[0].split(), "", ""
    name = name.rstrip(":")
    return name if mark == "#" and name.endswith(".toml") else None


@dataclass(frozen=True)
class Ran:
    """A block, or one of its commands, that was run: what it printed, and which lines of the page it did not print."""

    block: Block
    output: str
    missing: tuple[str, ...] = ()


def run_page(page: Path, folder: Path, change: Callable[[Command], Sequence[str] | None]) -> Iterator[Ran]:
    """Runs what a page shows, in `folder`, in order: files are written, channelsim's commands and Python blocks run.

    `change` gives the words of a command that are to be run, None for none. Output is compared where they are the
    page's.
    Raises RuntimeError for a command that fails, and what a Python block raises.
    """
    from channelsim.cli import main

    names: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.chdir(folder):
        for block in blocks(page):
            name = file_of(block)
            if block.language == "toml" and name is not None:
                Path(name).parent.mkdir(parents=True, exist_ok=True)
                Path(name).write_text(block.text, encoding="utf-8")
            if block.language == "python":
                with contextlib.redirect_stdout(io.StringIO()) as out:
                    exec(compile(block.text, block.place, "exec"), names)
                yield Ran(block, out.getvalue())
            for command in commands(block):
                words = change(command)
                if words is None:
                    continue
                with contextlib.redirect_stdout(io.StringIO()) as out:
                    status = main([file for word in words[1:] for file in expanded(word)])
                if status:
                    raise RuntimeError(f"{block.place}: {command.text}: exit status {status}")
                shown = command.output if tuple(words) == command.words else ()
                yield Ran(block, out.getvalue(), tuple(line for line in shown if not is_in(line, out.getvalue())))


def expanded(word: str) -> list[str]:
    """The files that a shell would put in place of a pattern such as `runs/*.h5`."""
    return sorted(str(file) for file in Path().glob(word)) or [word] if "*" in word else [word]


def is_in(line: str, output: str) -> bool:
    """Whether a line that a page shows is one of the output, spaces aside; `...` stands for anything."""
    parts = [" ".join(part.split()) for part in line.split("...")]
    return any(_matches(parts, " ".join(printed.split())) for printed in output.splitlines())


def _matches(parts: list[str], line: str) -> bool:
    if not line.startswith(parts[0]) or not line.endswith(parts[-1]):
        return False
    at = 0
    for part in parts:
        at = line.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return len(parts) > 1 or line == parts[0]


def lay_out(page: Path, folder: Path) -> None:
    """What the commands of a page refer to: scenarios and models, as in a clone, unless the page itself copies them."""
    if "channelsim scenarios copy" in page.read_text(encoding="utf-8"):
        return
    for name in ("scenarios", "models"):
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def main(pages: list[str]) -> int:
    wrong = 0
    for name in pages:
        page = Path(name).resolve()
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            lay_out(page, folder)
            for ran in run_page(page, folder, lambda one: one.words if one.program == "channelsim" else None):
                print(f"{ran.block.place}\n{ran.output}", flush=True)
                for line in ran.missing:
                    print(f"{ran.block.place}: not printed: {line}", file=sys.stderr, flush=True)
                wrong += len(ran.missing)
            target = page.with_suffix("")
            for file in sorted(file for file in folder.iterdir() if file.suffix in PICTURES):
                target.mkdir(exist_ok=True)
                shutil.copy(file, target / file.name)
                print(f"{target / file.name}  {os.path.getsize(file):,} bytes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
