"""What holds for every public name, and the rooms that the modules keep to."""

import ast
import importlib
import importlib.metadata
import inspect
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cnnbook

PACKAGE = Path(cnnbook.__file__).parent
ROOT = PACKAGE.parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


def _module(name: str) -> types.ModuleType:
    return importlib.import_module(f"cnnbook.{name}")


def _public() -> Iterator[tuple[str, str]]:
    for name in MODULES:
        for public in _module(name).__all__:
            yield name, public


def _functions() -> Iterator[Any]:
    for module, public in _public():
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


def _table() -> dict[str, set[str]]:
    text = (ROOT / "docs" / "contributing.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|$", text, re.MULTILINE)
    return {module: set(re.findall(r"`(\w+)`", allowed)) for module, allowed in rows}


def test_there_are_modules() -> None:
    assert {"convolution", "images", "training"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_module(name: str) -> None:
    module = _module(name)
    assert module.__doc__
    assert name not in sys.stdlib_module_names
    defined = {
        key
        for key, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and not key.startswith("_")
    }
    assert defined <= set(module.__all__), "a public name is missing from __all__"
    assert all(hasattr(module, public) for public in module.__all__)


@pytest.mark.parametrize("function", list(_functions()))
def test_function_is_annotated_and_documented(function: Any) -> None:
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter.name
    assert signature.return_annotation is not inspect.Signature.empty
    doc = inspect.getdoc(function) or ""
    assert re.match(r"[A-Z][^\n]*\.\n", doc), "the first line is not a sentence"
    gives = [] if signature.return_annotation is None else ["(Returns|Yields):"]
    for section in (*gives, "Examples:", "Source:"):
        assert re.search(rf"^{section}$", doc, re.MULTILINE), f"no section {section}"
    arguments = doc.partition("Args:")[2]
    for name in signature.parameters:
        assert re.search(rf"^    \*{{0,2}}{name}: ", arguments, re.MULTILINE), name


@pytest.mark.parametrize(("module", "public"), list(_public()), ids=lambda value: str(value))
def test_public_name_shows_an_example(module: str, public: str) -> None:
    thing = getattr(_module(module), public)
    if not inspect.isroutine(thing) and not inspect.isclass(thing):
        return  # A constant or a type alias.
    doc = inspect.getdoc(thing) or ""
    assert ">>> " in doc
    if thing.__module__ == f"cnnbook.{module}":
        # What a class holds is mostly made by a function of its module.
        name = r"\w" if inspect.isclass(thing) else rf".*\b{public}\b"
        wanted = rf"from cnnbook\.{module} import {name}"
        assert re.search(wanted, doc), "the example does not start with its import"


def test_rooms_are_those_of_the_table() -> None:
    table = _table()
    assert set(table) == set(MODULES)
    for name in MODULES:
        own = {
            imported.removeprefix("cnnbook.")
            for imported, _ in _imports(PACKAGE / f"{name}.py")
            if imported.startswith("cnnbook")
        }
        assert own <= table[name], f"{name} imports {own - table[name]}"


def test_heavy_packages_stay_in_their_rooms() -> None:
    rooms = {
        "torchvision": ({"published_files"}, False),
        "matplotlib": ({"figures"}, True),
        "tqdm": ({"training"}, False),
        "filelock": ({"whole_files"}, False),
        "urllib": ({"fetching"}, True),
        "http": ({"fetching"}, True),
        "socket": ({"fetching"}, True),
    }
    seen = set()
    for name in MODULES:
        for imported, at_the_top in _imports(PACKAGE / f"{name}.py"):
            package = imported.split(".")[0]
            if package in rooms:
                allowed, top_allowed = rooms[package]
                assert name in allowed, f"{name} imports {package}"
                assert top_allowed or not at_the_top, f"{name} imports {package} at its top"
                seen.add(package)
            else:
                assert package in {"torch", "cnnbook"} | sys.stdlib_module_names, imported
    assert seen == set(rooms), "the table names a package that nobody imports"


def test_package_says_that_it_is_typed_and_which_version_it_is() -> None:
    assert PACKAGE.joinpath("py.typed").is_file()
    assert importlib.metadata.version("cnnbook") == cnnbook.__version__


def test_every_public_name_is_on_an_api_page() -> None:
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs" / "api").glob("*.rst"))
    documented = set(re.findall(r"automodule:: cnnbook\.(\w+)", pages))
    named = set(re.findall(r"auto(?:function|class|data):: (cnnbook\.\w+\.\w+)", pages))
    for module, public in _public():
        assert module in documented or f"cnnbook.{module}.{public}" in named, f"{module}.{public}"


def test_the_overview_lists_every_function_by_task() -> None:
    overview = (ROOT / "docs" / "api" / "index.rst").read_text("utf-8")
    listed = re.findall(r"^   (\w+)\.(\w+)$", overview, re.MULTILINE)
    assert len(listed) == len(set(listed))
    # Checks, verdicts, layouts of text and the insides of loader and trainer serve the other
    # modules; records come with what makes them.
    inside = {
        *("arguments", "tables", "judging"),
        *("fetching", "idx_format", "published_files", "whole_files"),
        *("checkpoints", "cutting", "distributed", "graphs", "identities", "layouts"),
        *("preparing", "stopping", "workers"),
    }
    public = {
        (module, name)
        for module, name in _public()
        if module not in inside
        and not name.startswith("check_")
        and inspect.isfunction(thing := getattr(_module(module), name))
        and thing.__module__ == f"cnnbook.{module}"
    }
    assert public <= set(listed)
