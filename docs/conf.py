"""Configure the pages: sphinx-build -W -n docs results/pages; then open results/pages/index.html."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

project = "Deliberate practice"
copyright = "the authors of this project; Apache-2.0"
html_title = "Deliberate practice"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "plain_docstrings",
    "sphinx.ext.mathjax",
    "shipped",
]
exclude_patterns = ["_ext", "tables"]
highlight_language = "text"  # of blocks without a language: formulas and tables in columns

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3

mathjax_path = "mathjax/tex-mml-chtml.js"  # version 3, with its fonts, beside the pages: no network
mathjax3_config = {"options": {"enableMenu": False}}

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
nitpick_ignore_regex = [("py:class", r".*")]  # types in signatures: most of them have no page here

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_extra_path = ["explorer.html"]
html_show_sourcelink = False
html_copy_source = False
