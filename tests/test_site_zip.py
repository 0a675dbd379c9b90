"""`make zip`: one file that opens from a USB stick, and that Windows can unpack."""

import re
import shutil
from pathlib import Path
from zipfile import ZipFile

import make_zip
import pytest
import root_page
from playwright.sync_api import Page
from site_browser import FROM_DISK, needs_browser
from site_builds import ROOT, Site


@pytest.fixture(scope="module")
def packed(site: Site, korean: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zip")
    kept = shutil.ignore_patterns(".doctrees")
    shutil.copytree(site.folder, folder / "site" / "en", ignore=kept)
    if site.executed:
        # Otherwise the editions know nothing of each other.
        shutil.copytree(korean.folder, folder / "site" / "ko")
    root_page.write_root_page(folder / "site")
    make_zip.write_zip(folder / "site", folder / "cnnbook-site-1.zip")
    return folder / "cnnbook-site-1.zip"


@pytest.fixture(scope="module")
def stick(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stick") / "a stick, with 100 % of it"
    with ZipFile(packed) as archive:
        archive.extractall(folder)
    return folder / "cnnbook-site-1"


def test_the_zip_has_one_folder_and_names_that_windows_accepts(packed: Path) -> None:
    with ZipFile(packed) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    assert {name.split("/")[0] for name in names} == {"cnnbook-site-1"}
    assert "cnnbook-site-1/index.html" in names
    assert max(map(len, names)) < 200
    assert not [name for name in names if re.search(r'[<>:"\\|?*]', name)]
    assert len({name.lower() for name in names}) == len(names) > 200
    assert not [name for name in names if "/." in name]


def test_the_same_site_gives_the_same_bytes(packed: Path, tmp_path: Path) -> None:
    again = tmp_path / "site"
    with ZipFile(packed) as archive:
        archive.extractall(tmp_path)
    # Unpacked now, so that its files have other dates.
    (tmp_path / "cnnbook-site-1").rename(again)
    make_zip.write_zip(again, tmp_path / "cnnbook-site-1.zip")
    assert (tmp_path / "cnnbook-site-1.zip").read_bytes() == packed.read_bytes()


@needs_browser
@pytest.mark.parametrize("tab", [pytest.param({"forgiven": FROM_DISK}, id="disk")], indirect=True)
def test_an_unpacked_site_is_read_and_searched_without_a_network(stick: Path, tab: Page) -> None:
    tab.goto((stick / "index.html").as_uri())
    tab.wait_for_url("**/en/index.html")
    assert tab.locator("moving-window").is_visible()
    tab.get_by_role("link", name="Read: why a CNN?").click()
    tab.wait_for_url("**/plot_01_accuracy.html")
    assert tab.locator("article h1").inner_text().startswith("1. ")
    tab.goto((stick / "en/search.html").as_uri() + "?q=stride")
    tab.locator("#search-results li a").first.click()
    tab.wait_for_url("**/plot_11_sizes.html*")


def test_no_link_of_the_zip_leaves_it(stick: Path) -> None:
    root = stick.resolve()
    followed = 0
    for page in root.rglob("*.html"):
        if "_static" in page.parts:
            # A template of the theme, and no page.
            continue
        for address in re.findall(
            r'<(?:a|link|img|script) [^>]*(?:href|src)="([^"#?]+)', page.read_text("utf-8")
        ):
            if not re.match(r"[a-z]+:", address):
                target = (page.parent / address.replace("%20", " ")).resolve()
                assert target.is_file(), f"{page}: {address}"
                assert target.is_relative_to(root), f"{page}: {address}"
                followed += 1
    assert followed > 5000


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a/what?.html", "expected names that Windows accepts, got 'what\\?.html'"),
        ("a/b:c.png", "got 'b:c.png'"),
        ("aux/b.png", "got 'aux'"),
        ("a/nul.txt", "got 'nul.txt'"),
        ("a/b./c", "got 'b.'"),
        ("a/" + "b" * 198, "expected fewer than 200 characters, got 200"),
    ],
)
def test_a_name_that_windows_refuses_is_refused(name: str, words: str) -> None:
    make_zip.check_name("a/auxiliary.html")
    with pytest.raises(ValueError, match=words):
        make_zip.check_name(name)


def test_names_that_differ_only_in_case_are_refused(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    for name in ("index.html", "One.html", "one.html"):
        (site / name).touch()
    if len(list(site.iterdir())) < 3:
        pytest.skip("this disk does not tell upper from lower case")
    with pytest.raises(ValueError, match=r"expected one name, got also .*\.html"):
        make_zip.write_zip(site, tmp_path / "x.zip")


def test_without_a_site_there_is_nothing_to_pack(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"got no index\.html; run 'make site'"):
        make_zip.write_zip(tmp_path, tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()


def test_make_zip_packs_what_make_site_builds() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    recipe = makefile.split("\nzip: site ##")[1].split("\n\n")[0]
    assert "docs/make_zip.py build/site $$zip" in recipe
    assert "cnnbook-site-$$(" in recipe
    for document in ("README.md", "docs/install.md"):
        assert "make zip" in (ROOT / document).read_text("utf-8")
