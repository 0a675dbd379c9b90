"""Write what stands beside the languages of the built site: its first page, and ``.nojekyll``.

``make site`` runs ``python docs/root_page.py build/site``. The page leads to a language without a
script and with relative links only, so the site works below any address and from the disk.
"""

import html
import runpy
import shutil
import sys
from pathlib import Path

# Its order is that of the links; the first one that has been built is where the page leads.
LANGUAGES: dict[str, str] = runpy.run_path(str(Path(__file__).with_name("conf.py")))[
    "html_context"
]["languages"]

_PAGE = """<!DOCTYPE html>
<html lang="{first}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0; url={first}/index.html">
<title>cnnbook</title>
</head>
<body>
<h1>cnnbook</h1>
<ul>
{links}
</ul>
</body>
</html>
"""


def write_root_page(site: Path) -> None:
    """Write ``index.html`` with a link to each language in ``site``, and ``.nojekyll``.

    The page for wrong addresses, which only a published site has, is looked for beside them; its
    links are absolute, so a copy of the first language's serves all.

    Without ``.nojekyll`` GitHub Pages leaves out folders such as ``_static`` when it publishes a
    branch.

    Raises:
        FileNotFoundError: No language has been built.
    """
    built = [code for code in LANGUAGES if (site / code / "index.html").is_file()]
    if not built:
        raise FileNotFoundError(
            f"{site}: expected a folder with an index.html for one of {sorted(LANGUAGES)}, got "
            "none; run 'make site'"
        )
    links = "\n".join(
        f'<li><a href="{code}/index.html" hreflang="{code}" lang="{code}">'
        f"{html.escape(LANGUAGES[code])}</a></li>"
        for code in built
    )
    (site / "index.html").write_text(_PAGE.format(first=built[0], links=links), encoding="utf-8")
    (site / ".nojekyll").touch()
    wrong_address = site / built[0] / "404.html"
    if wrong_address.is_file():
        shutil.copyfile(wrong_address, site / "404.html")


if __name__ == "__main__":
    write_root_page(Path(sys.argv[1]))
