"""The sdist and the wheel as users get them: content, metadata, installed, type-checked."""

import email.message
import email.parser
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import hatchling
import numpy
import package_metadata
import pytest
import torch
from readme_renderer import markdown

import cnnbook

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PUBLISHED = {"CNNBOOK_REPOSITORY": "owner/name", "CNNBOOK_BASE_URL": "https://site.example/book/"}


def _run(program: str | Path, *arguments: str, cwd: Path, **more: str) -> str:
    # Without the project's own folder and without variables of a release.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "CNNBOOK_REPOSITORY", "CNNBOOK_BASE_URL")
    }
    done = subprocess.run(
        [str(program), *arguments],
        cwd=cwd,
        env=environment | more,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _build(folder: Path, **more: str) -> tuple[Path, Path]:
    command = ["-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    _run(sys.executable, *command, cwd=folder, **more)
    (sdist,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return _build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return _build(tmp_path_factory.mktemp("published"), **PUBLISHED)


def _metadata(archive: Path) -> email.message.Message:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            (name,) = [name for name in wheel.namelist() if name.endswith("/METADATA")]
            text = wheel.read(name).decode()
    else:
        with tarfile.open(archive) as sdist:
            (name,) = [name for name in sdist.getnames() if name.count("/") == 1 and "PKG" in name]
            file = sdist.extractfile(name)
            assert file
            text = file.read().decode()
    return email.parser.Parser().parsestr(text)


def test_the_wheel_holds_the_package_and_nothing_else(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        names = wheel.namelist()
    package = {name for name in names if name.startswith("cnnbook/")}
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "cnnbook").rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".pyo")
    }
    assert package == sources
    assert "cnnbook/py.typed" in package
    assert any(name.startswith("cnnbook/exercises/page_") for name in package)
    info = f"cnnbook-{cnnbook.__version__}.dist-info"
    licences = {path.name for name in PROJECT["license-files"] for path in ROOT.glob(name)}
    assert set(names) - package == {
        *(f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL")),
        *(f"{info}/licenses/{name}" for name in licences),
    }


def test_the_sdist_holds_all_that_is_built_and_tested(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as sdist:
        names = {name.split("/", 1)[1] for name in sdist.getnames() if "/" in name}
    for folder in ("cnnbook", "docs/_ext", "docs/_static", "examples", "tests", ".github", ".ci"):
        for path in (ROOT / folder).rglob("*"):
            # A cached module is kept out by .gitignore.
            if path.is_file() and path.suffix == ".py":
                assert path.relative_to(ROOT).as_posix() in names
    assert {"README.md", "LICENSE", "Makefile", "constraints.txt", "docs/root_page.py"} <= names
    assert not [name for name in names if re.match(r"(docs/gallery|build|\.venv)/", name)]


def test_the_metadata_says_who_what_and_for_which_python(built: tuple[Path, Path]) -> None:
    for archive in built:
        metadata = _metadata(archive)
        assert metadata["Version"] == cnnbook.__version__
        assert metadata["Author"] == "The cnnbook authors"
        assert metadata["License-Expression"] == "MIT"
        assert "LICENSE" in metadata.get_all("License-File", [])
        assert metadata["Description-Content-Type"] == "text/markdown"
        # The repository is unknown here, and must not be invented.
        assert metadata.get_all("Project-URL") is None
        assert metadata["Home-page"] is None
    classifiers = metadata.get_all("Classifier", [])
    versions = re.findall(r"Python :: (3\.\d+)$", "\n".join(classifiers), re.MULTILINE)
    assert PROJECT["requires-python"] == f">={versions[0]},<3.{int(versions[-1][2:]) + 1}"
    # A licence is given by the expression or by a classifier, never by both.
    assert not [name for name in classifiers if name.startswith("License")]


class _Targets(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "href":
                self.links.append(value or "")
            if name in ("src", "srcset"):
                self.images.append(value or "")


def _description(archive: Path) -> _Targets:
    rendered = markdown.render(str(_metadata(archive).get_payload()))
    assert rendered
    return _Targets(rendered)


def test_the_description_leads_nowhere_that_does_not_exist(built: tuple[Path, Path]) -> None:
    for archive in built:
        page = _description(archive)
        assert not [image for image in page.images if not image.startswith("https://")]
        assert not [link for link in page.links if not link.startswith(("https://", "#"))]


def test_a_release_names_its_repository(published: tuple[Path, Path]) -> None:
    raw = f"https://raw.githubusercontent.com/owner/name/v{cnnbook.__version__}/"
    blob = f"https://github.com/owner/name/blob/v{cnnbook.__version__}/"
    for archive in published:
        # The wheel is built from the sdist and keeps what that says.
        urls = dict(line.split(", ") for line in _metadata(archive).get_all("Project-URL", []))
        assert urls == {
            "Documentation": "https://site.example/book/",
            "Source": "https://github.com/owner/name",
            "Issues": "https://github.com/owner/name/issues",
            "Changelog": "https://github.com/owner/name/blob/main/docs/changelog.md",
        }
        page = _description(archive)
        # The addresses end in files of this tree.
        assert page.images
        for target in (*page.images, *page.links):
            if "owner/name" in target:
                assert (ROOT / target.removeprefix(raw).removeprefix(blob)).exists(), target


def test_targets_in_the_readme_are_those_of_the_repository() -> None:
    readme = "![a b](docs/x.png) [text](docs/y.md) [far](https://z.example/) [here](#below)"
    rest = " [far](https://z.example/) [here](#below)"
    assert package_metadata.long_description(readme, "", "1.0") == " text" + rest
    assert package_metadata.long_description(readme, "owner/name", "1.0") == (
        "![a b](https://raw.githubusercontent.com/owner/name/v1.0/docs/x.png) "
        "[text](https://github.com/owner/name/blob/v1.0/docs/y.md)" + rest
    )


def test_twine_finds_nothing_to_complain_about(
    built: tuple[Path, Path], published: tuple[Path, Path], tmp_path: Path
) -> None:
    command = ["-m", "twine", "--no-color", "check", "--strict"]
    command += map(str, (*built, *published))
    assert _run(sys.executable, *command, cwd=tmp_path).count("PASSED") == 4


def _install(archive: Path, folder: Path) -> Path:
    """Return the Python of a new environment that has the archive and, besides, what is here.

    torch and its libraries take 5 GB, so they are not installed once more: a .pth file adds the
    folder in which these tests find them. Without dependencies, and with nothing of the project in
    the environment but the archive, an import finds what a user would have.
    """
    builder = venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt")
    builder.create(folder)
    scripts, python = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    interpreter = folder / scripts / python
    here = {str(Path(module.__file__ or "").parents[1]) for module in (torch, hatchling, numpy)}
    command = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    # pip would take the project's own installation, which these folders hold too, for this one.
    command += ["--ignore-installed", "--disable-pip-version-check", str(archive)]
    _run(interpreter, *command, cwd=folder, PYTHONPATH=os.pathsep.join(here))
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(_run(interpreter, "-c", code, cwd=folder).strip())
    (packages / "tests.pth").write_text("\n".join(here) + "\n", "utf-8")
    return interpreter


@pytest.mark.parametrize(
    "which", [pytest.param(0, marks=pytest.mark.long), 1], ids=["sdist", "wheel"]
)
def test_what_is_installed_is_imported_and_its_examples_are_right(
    built: tuple[Path, Path], which: int, tmp_path: Path
) -> None:
    interpreter = _install(built[which], tmp_path / "environment")
    outside = tmp_path / "outside"
    outside.mkdir()
    code = (
        "import doctest, cnnbook\n"
        "print(cnnbook.__file__)\n"
        "for module in cnnbook.convolution, cnnbook.kernels:\n"
        "    print(*doctest.testmod(module))\n"
    )
    file, *results = _run(interpreter, "-W", "error", "-c", code, cwd=outside).splitlines()
    assert Path(file).is_relative_to(tmp_path / "environment")
    for result in results:
        failed, attempted = map(int, result.split())
        assert failed == 0
        assert attempted > 5
    report = _run(interpreter, "-m", "cnnbook", cwd=outside)
    assert cnnbook.__version__ in report


SCRIPT = """\
import torch

import cnnbook
from cnnbook.windows import window_sum

image = torch.arange(16.0).reshape(1, 1, 4, 4)
mean = torch.full((1, 1, 2, 2), 0.25)
result: torch.Tensor = cnnbook.convolution.conv2d(image, mean, stride=(1, 2))
print(result.tolist(), str(window_sum(image, mean, row=1, column=1)))
net: torch.nn.Module = cnnbook.networks.small_cnn()
"""


@pytest.mark.long
def test_a_users_script_is_checked_against_the_installed_types(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    interpreter = _install(built[1], tmp_path / "environment")
    outside = tmp_path / "outside"
    outside.mkdir()
    script = outside / "script.py"
    script.write_text(SCRIPT, "utf-8")
    _run(interpreter, str(script), cwd=outside)
    command = ["-m", "mypy", "--strict", "--python-executable", str(interpreter), str(script)]
    assert "Success" in _run(sys.executable, *command, cwd=outside)
    # The types are used: without py.typed, everything would be Any and no error reported.
    script.write_text(SCRIPT.replace("stride=(1, 2)", 'stride="2"'), "utf-8")
    with pytest.raises(AssertionError, match=r'Argument "stride" to "conv2d" .*"str"'):
        _run(sys.executable, *command, cwd=outside)
