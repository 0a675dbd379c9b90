"""How ``make`` sets itself up, with stand-ins for Python and uv, and the root of the site."""

import os
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import root_page

ROOT = Path(__file__).resolve().parents[1]
# The commands that the recipes call besides Python and uv.
TOOLS = "make sh sed grep tail cut expand rm mkdir touch cat uname"
ADDRESS = "Get started' on pytorch.org"

# A stand-in for Python that only answers questions: version and modules come from its own folder,
# or from the environment that it has made.
PYTHON = """#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
echo "python $*" >> "$CALLS"
case "$1 $2 $3" in
  "-c "*version_info*) grep -q supported "$here/python.says" ;;
  "-c "*ensurepip*) grep -q ensurepip "$here/python.says" ;;
  "-c "*) ;;
  "-V "*) echo "Python 3.9.1" ;;
  "-m venv "*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; cp "$here/python.says" .venv/bin/
    grep -q ensurepip "$here/python.says" && echo pip >> .venv/bin/python.says ;;
  "-m ensurepip "*) grep -q ensurepip "$here/python.says" && echo pip >> "$here/python.says" ;;
  "-m pip --version") grep -qx pip "$here/python.says" ;;
  "-m pip install") cat "$here/pip.says" 2>/dev/null; test ! -e "$here/pip.says" ;;
  *) exit 3 ;;
esac
"""
UV = """#!/bin/sh
echo "uv $*" >> "$CALLS"
cat "$(dirname "$0")/uv.says" 2>/dev/null
test ! -e "$(dirname "$0")/uv.says"
"""


class Machine:
    """A copy of the recipes in a folder, and a PATH that holds only what is put there."""

    def __init__(self, folder: Path) -> None:
        self.project, self.commands, self.calls = (
            folder / name for name in ("project", "commands", "calls")
        )
        self.project.mkdir()
        self.commands.mkdir()
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.project)
        for tool in TOOLS.split():
            found = shutil.which(tool)
            if not found:
                pytest.skip(f"no {tool} on this machine")
            (self.commands / tool).symlink_to(found)
        for tool in ("dirname", "cp"):
            (self.commands / tool).symlink_to(str(shutil.which(tool)))

    def add(self, path: Path, content: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
        path.chmod(0o755)

    def python(self, says: str = "supported ensurepip", folder: Path | None = None) -> None:
        folder = folder or self.commands
        self.add(folder / ("python3" if folder == self.commands else "python"), PYTHON)
        self.add(folder / "python.says", "\n".join(says.split()) + "\n")

    def environment(self, says: str = "supported") -> None:
        self.python(says, self.project / ".venv/bin")

    def uv(self) -> None:
        self.add(self.commands / "uv", UV)

    def make(self, *words: str) -> tuple[int, str]:
        environment = {"PATH": str(self.commands), "CALLS": str(self.calls)}
        done = subprocess.run(
            ["make", "--no-print-directory", *(words or (".venv/.installed",))],
            cwd=self.project,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        # make's own line about the failed target.
        output = [line for line in done.stdout.splitlines() if not line.startswith("make: ")]
        return done.returncode, "\n".join(output)

    def installed_by(self) -> str:
        lines = self.calls.read_text("utf-8").splitlines()
        (call,) = [line for line in lines if " install" in line]
        return call


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_pip_installs_into_an_environment_of_its_own(machine: Machine) -> None:
    machine.python()
    code, output = machine.make()
    assert (code, output) == (
        0,
        "installing into .venv: up to 6 GB, some minutes; details in .venv/install.log",
    )
    assert machine.installed_by() == (
        "python -m pip install --disable-pip-version-check -c constraints.txt "
        "-e .[docs,test,release]"
    )
    # A second time there is nothing to do.
    machine.calls.unlink()
    assert machine.make()[0] == 0
    assert not machine.calls.exists()


def test_more_arguments_reach_pip(machine: Machine) -> None:
    machine.python()
    assert machine.make(".venv/.installed", "PIP_ARGS=--extra-index-url ADDRESS")[0] == 0
    assert machine.installed_by().endswith("-e .[docs,test,release] --extra-index-url ADDRESS")


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no other build")
@pytest.mark.parametrize("has_pip", [True, False])
def test_cpu_takes_the_build_that_uv_knows(machine: Machine, has_pip: bool) -> None:
    machine.uv()
    machine.environment("supported pip" if has_pip else "supported")
    code, output = machine.make(".venv/.installed", "CPU=1")
    assert code == 0
    assert "torch without CUDA" in output
    assert machine.installed_by() == (
        "uv pip install --python .venv/bin/python --torch-backend=cpu -c constraints.txt "
        "-e .[docs,test,release]"
    )


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no other build")
def test_cpu_without_uv_names_both_ways(machine: Machine) -> None:
    machine.python()
    code, output = machine.make("site", "CPU=1")
    assert code == 2
    (line,) = output.splitlines()
    assert "install it ('python3 -m pip install uv')" in line
    assert "'make site PIP_ARGS=\"--extra-index-url ADDRESS\"'" in line
    assert ADDRESS in line


def test_on_macos_the_ordinary_build_is_for_the_cpu(machine: Machine) -> None:
    machine.python()
    (machine.commands / "uname").unlink()
    machine.add(machine.commands / "uname", "#!/bin/sh\necho Darwin\n")
    assert machine.make(".venv/.installed", "CPU=1")[0] == 0
    assert machine.installed_by().startswith("python -m pip install")


def test_an_environment_of_uv_has_no_pip_and_is_served_by_uv(machine: Machine) -> None:
    # No other Python is on the machine, as where uv brought its own.
    machine.uv()
    machine.environment()
    assert machine.make()[0] == 0
    assert machine.installed_by() == (
        "uv pip install --python .venv/bin/python -c constraints.txt -e .[docs,test,release]"
    )


def test_an_environment_without_pip_gets_it_where_there_is_no_uv(machine: Machine) -> None:
    machine.environment("supported ensurepip")
    assert machine.make()[0] == 0
    assert machine.installed_by().startswith("python -m pip install")


def test_an_environment_without_pip_and_no_way_to_get_it(machine: Machine) -> None:
    machine.environment()
    assert machine.make() == (
        2,
        ".venv has no pip, and there is no uv: install uv, or remove the folder .venv and repeat",
    )


def test_an_environment_that_works_needs_no_other_python(machine: Machine) -> None:
    machine.python("")
    machine.environment("supported pip")
    assert machine.make()[0] == 0


def test_a_broken_environment_is_made_again(machine: Machine) -> None:
    machine.python()
    machine.add(machine.project / ".venv/bin/python", "#!/bin/sh\nexit 1\n")
    assert machine.make()[0] == 0
    assert "python -m venv --clear .venv" in machine.calls.read_text("utf-8").splitlines()


@pytest.mark.parametrize(
    ("says", "line"),
    [
        (
            None,
            "cnnbook needs Python 3.11 to 3.14, but there is no 'python3': install it, name one "
            "with 'make PYTHON=python3.12 test', or create .venv with 'uv venv --python 3.13'",
        ),
        (
            "ensurepip",
            "cnnbook needs Python 3.11 to 3.14, but 'python3' is Python 3.9.1: name one with "
            "'make PYTHON=python3.12 test', or create .venv with 'uv venv --python 3.13'",
        ),
        (
            "supported",
            "'python3' cannot make virtual environments (no ensurepip): on Debian and Ubuntu, run "
            "'apt-get install python3-venv', or create .venv with 'uv venv'",
        ),
    ],
    ids=["no python", "old python", "no ensurepip"],
)
def test_what_is_missing_is_said_in_one_line(machine: Machine, says: str | None, line: str) -> None:
    if says is not None:
        machine.python(says)
    assert machine.make("test") == (2, line)
    assert not (machine.project / ".venv").exists()


def test_an_old_environment_is_not_removed(machine: Machine) -> None:
    machine.python()
    machine.environment("pip")
    code, output = machine.make()
    assert (code, output) == (
        2,
        "cnnbook needs Python 3.11 to 3.14, but .venv has Python 3.9.1: remove the folder .venv "
        "and repeat",
    )


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("Collecting\n  ERROR: No matching distribution found\n\n", "ERROR: No matching"),
        ("error: Request failed\n  cause: dns error\n  hint: x\n", "cause: dns error;"),
        ("Collecting\nsomething that nobody foresaw\n\n", "something that nobody foresaw;"),
        ("\n", "nothing was reported;"),
    ],
    ids=["pip", "uv", "another", "silent"],
)
def test_a_failed_installation_has_a_reason(machine: Machine, log: str, reason: str) -> None:
    machine.environment("supported pip")
    machine.add(machine.project / ".venv/bin/pip.says", log)
    code, output = machine.make()
    assert code == 2
    assert f"installing failed: {reason}" in output.splitlines()[-1]
    assert not (machine.project / ".venv/.installed").exists()


class _Root(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: dict[str, str] = {}
        self.refresh = ""
        self.scripts = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links[named["lang"]] = named["href"]
        if named.get("http-equiv") == "refresh":
            self.refresh = named["content"]
        self.scripts += tag == "script"


def test_the_root_leads_to_the_languages_that_were_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"en": "English", "ko": "한국어", "fr": "French"}
    monkeypatch.setattr(root_page, "LANGUAGES", names)
    for code in ("ko", "en"):
        (tmp_path / code).mkdir()
        (tmp_path / code / "index.html").touch()
    root_page.write_root_page(tmp_path)
    page = (tmp_path / "index.html").read_text("utf-8")
    root = _Root(page)
    # Relative, so that the site can lie below any address; without a script.
    assert root.links == {"en": "en/index.html", "ko": "ko/index.html"}
    assert root.refresh == "0; url=en/index.html"
    assert root.scripts == 0
    assert names["ko"] in page
    assert (tmp_path / ".nojekyll").read_bytes() == b""


def test_a_site_without_a_language_has_no_root(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"expected .* for one of \['en'.*run 'make site'"):
        root_page.write_root_page(tmp_path)
    assert os.listdir(tmp_path) == []


def test_make_site_writes_the_root() -> None:
    recipe = (ROOT / "Makefile").read_text("utf-8").split("\nsite:")[1].split("\n\n")[0]
    assert "$(BIN)/python docs/root_page.py build/site" in recipe
