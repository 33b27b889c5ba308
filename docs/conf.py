"""The site: `sphinx-build docs build/site`, with the packages of the extras docs and examples."""

import re

import fastdrop

project = "fastdrop"
copyright = "the fastdrop developers"
version = release = fastdrop.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]

# Names in backquotes are links where they are public names of fastdrop. Others are parameters
# or belong to other packages, of which no list is here: the site builds without a network.
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [("py:obj", r"\w+"), ("py:obj", r"(dask|numpy|torch|torchvision)\..*")]

autodoc_typehints = "none"  # the sections of the docstrings have the types in words
numpydoc_show_class_members = False  # _templates/autosummary/class.rst has them

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": "",  # all are run
    "ignore_pattern": r"onnx_dropout\.py",  # it has no picture
    "image_srcset": ["2x"],
    "doc_module": "fastdrop",
    "backreferences_dir": "gallery/backreferences",
    "write_computation_times": False,
    "parallel": 2,
}

html_theme = "pydata_sphinx_theme"
html_title = "fastdrop"
html_favicon = html_logo = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_sidebars = {  # pages without pages below them
    page: [] for page in ("getting-started", "performance", "reliability", "mask-format")
}
html_show_sphinx = False
html_theme_options = {
    "logo": {"text": "fastdrop"},
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 6,
    "show_prev_next": False,
    "footer_end": [],
}


def link_for_the_site(app, name, text):
    """Let links that name files lead to the pages of the site, and show the titles of pages."""
    text[0] = re.sub(
        r"\]\(\.\./examples/(?!onnx_dropout)(\w+)\.py\)", r"](gallery/\1.rst)", text[0]
    )
    text[0] = re.sub(
        r"\]\(\.\./(CONTRIBUTING|CHANGELOG|SECURITY)\.md",
        lambda link: f"]({link[1].lower()}.md",
        text[0],
    )
    text[0] = re.sub(r"\[([\w-]+\.md)\]\(\1", r"[](\1", text[0])


def link_from_docstrings(app, what, name, thing, options, lines):
    """Make links of the pages that docstrings name."""
    lines[:] = [re.sub(r"``docs/([\w-]+)\.md``", r":doc:`/\1`", line) for line in lines]


def setup(app):
    """Connect what the site adds to Sphinx."""
    app.connect("source-read", link_for_the_site)
    app.connect("autodoc-process-docstring", link_from_docstrings)
