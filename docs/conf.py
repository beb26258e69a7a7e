"""The documentation as pages: `python -m sphinx -W -b html docs build/docs`, or `jaxgap docs` for how to read them.

Notebooks are shown with the outputs they are kept with, and equations by a MathJax that lies beside the pages: nothing is
executed, and nothing is fetched when a page is read.
"""

import shutil
import sys
from importlib.metadata import distribution
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import live  # beside this file, as the hooks
import pages

from jaxgap import __version__

project = "jaxgap"
author = copyright = "The jaxgap developers"
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "schemas", "**.ipynb_checkpoints"]
default_role = "code"
highlight_language = "python"
nitpicky = False

# --- notebooks

nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
suppress_warnings = [
    "ref.python",  # A name may be one of several rooms.
]

# --- docstrings

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "none"
autosummary_generate = False
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
python_maximum_signature_line_length = 76

# --- equations, without a network

MATHJAX = distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline/static/mathjax/tex-svg.js")
mathjax_path = "tex-svg.js"
mathjax3_config = {
    "tex": {"inlineMath": [["\\(", "\\)"]], "displayMath": [["\\[", "\\]"]]},
    "options": {"enableMenu": False},
    "svg": {"fontCache": "local"},
}

# --- look

html_theme = "furo"
html_title = f"jaxgap {__version__}"
html_static_path = ["_static"]
html_css_files = ["jaxgap.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "friendly"
pygments_dark_style = "monokai"


def setup(app):
    pages.connect(app)
    (HERE / "notebooks").mkdir(exist_ok=True)
    for path in sorted((HERE.parent / "notebooks").glob("*.ipynb")):
        target = HERE / "notebooks" / path.name
        if not target.exists() or target.read_bytes() != path.read_bytes():
            shutil.copy2(path, target)
    app.connect("build-finished", lambda app, error: error or _beside(Path(app.outdir) / "_static"))


def _beside(folder):
    """What pages load that is none of Sphinx's: equations, and the explorer's style and grid."""
    shutil.copy2(MATHJAX, folder)
    for name, text in live.FILES.items():
        (folder / name).write_text(text(), encoding="utf-8")
