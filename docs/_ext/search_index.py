"""Keep the index entries of unchanged pages in the search index.

Sphinx writes the search index anew at each build. The words of pages that have not changed it takes
from the last index, but not their index entries (``.. index::``), although a search ranks these
first. So after a change of one page, the entries of all others would be gone.
"""

from typing import Any

from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment import BuildEnvironment
from sphinx.search import js_index


def restore_index_entries(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Put the index entries of the last search index where Sphinx collects the new ones."""
    if not isinstance(app.builder, StandaloneHTMLBuilder):
        return []
    path = app.outdir / app.builder.searchindex_filename
    if not path.exists():
        return []
    last = js_index.loads(path.read_text("utf-8"))
    entries: dict[str, list[tuple[str, str, str]]] = env._search_index_index_entries
    entries.clear()
    for entry, places in last["indexentries"].items():
        for number, target, main in places:
            page = last["docnames"][number]
            if page in env.all_docs:
                entries.setdefault(page, []).append((entry, target, "main" if main else ""))
    # No page has to be written again.
    return []


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("env-updated", restore_index_entries)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
