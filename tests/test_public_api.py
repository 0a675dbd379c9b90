"""Rules for every public name, and which module may import which."""

import ast
import fnmatch
import graphlib
import importlib
import importlib.metadata
import inspect
import os
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cnnbook

PACKAGE = Path(cnnbook.__file__).parent
ROOT = PACKAGE.parent


def _name(path: Path) -> str:
    """Return a file's module as the table writes it: ``engine/threads``, ``figures``."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix().removesuffix("/__init__")


FILES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE}
FILES |= {_name(path): path for path in sorted(PACKAGE.glob("*.py")) if path.stem != "__init__"}
MODULES = sorted(FILES)
# The modules that users import from; a package that re-exports its files' functions is one.
PUBLIC = [
    name for name in MODULES if "/" not in name and not name.startswith("_") and name != "engine"
]
# The trainer's parts: documented and with examples, on the page "Internals".
ENGINE = [name for name in MODULES if name.startswith("engine/")]


def _module(name: str) -> types.ModuleType:
    return importlib.import_module(f"cnnbook.{name.replace('/', '.')}")


def _exported(modules: list[str]) -> Iterator[tuple[str, str]]:
    for name in modules:
        for public in _module(name).__all__:
            yield name, public


def _functions() -> Iterator[Any]:
    for module, public in _exported(PUBLIC + ENGINE):
        thing = getattr(_module(module), public)
        if inspect.isfunction(thing):
            yield pytest.param(thing, id=f"{module}.{public}")


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Give each imported module's name and whether the import stands at the top level."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in tree.body
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import; 'python -m doctest' breaks it"
            yield str(node.module), node in tree.body


def _own_imports(name: str) -> set[str]:
    return {
        imported.removeprefix("cnnbook.").replace(".", "/")
        for imported, _ in _imports(FILES[name])
        if imported.split(".")[0] == "cnnbook"
    }


def _table() -> dict[str, set[str]]:
    """Read the table of ``docs/contributing.md``: patterns of modules, and what they may import."""
    text = (ROOT / "docs" / "contributing.md").read_text("utf-8")
    rows = re.findall(r"^\| (`[^|]*`) \|[^|]*\| ([^|]*) \|$", text, re.MULTILINE)
    return {
        pattern: set(re.findall(r"`([^`]+)`", allowed))
        for patterns, allowed in rows
        for pattern in re.findall(r"`([^`]+)`", patterns)
    }


def _matching(name: str, patterns: Any) -> list[str]:
    return [pattern for pattern in patterns if fnmatch.fnmatchcase(name, pattern)]


def test_there_are_modules_and_packages_of_them() -> None:
    assert {"convolution", "images", "training", "figures"} <= set(PUBLIC)
    assert {"engine/threads", "figures/charts", "exercises/page_01"} <= set(MODULES)


def test_a_newcomer_sees_few_modules_none_of_them_long() -> None:
    assert len([name for name in PUBLIC if FILES[name].stem != "__init__"]) <= 14
    folders = [path for path in PACKAGE.iterdir() if path.joinpath("__init__.py").is_file()]
    assert len(folders) <= 4
    long = [name for name in MODULES if len(FILES[name].read_text("utf-8").splitlines()) > 600]
    assert not long, "over 600 lines: a file that long holds two ideas"


@pytest.mark.parametrize("name", MODULES)
def test_module(name: str) -> None:
    module = _module(name)
    assert module.__doc__
    assert FILES[name].stem not in sys.stdlib_module_names
    defined = {
        key
        for key, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and not key.startswith("_")
    }
    exported = getattr(module, "__all__", [])
    assert defined <= set(exported), "a public name is missing from __all__"
    assert all(hasattr(module, public) for public in exported)


@pytest.mark.parametrize("function", list(_functions()))
def test_function_is_annotated_and_documented(function: Any) -> None:
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter.name
    assert signature.return_annotation is not inspect.Signature.empty
    doc = inspect.getdoc(function) or ""
    assert re.match(r"[A-Z][^\n]*\.\n", doc), "the first line is not a sentence"
    gives = [] if signature.return_annotation is None else ["(Returns|Yields):"]
    for section in (*gives, "Examples:"):
        assert re.search(rf"^{section}$", doc, re.MULTILINE), f"no section {section}"
    arguments = doc.partition("Args:")[2]
    for name in signature.parameters:
        assert re.search(rf"^    \*{{0,2}}{name}: ", arguments, re.MULTILINE), name


@pytest.mark.parametrize(
    ("module", "public"), list(_exported(PUBLIC + ENGINE)), ids=lambda value: str(value)
)
def test_public_name_shows_an_example(module: str, public: str) -> None:
    thing = getattr(_module(module), public)
    if not inspect.isroutine(thing) and not inspect.isclass(thing):
        return  # A constant or a type alias.
    doc = inspect.getdoc(thing) or ""
    assert ">>> " in doc
    if thing.__module__.startswith("cnnbook."):
        # The attributes of a class are mostly made by a function of its module.
        name = r"\w" if inspect.isclass(thing) else rf".*\b{public}\b"
        homes = [m for m, exported in _exported(PUBLIC + ENGINE) if exported == public]
        dotted = "|".join(re.escape(home.replace("/", ".")) for home in homes)
        wanted = rf"from cnnbook\.({dotted}) import {name}"
        assert re.search(wanted, doc), "the example does not start with its import"


def test_modules_import_what_the_table_allows() -> None:
    table = _table()
    for name in MODULES:
        rows = _matching(name, table)
        assert len(rows) == 1, f"{name}: expected one row of the table, got {rows}"
        for imported in _own_imports(name):
            assert _matching(imported, table[rows[0]]), f"{name} imports {imported}"
    for pattern, allowed in table.items():
        assert fnmatch.filter(MODULES, pattern), f"no module {pattern}"
        for other in allowed:
            assert fnmatch.filter(MODULES, other), f"{pattern} may import {other}: no such module"


def test_no_module_imports_itself_through_others() -> None:
    graph = {name: _own_imports(name) for name in MODULES}
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) >= len(MODULES)
    graph["networks"] = {"training"}
    with pytest.raises(graphlib.CycleError):
        list(graphlib.TopologicalSorter(graph).static_order())


def test_heavy_packages_stay_in_their_modules() -> None:
    # Where each may be imported, and whether at the top or only where it is used.
    homes: dict[str, tuple[set[str], bool]] = {
        "pooch": ({"_data/cache", "_data/download"}, False),
        "matplotlib": ({"figures/*"}, True),
        "tqdm": ({"training", "_data/download"}, False),
        "filelock": ({"_files"}, False),
        "scipy": ({"_intervals"}, False),
        "urllib": ({"_data/download"}, True),
        "http": ({"_data/download"}, True),
    }
    seen = set()
    for name in MODULES:
        for imported, at_the_top in _imports(FILES[name]):
            package = imported.split(".")[0]
            if package in homes:
                home, top_allowed = homes[package]
                assert _matching(name, home), f"{name} imports {package}"
                assert top_allowed or not at_the_top, f"{name} imports {package} at its top"
                seen.add(package)
            else:
                assert package in {"torch", "cnnbook"} | sys.stdlib_module_names, imported
    assert seen == set(homes), "the table names a package that nobody imports"


def test_the_package_offers_its_modules_and_loads_them_when_they_are_used() -> None:
    assert sorted(cnnbook.__all__) == PUBLIC
    assert set(PUBLIC) <= set(dir(cnnbook))
    code = (
        "import sys, cnnbook\n"
        "print('torch' in sys.modules)\n"
        "print(cnnbook.convolution.conv2d.__name__)\n"
        "cnnbook.nonsense"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\nconv2d\n"
    assert done.stderr.endswith("module 'cnnbook' has no attribute 'nonsense'\n")


def test_the_report_names_versions_device_and_data(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cnnbook"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"CNNBOOK_DATA": str(tmp_path)},
    )
    for line in (f"cnnbook      {cnnbook.__version__}", "torch        ", "device       "):
        assert f"\n{line}" in done.stdout
    assert str(tmp_path) in done.stdout


def test_judging_a_network_does_not_load_the_trainer() -> None:
    code = "import cnnbook.metrics, sys; print('cnnbook.training' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_package_says_that_it_is_typed_and_which_version_it_is() -> None:
    assert PACKAGE.joinpath("py.typed").is_file()
    assert importlib.metadata.version("cnnbook") == cnnbook.__version__


def test_every_public_name_is_on_an_api_page() -> None:
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs" / "api").glob("*.rst"))
    documented = set(re.findall(r"automodule:: cnnbook\.([\w.]+)", pages))
    for name in PUBLIC + ENGINE:
        assert name.replace("/", ".") in documented, name


def test_the_overview_lists_every_function_by_task() -> None:
    overview = (ROOT / "docs" / "api" / "index.rst").read_text("utf-8")
    listed = re.findall(r"^   ([\w.]+)\.(\w+)$", overview, re.MULTILINE)
    assert len(listed) == len(set(listed))
    public = {
        (module, name)
        for module, name in _exported(PUBLIC)
        if inspect.isfunction(getattr(_module(module), name))
    }
    assert public <= set(listed)
    # The trainer's exceptions, and the parts of it that the pages use, are listed too.
    others = {(name.replace("/", "."), public) for name, public in _exported(PUBLIC + ENGINE)}
    assert set(listed) <= others


def test_the_overview_lists_everything_that_the_pages_import() -> None:
    overview = (ROOT / "docs" / "api" / "index.rst").read_text("utf-8")
    listed = set(re.findall(r"^   ([\w.]+)$", overview, re.MULTILINE))
    scripts = sorted((ROOT / "examples").glob("*/*.py"))
    used = {
        f"{node.module.removeprefix('cnnbook.')}.{alias.name}"
        for script in scripts
        for node in ast.walk(ast.parse(script.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("cnnbook.")
        for alias in node.names
    }
    assert {"training.fit_full_batch", "engine.gradients.GradientAccumulator"} <= used
    assert sorted(used - listed) == []
