"""Pack the built site into one file, which opens from the disk or from a USB stick.

    python docs/make_zip.py SITE FILE

``make zip`` calls it. The same site gives the same bytes: the names are sorted, and every file has
the same date and the same rights.
"""

import re
import sys
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

# Windows' explorer refuses a path of 260 characters; the rest is for the folder above.
LONGEST = 200
# What Windows refuses in a name: signs, a dot or a space at the end, and the names of old devices.
_REFUSED = re.compile(
    r'[<>:"\\|?*\x00-\x1f]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)', re.IGNORECASE
)
# The page for wrong addresses and the list of pages contain the address of the published site.
_PUBLISHED = {"404.html", "sitemap.xml"}
# The first date that the format knows.
_DATE = (1980, 1, 1, 0, 0, 0)


def check_name(name: str) -> None:
    """Refuse a path that cannot be unpacked on Windows.

    Args:
        name: The path in the archive, with slashes.

    Raises:
        ValueError: It is too long, or a part of it is refused by Windows.
    """
    if len(name) >= LONGEST:
        raise ValueError(f"{name}: expected fewer than {LONGEST} characters, got {len(name)}")
    refused = [part for part in PurePosixPath(name).parts if _REFUSED.search(part)]
    if refused:
        raise ValueError(f"{name}: expected names that Windows accepts, got {refused[0]!r}")


def write_zip(site: Path, file: Path) -> None:
    """Pack a site into a zip file with one folder at its top, named like the file.

    Args:
        site: The folder with the site's ``index.html``, as ``make site`` builds it.
        file: The zip file.

    Raises:
        FileNotFoundError: There is no site.
        ValueError: Two paths differ only in upper and lower case, or Windows refuses one.
    """
    if not (site / "index.html").is_file():
        raise FileNotFoundError(
            f"{site}: expected a built site, got no index.html; run 'make site'"
        )
    paths = {
        f"{file.stem}/{path.relative_to(site).as_posix()}": path
        for path in site.rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.name not in _PUBLISHED
    }
    seen: dict[str, str] = {}
    for name in paths:
        check_name(name)
        if seen.setdefault(name.lower(), name) != name:
            raise ValueError(f"{name}: expected one name, got also {seen[name.lower()]}")
    file.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(file, "w", ZIP_DEFLATED, compresslevel=9) as archive:
        for name, path in sorted(paths.items()):
            entry = ZipInfo(name, _DATE)
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    write_zip(Path(sys.argv[1]), Path(sys.argv[2]))
