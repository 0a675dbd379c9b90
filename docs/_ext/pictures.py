"""Pictures with their sizes, so that nothing moves when they arrive; fetched when they are near."""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.images import get_image_size
from sphinx.writers.html5 import HTML5Translator


def with_size(tag: str, file: Path) -> str:
    """Return an ``<img>`` element with the size of its file, which is fetched when it is near.

    Args:
        tag: The element, as Sphinx writes it.
        file: The picture.

    Returns:
        The element with ``width``, ``height`` and ``loading``; unchanged if the size is unknown.
    """
    size = get_image_size(file)
    if not size or "width=" in tag:
        return tag
    words = f'loading="lazy" width="{size[0]}" height="{size[1]}"'
    start, image, rest = tag.rpartition("<img ")
    return f"{start}{image}{words} {rest}"


def _visit(self: HTML5Translator, node: nodes.image) -> None:
    first, source = len(self.body), node["uri"]
    HTML5Translator.visit_image(self, node)
    if source in self.builder.images:
        (written,) = self.body[first:]
        # The copy to which the page refers is made at the end of the build.
        self.body[first:] = [with_size(written, Path(self.builder.srcdir, source))]


def _depart(self: HTML5Translator, node: nodes.image) -> None:
    HTML5Translator.depart_image(self, node)


def setup(app: Sphinx) -> dict[str, object]:
    """Replace the writer of images."""
    app.add_node(nodes.image, override=True, html=(_visit, _depart))
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
