"""Files of users' own parts: read, run, and told with file and line where they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

import channelsim.extend as cx
from channelsim import parts
from channelsim.errors import InputError

HEAD = "import channelsim.extend as cx\n\n"


def of(tmp_path: Path, text: str, name: str = "mine", **parameters: float) -> parts.Part:
    file = tmp_path / "mine.py"
    file.write_text(HEAD + text)
    return parts.part(f"{file}:{name}", parameters)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def mine(v:\n", r"mine\.py:3: .*; accepted: Python"),
        ("x = 1\ny = x / 0\n", r"mine\.py:4: ZeroDivisionError"),
        ("def mine(v):\n    return v\n", r"has no part 'mine'"),
        ("mine = 3\n", r"has no part 'mine'"),
        ("@cx.stage(place='anywhere')\ndef mine(v):\n    return v\n", r"mine\.py:3: ValueError: stage: place"),
        ("@cx.stage(place='after quantize', state=1)\ndef mine(v):\n    return v\n", r"accepted: over = 'message'"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        of(tmp_path, text)


STAGE = "@cx.stage(place='after quantize')\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def mine(v):\n    return w\n", r"mine\.py:5: mine: NameError"),
        ("def mine(v, u, p):\n    return v\n", r"mine\.py:3: mine takes \(v, u, p\); accepted: \(v\) or \(v, p\)"),
        ("def mine(v):\n    return [v, v]\n", r"returns a list; accepted: a number"),
        ("def mine(v):\n    return v * 1e999\n", r"returns inf of 0\.5"),
        ("def mine(v, p):\n    return p.gain * v\n", r"mine\.py:5: mine: AttributeError: .*gain"),
    ],
)
def test_stages_that_fail_when_they_are_tried(tmp_path: Path, text: str, told: str) -> None:
    part = of(tmp_path, STAGE + text)
    with pytest.raises(InputError, match=told):
        parts.try_out(part, 4)


def test_a_message_that_is_returned_instead_of_changed(tmp_path: Path) -> None:
    part = of(tmp_path, "@cx.stage(place='before threshold', over='message')\ndef mine(values):\n    return values\n")
    with pytest.raises(InputError, match=r"returns an array of shape \(4,\); accepted: nothing"):
        parts.try_out(part, 4)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        parts.part(f"{tmp_path}/none.py:mine", {})
    with pytest.raises(InputError, match="is a directory"):
        parts.part(f"{tmp_path}:mine", {})


def test_a_changed_file_is_another_part(tmp_path: Path) -> None:
    first = of(tmp_path, STAGE + "def mine(v):\n    return v\n")
    second = of(tmp_path, STAGE + "def mine(v):\n    return 2 * v\n")
    assert first.digest != second.digest
    assert parts.call(first, 3.0) == 3.0, "it was run before"
    assert parts.call(second, 3.0) == 6.0


def test_a_file_that_changed_before_it_was_run(tmp_path: Path) -> None:
    part = of(tmp_path, STAGE + "def mine(v):\n    return v\n")
    (tmp_path / "mine.py").write_text("# another")
    old = parts.Part(part.file, part.name, "0" * 64, ())
    with pytest.raises(InputError, match="has changed since it was read"):
        parts.function_of(old)


def test_a_decorated_function_is_still_one() -> None:
    @cx.stage(place="after quantize")
    def double(v: float) -> float:
        return 2 * v

    assert double(2.0) == 4.0
