"""The site: `sphinx-build docs build/site`, with the packages of the extras docs and examples."""

import re

import fastdrop

project = "fastdrop"
author = "the fastdrop developers"
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
nitpick_ignore_regex = [("py:obj", r"\w+"), ("py:obj", r"(numpy|torch|torchvision)\..*")]

autodoc_typehints = "none"  # the sections of the docstrings have the types in words
autosummary_ignore_module_all = False
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
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_sourcelink_suffix = ""
html_theme_options = {
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
}


def link_for_the_site(app, name, text):
    """Let links of a page lead to the pages that the site makes of files outside of docs/."""
    text[0] = re.sub(
        r"\]\(\.\./examples/(?!onnx_dropout)(\w+)\.py\)", r"](gallery/\1.rst)", text[0]
    )
    text[0] = re.sub(r"\]\(\.\./(CONTRIBUTING|CHANGELOG)\.md", r"](\1.md", text[0])


def setup(app):
    """Connect what the site adds to Sphinx."""
    app.connect("source-read", link_for_the_site)
