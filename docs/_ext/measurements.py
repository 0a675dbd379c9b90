"""The role ``measured``, which quotes a number of the benchmarks by name.

``docs/benchmarks/quoted.json`` has the names and is written together with the tables of the page,
by ``tests/benchmarks/result_tables.py``.
"""

import json
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

_log = logging.getLogger(__name__)


class Measured(SphinxRole):
    """Put one number into a sentence; an unknown name is a warning, which stops ``make site``."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the number as text."""
        path = Path(self.env.srcdir) / "benchmarks" / "quoted.json"
        self.env.note_dependency(str(path))
        quoted: dict[str, str] = json.loads(path.read_text("utf-8"))
        if self.text not in quoted:
            _log.warning(
                "measured: expected one of %s, got %r; write the name in %s",
                ", ".join(quoted),
                self.text,
                "tests/benchmarks/result_tables.py: quoted",
                location=self.get_location(),
            )
        return [nodes.Text(quoted.get(self.text, self.text))], []


def setup(app: Sphinx) -> dict[str, object]:
    """Register the role."""
    app.add_role("measured", Measured())
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "2"}
