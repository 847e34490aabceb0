"""Sphinx: the site of the documentation, `make docs`.

The source directory is the root of the repository, so that the links between README, docs/ and scenarios/ are the same
on the site and on a code host. Nothing is fetched: no intersphinx, no fonts or scripts from elsewhere.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from channelsim.version import version as channelsim_version

project = "channelsim"
author = "The channelsim authors"
copyright = "The channelsim authors; Apache License 2.0"
version = release = channelsim_version()

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
root_doc = "docs/index"
include_patterns = ["docs/**", "scenarios/physical/README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
nitpicky = True

# Markdown as code hosts read it: links to headings, and what is indented is a command or its output, of no language.
myst_heading_anchors = 4
highlight_language = "none"
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autoclass_content = "class"
python_use_unqualified_type_names = True
default_role = "code"  # `name` in a docstring is code
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Arguments", "params_style"), ("Attributes", "params_style")]

# Types of other projects have no page here, and neither do type variables and the private classes behind public names.
nitpick_ignore_regex = [
    ("py:.*", r"(numpy|np|pandas|pd|torch|pydantic|matplotlib|collections|typing|os|pathlib)\..*"),
    ("py:.*", r"(?!channelsim\.).*"),
    ("py:.*", r"channelsim\.(_\w+|side_by_side|data\.load|data\.download|data\.known|.*\._\w+)\..*"),
    ("py:.*", r"channelsim\.extend\.(Function|Class)"),
]

html_theme = "pydata_sphinx_theme"
html_title = "channelsim"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["_root"]  # index.html at the root leads to docs/
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"docs/index": [], "docs/tutorial": [], "docs/gallery": [], "docs/faq": []}
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "show_toc_level": 2,
    "navigation_with_keys": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "friendly",
    "pygments_dark_style": "github-dark",
}
