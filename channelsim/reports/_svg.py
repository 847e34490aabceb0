"""A Matplotlib figure as SVG within a page of HTML."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

_REFERENCE = re.compile(r"url\(#([^)]+)\)")


def inline(figure: Figure, name: str, words: str) -> Markup:
    """The figure as one <svg>, which says `words` to those who do not see it.

    `name` is that of no other figure of the page: it begins the ids within, which Matplotlib numbers anew in each.
    Text stays text, and the same figure gives the same markup.
    """
    drawn = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "channelsim", "svg.fonttype": "none"}):
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(drawn.getvalue())
    _drop(root, {"metadata", "style"})  # the style would hold for the whole page; style.css says the same
    for element in root.iter():
        element.tag = _local(element.tag)
        for key, value in list(element.attrib.items()):
            del element.attrib[key]
            element.attrib[_local(key)] = _own(_local(key), value, name)
    root.attrib |= {"role": "img", "aria-label": words}
    # Made by a serializer, which escapes whatever text a scenario brought in.
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _local(name: str) -> str:
    """A name without its namespace, which HTML does without."""
    return name.rpartition("}")[2]


def _own(key: str, value: str, name: str) -> str:
    """An attribute with the ids in it made the figure's own."""
    if key == "id":
        return f"{name}-{value}"
    if key == "href" and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    return _REFERENCE.sub(lambda match: f"url(#{name}-{match[1]})", value)


def _drop(parent: ElementTree.Element, names: set[str]) -> None:
    """Takes out all elements of these names."""
    for child in list(parent):
        if _local(child.tag) in names:
            parent.remove(child)
        else:
            _drop(child, names)
