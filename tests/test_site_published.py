"""What only a published site has: previews, a list of pages, a page for wrong addresses."""

import re
from pathlib import Path

import pytest
import root_page
from site_builds import build_site
from test_site import small_book

__all__ = ["small_book"]


def test_a_site_with_an_address_has_previews_a_list_of_pages_and_a_page_for_wrong_addresses(
    small_book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNBOOK_BASE_URL", "https://site.example/book/")
    done = build_site(small_book, "-D", "plot_gallery=0")
    assert done.returncode == 0, done.stderr
    site = small_book / "site"
    listed = re.findall(r"<loc>([^<]*)</loc>", (site / "sitemap.xml").read_text("utf-8"))
    assert "https://site.example/book/en/words.html" in listed
    assert not [address for address in listed if re.search("404|search|genindex", address)]
    words = (site / "words.html").read_text("utf-8")
    assert '<meta property="og:title" content="Words"' in words
    assert '<meta property="og:url" content="https://site.example/book/en/words.html"' in words
    picture = re.search(
        r'property="og:image" content="https://site.example/book/en/([^"]*)"', words
    )
    assert picture
    assert (site / picture[1]).is_file()
    wrong = (site / "404.html").read_text("utf-8")
    loaded = re.findall(r'<(?:link|script)[^>]* (?:href|src)="([^"]*\.(?:css|js))', wrong)
    assert loaded
    # It is shown at any address, so its own links begin at the root of the server.
    assert {address for address in loaded if not address.startswith("/book/en/")} == set()
    folder = small_book / "all"
    folder.mkdir()
    site.rename(folder / "en")
    root_page.write_root_page(folder)
    assert (folder / "404.html").read_text("utf-8") == wrong


def test_a_site_without_an_address_has_none_of_them(small_book: Path) -> None:
    done = build_site(small_book, "-D", "plot_gallery=0")
    assert done.returncode == 0, done.stderr
    site = small_book / "site"
    assert not (site / "sitemap.xml").exists()
    assert not (site / "404.html").exists()
    assert "og:" not in (site / "words.html").read_text("utf-8")
