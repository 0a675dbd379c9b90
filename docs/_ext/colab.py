"""A link on each page of the gallery that opens its notebook in Google Colab.

Colab opens notebooks from a public GitHub repository. Where ``colab_repository`` names one, each
page gets a link to its notebook as this build publishes it, and each notebook starts with the
command that installs the library. Without a repository there is no link.
"""

import re

from docutils import nodes
from sphinx.addnodes import download_reference
from sphinx.application import Sphinx
from sphinx.errors import ConfigError
from sphinx.locale import get_translation

_ = get_translation("sphinx")

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def notebook_address(repository: str, branch: str, folder: str, download: str) -> str:
    """Return the address at which Colab opens a notebook that a build has published.

    Args:
        repository: ``owner/name`` on GitHub.
        branch: The branch that holds the built site.
        folder: The folder of the built site in that branch, such as ``en``; empty for its root.
        download: The notebook's path below the site's ``_downloads``.

    Returns:
        The address.
    """
    path = "/".join(part for part in (folder.strip("/"), "_downloads", download) if part)
    return f"https://colab.research.google.com/github/{repository}/blob/{branch}/{path}"


def install_cell(repository: str) -> str:
    """Return the first cell of a notebook, which installs the library.

    Args:
        repository: ``owner/name`` on GitHub.

    Returns:
        The cell's code.
    """
    return (
        "# Colab has torch, but not this library.\n"
        f"%pip install --quiet git+https://github.com/{repository}"
    )


def _check(app: Sphinx, config: object) -> None:
    repository = app.config.colab_repository
    if not isinstance(repository, str) or (repository and not _REPOSITORY.fullmatch(repository)):
        raise ConfigError(
            f"colab_repository: expected 'owner/name' of a repository on GitHub, or '', got "
            f"{repository!r}"
        )
    if repository and hasattr(app.config, "sphinx_gallery_conf"):
        app.config.sphinx_gallery_conf["first_notebook_cell"] = install_cell(repository)


def _add_link(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    settings = app.config
    if not settings.colab_repository or app.builder.format != "html":
        return
    for download in list(doctree.findall(download_reference)):
        if not str(download.get("filename", "")).endswith(".ipynb"):
            continue
        address = notebook_address(
            settings.colab_repository,
            settings.colab_branch,
            settings.colab_folder,
            download["filename"],
        )
        link = nodes.reference("", _("Open in Colab"), refuri=address, internal=False)
        # In the box of the downloads, with their style, since it is one more way to get the page.
        classes = ["sphx-glr-download", "open-in-colab"]
        box = nodes.container("", nodes.paragraph("", "", link), classes=classes)
        position = download.parent
        while position.parent is not None and not isinstance(position, nodes.container):
            position = position.parent
        position.parent.insert(position.parent.index(position), box)


def setup(app: Sphinx) -> dict[str, object]:
    """Add the settings and the link."""
    app.add_config_value("colab_repository", "", "html", types=frozenset({str}))
    app.add_config_value("colab_branch", "gh-pages", "html", types=frozenset({str}))
    app.add_config_value("colab_folder", "", "html", types=frozenset({str}))
    # Before sphinx-gallery reads its settings.
    app.connect("config-inited", _check, priority=5)
    app.connect("doctree-resolved", _add_link)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
