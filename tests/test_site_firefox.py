"""In Firefox, which keeps the storage of pages that are opened from disk for each page separately.

Firefox is driven by its own protocol, Marionette: JSON over a socket. Playwright would need a
Firefox of its own.
"""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from answer_field import TEXTS
from answer_pages import ONE, RIGHT, page_of
from site_builds import Site

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
pytestmark = [
    pytest.mark.long,
    pytest.mark.loopback,
    pytest.mark.skipif(FIREFOX is None, reason="no Firefox on this machine"),
]


class Marionette:
    """A connection to a running Firefox."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.stream = self.socket.makefile("rb")
        self.count = 0
        self._read()

    def _read(self) -> Any:
        length = b""
        while (digit := self.stream.read(1)) != b":":
            if not digit:
                raise ConnectionError("Firefox has closed the connection")
            length += digit
        return json.loads(self.stream.read(int(length)))

    def close(self) -> None:
        """Close the connection."""
        self.stream.close()
        self.socket.close()

    def send(self, command: str, **values: Any) -> Any:
        """Send a command and return its result."""
        self.count += 1
        message = json.dumps([0, self.count, f"WebDriver:{command}", values]).encode()
        self.socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def run(self, script: str) -> Any:
        """Run a script in the page and return its value."""
        return self.send("ExecuteScript", script=script, args=[])["value"]


@pytest.fixture
def firefox(tmp_path: Path) -> Iterator[Marionette]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Without the settings for automation, which let all files share one storage.
    settings = {"marionette.port": port, "remote.prefs.recommended": False}
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in settings.items()
    ]
    (tmp_path / "user.js").write_text("\n".join(lines), "utf-8")
    command = [str(FIREFOX), "--headless", "--marionette", "--profile", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(120):
                try:
                    running = Marionette(port)
                    break
                except ConnectionRefusedError:
                    time.sleep(0.5)
            else:
                raise AssertionError("Firefox has not started in 60 s")
            running.send("NewSession")
            yield running
            running.close()
        finally:
            process.terminate()


SOLVE = f"""
    const box = document.querySelector("#exercise-6-1");
    const input = box.querySelector("answer-field input");
    input.value = "{RIGHT}";
    input.dispatchEvent(new Event("input"));
    box.querySelector("answer-field form").requestSubmit();
    return box.querySelector("[role=status]").textContent;
"""
PROGRESS = "return document.querySelector(\"answer-progress[page='6']\").textContent;"


def test_progress_is_kept_for_each_page_and_the_pages_say_so(
    site: Site, firefox: Marionette
) -> None:
    lesson = (site.folder / page_of(ONE)).as_uri()
    firefox.send("Navigate", url=lesson)
    assert "Right." in firefox.run(SOLVE)
    firefox.send("Navigate", url=lesson)
    text = firefox.run(PROGRESS)
    assert text.startswith("1 of 3 solved.")
    assert TEXTS["per_page_short"] in text
    assert TEXTS["per_page"] in text
    for name in ("export", "import"):
        assert TEXTS[name] in text, "what was typed can be carried over"
    firefox.send("Navigate", url=(site.folder / "exercises.html").as_uri())
    assert firefox.run(PROGRESS).startswith("0 of 3 solved.")
    book = 'return document.querySelector("answer-book").textContent;'
    assert TEXTS["per_page"] in firefox.run(book)
