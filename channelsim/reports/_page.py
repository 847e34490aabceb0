"""A page as one file: a template filled in, with its style and its script within, and nothing to be fetched."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

FILES = Path(__file__).parent / "files"


def page(template: str, script: str | None = None, **values: Any) -> str:
    """The HTML of a page: `template` and `script` are names of files in `files/`.

    Whatever `values` hold is escaped. The page's own policy forbids requests and all scripts but ours, which its digest
    names.
    """
    code = _text(script) if script else ""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:" + (
        f"; script-src 'sha256-{digest}'" if script else ""
    )
    # Files of the package, and no text of a user's.
    parts = {"style": Markup(_text("style.css")), "script": Markup(code), "policy": policy}
    return _environment().get_template(template).render(values | parts)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FILES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _text(name: str) -> str:
    return (FILES / name).read_text(encoding="utf-8")
