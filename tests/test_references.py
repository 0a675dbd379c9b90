"""References to Python names in prose: each name exists."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = [
    path
    for pattern in (
        "README.md",
        "docs/*.md",
        "docs/*.rst",
        "docs/api/*.rst",
        "examples/*/*",
        "cnnbook/**/*.py",
    )
    for path in sorted(ROOT.glob(pattern))
    if path.suffix in {".md", ".rst", ".py"}
]
# :func:`~cnnbook.pooling.relu` in reStructuredText, {func}`...` in Markdown, and a module's or a
# function's dotted name as code.
REFERENCE = re.compile(
    r"[:{](?:py:)?(?:func|class|mod|meth|attr|data|exc|obj)[:}]`(?:[^`<]*<)?~?([\w.]+)>?`"
    r"|`(cnnbook(?:\.\w+)+)"
    r"|:: (cnnbook(?:\.\w+)+)$",
    re.MULTILINE,
)


def _references(text: str) -> Iterator[str]:
    for found in REFERENCE.finditer(text):
        yield next(filter(None, found.groups()))


def _exists(name: str, module: str) -> bool:
    """Look a name up as Sphinx does: as written, or in the module whose docstring contains it."""
    for dotted in (name, f"{module}.{name}"):
        parts = dotted.split(".")
        for length in range(len(parts), 0, -1):
            try:
                found: object = importlib.import_module(".".join(parts[:length]))
            except ImportError:
                continue
            for attribute in parts[length:]:
                found = getattr(found, attribute, None)
            if found is not None:
                return True
            break
    return False


def _module(path: Path) -> str:
    if path.parts[len(ROOT.parts)] != "cnnbook":
        return "cnnbook"
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_there_are_references_to_check() -> None:
    found = [name for path in FILES for name in _references(path.read_text("utf-8"))]
    assert "cnnbook.training.fit_full_batch" in found
    assert "cnnbook.exercises" in found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_referenced_name_exists(path: Path) -> None:
    names = set(_references(path.read_text("utf-8")))
    missing = sorted(name for name in names if not _exists(name, _module(path)))
    assert not missing, f"{path.name} refers to names that do not exist"


@pytest.mark.parametrize(
    "text",
    [
        "see :func:`~cnnbook.pooling.rectify`",
        "see :func:`the ReLU <cnnbook.pooling.rectify>`",
        "see {func}`cnnbook.pooling.rectify`",
        "see :mod:`cnnbook.arguments`",
        "import it from ``cnnbook.arguments``",
        ".. automodule:: cnnbook.arguments\n",
    ],
)
def test_a_name_that_does_not_exist_is_found(text: str) -> None:
    (name,) = _references(text)
    assert not _exists(name, "cnnbook")
    assert _exists("cnnbook.pooling.relu", "cnnbook")
    assert _exists("relu", "cnnbook.pooling")


# The words of the book that a reader may look up.
WORDS = [
    *("accuracy", "Adam", "backpropagation", "batch", "batch normalization", "bias"),
    *(
        "CAM",
        "CNN",
        "confusion matrix",
        "convolution",
        "cross-correlation",
        "depthwise convolution",
    ),
    *("dilation", "epoch", "equivariance", "feature expansion", "feature map", "filter"),
    *("fine-tuning", "full batch", "Grad-CAM", "gradient", "gradient accumulation"),
    *("groups", "im2col", "kernel", "learning rate", "logit", "loss", "micro-batch"),
    *("mini-batch", "MLP", "moving average", "one-hot", "optimizer", "padding", "parameter"),
    *("pooling", "receptive field", "ReLU", "score", "SGD", "stride", "translation"),
    *("weight", "window"),
]


def test_the_glossary_defines_each_word_in_few_sentences() -> None:
    glossary = (ROOT / "docs/glossary.md").read_text("utf-8").split("```")[1]
    entries = re.findall(r"^((?:\w.*\n)+)((?:  .*\n)+)", glossary, re.MULTILINE)
    defined = {term: text for terms, text in entries for term in terms.splitlines()}
    assert [word for word in WORDS if word not in defined] == []
    for term, text in defined.items():
        assert 1 <= len(re.findall(r"[.?](?=\s)", text)) <= 3, term
    first = [terms.splitlines()[0].lower() for terms, _ in entries]
    assert first == sorted(first)
