"""Configuration of the documentation, which builds without a network."""

import os

# The boosters of the gallery are small: a second thread only waits for the first.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from skrobust import __version__

project = "skrobust"
author = "skrobust developers"
project_copyright = f"2026, {author}"
version = release = __version__

extensions = [
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
intersphinx_mapping: dict = {}
autosummary_generate = True
# The folder of a clone may have a space in its name; no example has.
suppress_warnings = ["sphinx_gallery.space_in_filename"]
default_role = "literal"
autodoc_typehints = "none"  # the docstrings say it, and more shortly

numpydoc_show_class_members = False  # the class template lists them
numpydoc_validation_checks = {
    "all",
    "ES01",  # a good summary may be enough
    "EX01",  # a method's example is that of its class
    "GL01",  # the summary starts right after the quotes
    "RT02",  # what is returned has a name, as in scikit-learn
    "SA01",
    "SA04",
}
numpydoc_validation_exclude = {
    r"skrobust\.general_dist$",  # called as its methods are, with *args
    r"skrobust\.GeneralFit$",  # has attributes; nobody makes one
}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "generated/gallery",
    "filename_pattern": r"[\\/]plot_",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,  # that page asks a CDN for its table
    "abort_on_example_error": True,
}

html_theme = "pydata_sphinx_theme"
html_title = f"skrobust {version}"
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "show_toc_level": 2,
}
html_show_sourcelink = False


def skip_inherited(app, what, name, obj, skip, options):
    """Leave out what scikit-learn adds to an estimator: it is documented there."""
    module = getattr(obj, "__module__", None) or ""
    return True if module.startswith("sklearn.") else skip


def setup(app):
    app.connect("autodoc-skip-member", skip_inherited)
