"""The command as a whole: help, version, errors, exit statuses, and how fast it answers."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from channelsim.cli import app
from channelsim.errors import InputError, RunError
from tests.cli.process import COMMAND, SMALL, Outcome, assert_one_error_line, channelsim, environment


def test_help_names_every_command(tmp_path: Path) -> None:
    outcome = channelsim("--help", cwd=tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    for command in ("run", "check", "verify", "plot", "trace", "data"):
        assert f" {command} " in outcome.out


@pytest.mark.parametrize(
    "command",
    ["run", "check", "verify", "sweep", "plot", "timeline", "theory", "trace info", "data list", "data fetch"],
)
def test_each_command_has_help(tmp_path: Path, command: str) -> None:
    outcome = channelsim(*command.split(), "--help", cwd=tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    assert f"channelsim {command}" in outcome.out
    assert " ," not in outcome.out and "( " not in outcome.out, "a word in brackets was read as markup"


def test_version(tmp_path: Path) -> None:
    outcome = channelsim("--version", cwd=tmp_path)
    assert outcome.status == 0
    assert outcome.out.startswith("channelsim ")


def test_no_command_shows_the_help_and_is_an_error(tmp_path: Path) -> None:
    outcome = channelsim(cwd=tmp_path)
    assert outcome.status == 2
    assert "Usage" in outcome.out + outcome.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["frob"], "frob"),
        (["run", "--frob"], "--frob"),
        (["run"], "--resume"),
        (["run", "a.toml", "--resume", "b.h5"], "--resume"),
        (["run", "--resume", "b.h5", "--out", "c.h5"], "--out"),
        (["run", "a.toml", "--threads", "0"], "--threads"),
        (["run", "a.toml", "--threads", "two"], "--threads"),
        (["verify"], "SCENARIO"),
        (["check"], "scenario"),
        (["plot"], "TRACE"),
        (["data", "fetch", "frob"], "mnist"),
        (["check", "missing.toml"], "missing.toml"),
        (["run", "missing.toml"], "missing.toml"),
        (["verify", "missing.toml"], "missing.toml"),
        (["trace", "info", "missing.h5"], "missing.h5"),
        (["plot", "missing.h5"], "missing.h5"),
        (["run", "--resume", "missing.h5"], "missing.h5"),
        (["run", "small.toml", "--set", "learning.rool=bp"], "rule"),
        (["run", "small.toml", "--set", "training.epochs=none"], "epochs"),
        (["check", "small.toml", "--set", "channels.learning.latency=20"], "latency"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(here: Path, arguments: list[str], word: str) -> None:
    assert_one_error_line(channelsim(*arguments, cwd=here), word)


@pytest.mark.parametrize(
    ("fault", "status", "shown"),
    [
        (InputError("file.toml: key:\nwrong"), 2, "error: file.toml: key: wrong\n"),
        (RunError("diverged at update 7"), 1, "error: diverged at update 7\n"),
        (KeyboardInterrupt(), 130, ""),
        (OSError(28, "No space left on device", "runs/x.h5"), 2, "error: runs/x.h5: No space left on device\n"),
        (OSError(36, "File name too long", "long"), 2, "error: long: File name too long\n"),
        (
            MemoryError("Unable to allocate 9 TiB"),
            2,
            "error: this machine has not enough memory (Unable to allocate 9 TiB); accepted: fewer units, a smaller "
            "training.batch, or learning.feedback.connections = k\n",
        ),
    ],
)
def test_each_error_has_its_exit_status(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: BaseException,
    status: int,
    shown: str,
) -> None:
    def fail(**_: object) -> None:
        raise fault

    monkeypatch.setattr(app, "app", fail)
    assert app.main([]) == status
    assert capsys.readouterr().err == shown


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(app, "app", fail)
    with pytest.raises(OSError, match="Input/output"):
        app.main([])


def test_a_reader_that_leaves_early_is_no_fault(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "check", "--schema"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.parametrize("number", ["1e3", "99999999999999999999999999"])
def test_a_number_that_no_machine_counts_to(here: Path, number: str) -> None:
    outcome = channelsim("verify", "small.toml", "--updates", number, cwd=here)
    assert outcome.status in (0, 2) and "Traceback" not in outcome.err


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = {"numpy", "numba", "h5py", "matplotlib", "torch", "pydantic", "pandas", "sklearn", "dask", "scipy"}
    code = f"""
import sys
from channelsim.cli import main
main(["--help"])
print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)
"""
    outcome = channelsim(cwd=tmp_path, command=[sys.executable, "-c", code])
    assert outcome.err.strip() == "[]"


def test_too_little_memory_to_load_a_library_is_one_line(tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (120 << 20, 120 << 20))

    (tmp_path / "small.toml").write_text(SMALL)
    done = subprocess.run(
        [*COMMAND, "run", "small.toml"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        preexec_fn=limit,
    )
    assert_one_error_line(Outcome(done.returncode, done.stdout, done.stderr), "not enough memory", "libraries")
