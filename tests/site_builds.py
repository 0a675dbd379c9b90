"""Builds the site, or a part of it, for the tests."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Site:
    """A built site, and whether its pages were run."""

    folder: Path
    executed: bool


def build_site(
    root: Path, *settings: str, language: str = "en"
) -> subprocess.CompletedProcess[str]:
    command = ["-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", *settings, "docs", "site"]
    named = {**os.environ, "DOCLANG": language}
    return subprocess.run(
        [sys.executable, *command], cwd=root, capture_output=True, text=True, env=named
    )


def copy_book(target: Path) -> Path:
    """Copy what the site is made from, without what was built from it."""
    built = shutil.ignore_patterns("gallery", "__pycache__", "_build")
    for part in ("docs", "examples", "cnnbook", "tests/benchmarks"):
        shutil.copytree(ROOT / part, target / part, ignore=built)
    # The catalogues of the gallery's pages are no results.
    shutil.copytree(
        ROOT / "docs/locale",
        target / "docs/locale",
        ignore=shutil.ignore_patterns("*.mo"),
        dirs_exist_ok=True,
    )
    return target
