"""The gallery's pages: the same start for each, a record of each run, and no stale results.

sphinx-gallery runs an example again only when its own file has changed. The numbers on a page also
depend on the library, on torch and on the data. This extension stores a digest of these beside each
result, runs the example again when the digest has changed, and writes under each page which device,
torch version and data it was made with.
"""

import ast
import hashlib
import json
import logging
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.locale import get_translation
from sphinx_gallery.utils import get_md5sum

from cnnbook.images import load_fashion_mnist

_ = get_translation("sphinx")

ROOT = Path(__file__).resolve().parents[2]


class _Listener(logging.Handler):
    """Collects what the library logs about data and device while an example runs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.logged: dict[str, Any] = {}
        self.started = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        for key in ("source", "drawn", "device"):
            if hasattr(record, key):
                self.logged[key] = getattr(record, key)


_listener = _Listener()


def same_start(gallery_conf: dict[str, Any], fname: str, when: str) -> None:
    """Start every example from the same state, and record its run.

    Args:
        gallery_conf: sphinx-gallery's configuration.
        fname: The example's file name.
        when: ``"before"`` or ``"after"`` the example.
    """
    library = logging.getLogger("cnnbook")
    if when == "after":
        library.removeHandler(_listener)
        if _listener.started:
            _write_record(gallery_conf, Path(fname))
        return
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    torch.set_grad_enabled(True)
    torch.set_printoptions(profile="default")  # type: ignore[no-untyped-call]
    mpl.rcParams.update(
        {"font.size": 10, "figure.facecolor": "white", "savefig.facecolor": "white"}
    )
    _listener.logged = {}
    _listener.started = time.perf_counter()
    library.setLevel(logging.INFO)
    library.addHandler(_listener)


def _write_record(gallery_conf: dict[str, Any], example: Path) -> None:
    record = {
        "seconds": round(time.perf_counter() - _listener.started, 1),
        "device": "cpu",
        "torch": torch.__version__,
        "source": None,
        "drawn": False,
    } | _listener.logged
    if str(record["device"]).startswith("cuda"):
        record["device"] = f"{record['device']} ({torch.cuda.get_device_name()})"
    else:
        record["device"] = f"{record['device']}, {torch.get_num_threads()} threads"
    _listener.started = 0.0
    folder = Path(gallery_conf["src_dir"]) / "gallery"
    for page in folder.rglob(f"{example.stem}.py"):
        page.with_suffix(".run.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def _modules_of(node: ast.AST, package: Path) -> Iterator[str]:
    """Yield the names of the modules that an import statement needs.

    Where a package's ``__init__`` only re-exports a name from one of its modules, the page needs
    that module and not the package's other modules.
    """
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        exported = _re_exports(node.module, package)
        for alias in node.names:
            if alias.name in exported:
                yield exported[alias.name]
            else:
                # "from package import name" may name a module as well as a function.
                yield from (node.module, f"{node.module}.{alias.name}")


def _re_exports(name: str, package: Path) -> dict[str, str]:
    """Return the names that a package's ``__init__`` re-exports, each with its module."""
    init = package.joinpath(*name.split(".")[1:], "__init__.py")
    if name.split(".")[0] != package.name or not init.is_file():
        return {}
    return {
        alias.asname or alias.name: node.module
        for node in _imports_in(init.read_text("utf-8"))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{name}.")
        for alias in node.names
        if node.module
    }


@cache
def _imports_in(text: str) -> list[ast.AST]:
    # Each module is needed by many pages.
    nodes_of_tree = ast.walk(ast.parse(text))
    return [node for node in nodes_of_tree if isinstance(node, ast.Import | ast.ImportFrom)]


@cache
def _canonical(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
            and ast.get_docstring(node, clean=False) is not None
        ):
            del node.body[0]
    return ast.dump(tree)


def imported_modules(file: Path, package: Path) -> set[Path]:
    """Find the package's modules that a file imports, directly or indirectly.

    Args:
        file: A Python file.
        package: The package's folder; it may have packages of its own.

    Returns:
        The modules' files.
    """
    found: set[Path] = set()
    waiting = [file]
    while waiting:
        for node in _imports_in(waiting.pop().read_text("utf-8")):
            for name in _modules_of(node, package):
                parts = name.split(".")
                path = package.joinpath(*parts[1:])
                module = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
                if parts[0] == package.name and module.is_file() and module not in found:
                    waiting.append(module)
                    found.add(module)
    return found


def code_of(file: Path) -> str:
    """Return a module's code in a canonical form, without comments and docstrings.

    A changed comment does not change what the code computes, so a page that trains for minutes need
    not run again.

    Args:
        file: A Python file.

    Returns:
        The text of its syntax tree.
    """
    return _canonical(file.read_text("utf-8"))


def files_beside(example: Path) -> list[Path]:
    """Find the files and folders beside an example that it names, since it may run or read them.

    Args:
        example: The example.

    Returns:
        Their paths.
    """
    text = example.read_text("utf-8")
    return [
        path
        for path in sorted(example.parent.iterdir())
        if not path.name.startswith(("plot_", "_", ".", "GALLERY_HEADER"))
        and re.search(rf"\b{re.escape(path.name)}\b", text)
    ]


def digest(example: Path, package: Path) -> str:
    """Return a digest of all that an example's results depend on, except its own file.

    Args:
        example: The example.
        package: The library's folder.

    Returns:
        A hexadecimal SHA-256.
    """
    whole = hashlib.sha256()
    beside = [file for path in files_beside(example) for file in (path, *sorted(path.rglob("*")))]
    scripts = [file for file in beside if file.suffix == ".py"]
    modules = {m for file in (example, *scripts) for m in imported_modules(file, package)}
    for module in sorted(modules):
        name = module.relative_to(package).as_posix()
        whole.update(f"{name}\0{code_of(module)}\0".encode())
    for file in beside:
        if file.is_file():
            # With its comments, since a page may show it.
            whole.update(f"{file.name}\0".encode() + file.read_bytes() + b"\0")
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    # The data's folder is left out: wherever it is, its files are the published ones.
    whole.update(json.dumps([torch.__version__, devices]).encode())
    return whole.hexdigest()


def _real_data_is_there() -> bool:
    try:
        load_fashion_mnist(1, 1)
    except (FileNotFoundError, RuntimeError):
        return False
    return True


def forget_stale(source: Path, gallery: Path, package: Path, *, executes: bool) -> list[Path]:
    """Make sphinx-gallery run again the examples whose inputs have changed.

    Args:
        source: The folder of the examples.
        gallery: The folder of their pages.
        package: The library's folder.
        executes: Whether this build runs the examples.

    Returns:
        The examples that will run again.
    """
    real: bool | None = None
    stale = []
    for example in sorted(source.rglob("plot_*.py")):
        output = gallery / example.relative_to(source)
        stored, record = output.with_suffix(".inputs"), output.with_suffix(".run.json")
        now = digest(example, package)
        current = stored.is_file() and stored.read_text("utf-8") == now
        if current and record.is_file() and json.loads(record.read_text("utf-8"))["drawn"]:
            # It was made with the stand-in, and the real data may be available by now.
            real = _real_data_is_there() if real is None else real
            current = not real
        if current:
            continue
        stale.append(example)
        # sphinx-gallery runs an example that has no digest beside it.
        Path(f"{output}.md5").unlink(missing_ok=True)
        # A build that does not run the examples has no result that the digest could describe.
        if executes:
            output.parent.mkdir(parents=True, exist_ok=True)
            stored.write_text(now, "utf-8")
    return stale


def ran_in_the_site(example: Path) -> bool:
    """Return whether the last build of the site ran this script with the current library.

    Args:
        example: The page's script.

    Returns:
        Whether the build stored the digest of these inputs, and sphinx-gallery that of this script.
    """
    output = ROOT / "docs" / "gallery" / example.relative_to(ROOT / "examples")
    inputs, script = output.with_suffix(".inputs"), Path(f"{output}.md5")
    if not (inputs.is_file() and script.is_file() and output.with_suffix(".run.json").is_file()):
        return False
    same_script = script.read_text("utf-8") == get_md5sum(str(example), mode="t")
    return same_script and inputs.read_text("utf-8") == digest(example, ROOT / "cnnbook")


def remove_orphans(source: Path, gallery: Path) -> list[Path]:
    """Delete the pages whose example was removed or renamed.

    Args:
        source: The folder of the examples.
        gallery: The folder of their pages.

    Returns:
        The pages that were deleted.
    """
    orphans = [
        page
        for page in sorted(gallery.rglob("plot_*.rst"))
        if not (source / page.relative_to(gallery)).with_suffix(".py").is_file()
    ]
    for page in orphans:
        for file in [
            *page.parent.glob(f"{page.stem}.*"),
            *page.parent.glob(f"images/**/*{page.stem}_*"),
        ]:
            file.unlink()
    return orphans


def _forget_stale(app: Sphinx, config: Config) -> None:
    remove_orphans(ROOT / "examples", Path(app.srcdir) / "gallery")
    forget_stale(
        ROOT / "examples",
        Path(app.srcdir) / "gallery",
        ROOT / "cnnbook",
        executes=_executes(config),
    )


def _executes(config: Config) -> bool:
    value = config.sphinx_gallery_conf.get("plot_gallery", True)
    return str(value).lower() not in ("0", "false")


def read_record(app: Sphinx, docname: str) -> dict[str, Any] | None:
    """Return the record of an example's last run, or None if it has not run.

    Args:
        app: The Sphinx application.
        docname: The page's name.

    Returns:
        Seconds, device, torch version, data source and whether the data was drawn.
    """
    file = Path(app.srcdir) / f"{docname}.run.json"
    if not file.is_file():
        return None
    record: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return record


def _page(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write what a page was made with, and a warning at its top if that was not the real data.

    This happens after the translation, so that texts that differ from build to build do not enter
    the catalogues.
    """
    if not docname.startswith("gallery/") or "/plot_" not in docname:
        return
    section = next(iter(doctree.findall(nodes.section)), None)
    if section is None:
        return
    record = read_record(app, docname)
    if record is None:
        note = nodes.note("", nodes.paragraph("", _("This page has not been run yet.")))
        note["classes"].append("not-run")
        section.insert(1, note)
        return
    if record["drawn"]:
        warning = nodes.paragraph(
            "",
            _(
                "Fashion-MNIST was unavailable when this page was built, so the page was made with "
                "drawn garments. Its measurements differ from what the text says about "
                "Fashion-MNIST. The page on installing explains how to provide the data."
            ),
        )
        section.insert(1, nodes.warning("", warning, classes=["drawn-garments"]))
    source, device = record["source"], record["device"]
    if source is None:
        source = _("none: the numbers are in the code")
    elif not record["drawn"]:
        source = _("Fashion-MNIST, from {place}").format(place=source.partition(", from ")[2])
    else:
        source = _("drawn garments, since Fashion-MNIST is unavailable")
    threads = re.fullmatch(r"(?P<device>.+), (?P<threads>\d+) threads", device)
    if threads:
        device = _("{device}, {threads} threads").format(**threads.groupdict())
    fields = (
        (_("Device"), device),
        (_("torch"), record["torch"]),
        (_("Data"), source),
        (_("Time"), _("{seconds} s").format(seconds=record["seconds"])),
    )
    listing = nodes.field_list(classes=["made-with-title"])
    for name, value in fields:
        body = nodes.field_body("", nodes.paragraph("", value))
        listing += nodes.field("", nodes.field_name("", name), body)
    section += nodes.rubric("", _("Made with"), classes=["made-with-title"])
    section += listing


def setup(app: Sphinx) -> dict[str, object]:
    """Connect before sphinx-gallery runs, and after translation."""
    # Before sphinx-gallery's own handlers, which read the .md5 files.
    app.connect("config-inited", _forget_stale, priority=5)
    app.connect("doctree-resolved", _page)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
