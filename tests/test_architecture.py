"""The rules of CONTRIBUTING.md that can be checked by reading the files."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import skrobust

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skrobust"
LAYERS = [
    # Of scikit-learn alone: every layer may use them.
    {"_all_or_nothing", "_compat", "_sample_weight"},
    {
        "_around",
        "_bucket_edges",
        "_cv_scores",
        "_dealing",
        "_kernels",
        "_smoothing",
        "images",
    },
    {"loss", "buckets", "_solvers"},
    {"_errors", "_quadrature", "_scale", "_weighter"},
    {"_bucket_summary", "partition"},
    {"_profile"},
    {"likelihood", "_tails"},
    {"distribution", "datasets"},
    {"bucket_scorers", "metrics", "relevance_metrics", "trade_off"},
    {"density", "model_selection", "relevance", "weighting"},
    {"_rows", "tuning"},
    {"_moments", "_network"},
    {"_kronecker"},
    {"_network_loss", "_objective", "_passes", "conditioned", "robust_scores"},
    {"_concentration", "_subsets"},
    {"_inference", "_search", "_starts", "_task"},
    {"_begin", "_residual_laws"},
    {"_training"},
    {"_m_step"},
    {"_adaptive"},
    {"_fits"},
    {"_grid", "_network_fit", "_progress", "_readings"},
    {"_held_out"},
    {"_routing", "linear", "mlp"},
    {"_folds", "_rounds", "conformal", "meta"},
    {"linear_cv", "reweighted"},
    {"plotting", "interop"},
    {"bucket_plotting", "search_plotting"},
    {"trade_off_plotting", "weight_plotting"},
]
DEPTH = {name: depth for depth, layer in enumerate(LAYERS) for name in layer}
MODULES = [p for p in sorted(PACKAGE.rglob("*.py")) if p != PACKAGE / "__init__.py"]
VAGUE = {"utils", "base", "common", "constants", "exceptions", "helpers", "misc"}


def top_module(path):
    """Return the name that a file has in the table of layers."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path):
    """Yield the modules that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=top_module)
def test_module_imports_only_from_layers_below(path):
    module = top_module(path)
    ours = {n.split(".")[1] for n in imported(path) if n.startswith("skrobust.")}
    above = {n for n in ours if DEPTH.get(n, 99) >= DEPTH[module]} - {module}
    assert not above, f"{module} may not import {sorted(above)}"


@pytest.mark.parametrize("path", MODULES, ids=top_module)
def test_private_names_of_scikit_learn_are_in_compat_only(path):
    if top_module(path) == "_compat":
        return
    private = {n for n in imported(path) if re.match(r"sklearn\b.*\._", n)}
    assert not private, f"import {sorted(private)} from skrobust._compat"


@pytest.mark.parametrize("path", MODULES, ids=top_module)
def test_module_is_named_after_its_idea(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    vague = {part.strip("_") for part in parts} & VAGUE
    assert not vague, "a helper lives above its only user"


def test_importing_the_package_imports_no_optional_library():
    # scikit-learn and scipy may import pandas or torch; only our own imports count.
    code = """
import builtins
found, original = [], builtins.__import__
def watch(name, globals=None, *args, **kwargs):
    if str((globals or {}).get("__name__")).partition(".")[0] == "skrobust":
        found.append(name.partition(".")[0])
    return original(name, globals, *args, **kwargs)
builtins.__import__ = watch
import skrobust
print(*sorted(set(found)))
"""
    run = [sys.executable, "-c", code]
    output = subprocess.run(run, check=True, cwd=ROOT, capture_output=True, text=True)
    imported_by_us = set(output.stdout.split())
    assert {"numpy", "sklearn", "skrobust"} <= imported_by_us
    allowed = {"joblib", "numpy", "scipy", "sklearn", "skrobust", "threadpoolctl"}
    assert imported_by_us <= allowed | set(sys.stdlib_module_names)


def public_names():
    """Yield the names that a user may type after ``skrobust.``."""
    for name in set(skrobust.__all__) - {"__version__"}:
        if isinstance(getattr(skrobust, name), ModuleType):
            module = importlib.import_module(f"skrobust.{name}")
            yield from (f"{name}.{public}" for public in module.__all__)
        else:
            yield name


def test_api_page_lists_the_public_names():
    page = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
    listed = re.findall(r"^(?:   |\.\. data:: )([\w.]+)$", page, re.MULTILINE)
    assert sorted(listed) == sorted(public_names())


def test_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert skrobust.__version__ == project["project"]["version"]
    assert f"\nversion: {skrobust.__version__}\n" in citation
