"""The parts of the package's metadata that depend on where the project is published.

``CNNBOOK_REPOSITORY`` (``owner/name`` on GitHub) and ``CNNBOOK_BASE_URL`` (the published site) are
set by the release workflow. No address stands in the project itself, which can be forked and moved.
"""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# An image or a link of Markdown whose target is a file of the project.
_RELATIVE = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)")


def long_description(readme: str, repository: str, version: str) -> str:
    """Return the README with targets that also work outside the project, as on PyPI.

    Where the repository is known, images and links lead to its files as of the version's tag.
    Where it is not, an image is left out and a link becomes its text.
    """
    tag = f"{repository}/{{}}v{version}"

    def target(match: re.Match[str]) -> str:
        image, text, path = match.groups()
        if not repository:
            return "" if image else text
        if image:
            return f"![{text}](https://raw.githubusercontent.com/{tag.format('')}/{path})"
        return f"[{text}](https://github.com/{tag.format('blob/')}/{path})"

    return _RELATIVE.sub(target, readme)


def project_urls(repository: str, site: str) -> dict[str, str]:
    """Return the links that PyPI shows beside the description."""
    urls = {"Documentation": site} if site else {}
    if repository:
        source = f"https://github.com/{repository}"
        urls |= {
            "Source": source,
            "Issues": f"{source}/issues",
            "Changelog": f"{source}/blob/main/docs/changelog.md",
        }
    return urls


class PublishedMetadata(MetadataHookInterface):
    """Fill in the long description and the links."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set ``readme`` and ``urls``, unless the sdist being built from already has them."""
        repository = os.environ.get("CNNBOOK_REPOSITORY", "")
        if "readme" not in metadata:
            readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
            metadata["readme"] = {
                "content-type": "text/markdown",
                "text": long_description(readme, repository, metadata["version"]),
            }
        if "urls" not in metadata:
            urls = project_urls(repository, os.environ.get("CNNBOOK_BASE_URL", ""))
            if urls:
                metadata["urls"] = urls
