"""The public names: there when asked for, functions whatever was imported before, and as the README uses them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import channelsim as cs

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def fenced(language: str) -> list[str]:
    """The README's examples in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in cs.__all__ if name not in ("Verification", "verify")])
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(cs, name) is not None


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="'frob'"):
        cs.frob  # noqa: B018


def test_dir_shows_what_is_public() -> None:
    assert {"run", "load", "Scenario", "data"} <= set(dir(cs))


MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "channelsim").rglob("*.py")
    if path.name != "__main__.py" and "engine" not in path.relative_to(ROOT).parts
)
FUNCTIONS = [name for name in cs.__all__ if name not in ("__version__", "data")]


def test_no_module_is_called_like_a_public_function() -> None:
    there = {path.stem for path in (ROOT / "channelsim").iterdir()}
    assert not there & set(FUNCTIONS)


@pytest.mark.parametrize("after", [True, False])
def test_public_names_are_functions_and_classes_in_any_order_of_imports(after: bool) -> None:
    """All modules are imported before the names are used, or after."""
    use = f"found = [getattr(cs, name) for name in {FUNCTIONS}]"
    imports = f"for name in {MODULES}: importlib.import_module(name)"
    steps = [imports, use] if after else [use, imports, use]
    code = "\n".join(
        [
            "import importlib, types, channelsim as cs",
            *steps,
            "assert not any(isinstance(one, types.ModuleType) for one in found)",
            "assert isinstance(cs.data, types.ModuleType) and callable(cs.run) and callable(cs.sweep)",
        ]
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_is_lazy() -> None:
    code = "import sys, channelsim; print([m for m in sys.modules if m.split('.')[0] in ('numpy', 'numba', 'typer')])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_verify_without_pytorch_names_the_extra() -> None:
    code = "import sys; sys.modules['torch'] = None; import channelsim as cs; cs.verify"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert shown.returncode == 1
    last = shown.stderr.splitlines()[-1]
    assert last.startswith("channelsim.errors.InputError: ") and "pip install 'channelsim[reference]'" in last


def test_the_scenario_in_the_readme_is_that_of_the_demo(tmp_path: Path) -> None:
    (text,) = fenced("toml")
    written = tmp_path / "scenarios" / "readme.toml"
    written.parent.mkdir()
    (tmp_path / "models").symlink_to(ROOT / "models")
    written.write_text(text)
    assert cs.load(written).resolved == cs.load(ROOT / "scenarios" / "digits-srbp-3bit.toml").resolved


def test_the_python_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "\n".join(fenced("python"))
    monkeypatch.chdir(tmp_path)
    for folder in ("scenarios", "models"):
        (tmp_path / folder).mkdir()
        for file in (ROOT / folder).glob("digits-*.toml"):
            (tmp_path / folder / file.name).write_text(file.read_text().replace("epochs = 20", "epochs = 1"))
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "bits.svg").stat().st_size > 1000


def test_every_command_in_the_readme_is_one() -> None:
    shown = subprocess.run([sys.executable, "-m", "channelsim", "--help"], capture_output=True, text=True, check=True)
    for command in set(re.findall(r"channelsim (run|check|verify|plot|trace|data|sweep|report|theory)\b", README)):
        assert f" {command} " in shown.stdout


def test_links_in_the_documents_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
