"""The Korean edition: all of it is Korean, and a reader finds the same page in both languages."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from site_browser import barriers, from_disk, needs_browser
from site_builds import Site
from test_site_present import walk

from cnnbook.exercises import check

ROOT = Path(__file__).resolve().parents[1]
PAGE = "gallery/2_layers/plot_07_moving_average.html"
HANGUL = re.compile("[가-힣]")
# Pages whose text stays English.
ENGLISH = re.compile(
    r"api/(?!index\.)|_modules/|changelog\.|contributing\.|py-modindex\.|genindex\."
)
# What is not prose: code, formulas, scripts, and what says of itself that it is English.
_NO_PROSE = re.compile(
    r"<(pre|script|style|math|svg|code|template)\b.*?</\1>|<!--.*?-->|"
    r'<(ul|p) lang="en">.*?</\2>|<div lang="en">.*</article>',
    re.DOTALL,
)
_INLINE = re.compile(r"</?(?:a|span|em|strong|b|i|sup|sub|abbr|cite|time|q|kbd)\b[^>]*>")


def _pages(korean: Site) -> Iterator[tuple[str, str]]:
    for path in sorted(korean.folder.rglob("*.html")):
        name = path.relative_to(korean.folder).as_posix()
        if not name.startswith("_static/"):
            yield name, path.read_text("utf-8")


def _prose(page: str) -> list[str]:
    """Return the texts of a page, one for each block, and the texts of its attributes."""
    page = " ".join(_NO_PROSE.sub(" \x01 ", page).split())
    told = re.findall(r'(?:aria-label|title|placeholder|alt|label)="([^"]*)"', page)
    blocks = re.sub(r"<[^>]+>", "\n", _INLINE.sub("", page)).split("\n")
    return [unescape(text).strip() for text in [*told, *blocks] if text.strip()]


def test_both_editions_have_the_same_pages(site: Site, korean: Site) -> None:
    names = [
        {path.relative_to(one.folder) for path in one.folder.rglob("*.html")}
        for one in (site, korean)
    ]
    assert names[0] == names[1]
    assert len(names[0]) > 60


def test_no_sentence_was_left_in_english_and_no_markup_is_shown(korean: Site) -> None:
    english, marks = [], []
    for name, page in _pages(korean):
        assert re.search(r'<html[^>]* lang="ko"', page), name
        if ENGLISH.match(name):
            continue
        for text in _prose(page):
            # Four words with small letters are a sentence, not a name, a title or a label.
            words = re.findall(r"(?<![\w.])[a-z]{2,}(?![\w.])", text)
            if len(words) >= 4 and not HANGUL.search(text) and not _stays(name, text):
                english.append(f"{name}: {text[:90]}")
            if re.search(r"\*\*|\\ |(?<![\w`]):\w+:`", text):
                marks.append(f"{name}: {text[:90]}")
    assert english == []
    assert marks == []


def _stays(name: str, text: str) -> bool:
    """Say whether a text is a title of page 12, which is code, or of a work in the bibliography."""
    work = name == "references.html" and re.search(r"\((?:19|20)\d\d\)", text)
    return bool(work) or "conv(img) = img" in text


def test_figures_are_described_in_korean_with_the_numbers_of_the_run(
    site: Site, korean: Site
) -> None:
    if not (site.executed and korean.executed):
        pytest.skip("the site was not built with `make site`")
    described = 0
    for path in sorted(korean.folder.glob("gallery/*/plot_*.html")):
        english = (site.folder / path.relative_to(korean.folder)).read_text("utf-8")
        pairs = [
            re.findall(r'<img [^>]*sphx_glr_plot_[^"]*"[^>]* alt="([^"]+)"', text)
            for text in (unescape(english), unescape(path.read_text("utf-8")))
        ]
        assert len(pairs[0]) == len(pairs[1])
        for before, after in zip(*pairs, strict=True):
            assert HANGUL.search(after), after
            left = r"\b(falls|rises|everywhere|pixels cover|panels?|against|axis|\d+ more)\b"
            assert not re.search(left, after), after
            # Counts are words in English, and some numbers have another place in Korean.
            numbers = re.findall(r"-?\d+(?:\.\d+)?", before)
            assert not [n for n in numbers if n.lstrip("-") not in after], (before, after)
            described += 1
    # Each twice: for the light page and for the dark one.
    assert described > 100


def test_the_functions_are_english_and_say_so_but_for_their_headings(korean: Site) -> None:
    page = (korean.folder / "api" / "kernels.html").read_text("utf-8")
    assert '<div lang="en">' in page
    headings = re.findall(r"<h1[^>]*>.*?</h1>", page)
    assert headings
    for heading in headings:
        assert 'lang="ko"' in heading
        assert HANGUL.search(heading)
    assert '<div lang="en">' not in (korean.folder / "api" / "index.html").read_text("utf-8")
    # Nothing of this page is translated.
    page = (korean.folder / "changelog.html").read_text("utf-8")
    assert '<div lang="en">' in page
    assert not re.search(r'<h\d [^>]*lang="ko"', page)


@needs_browser
@from_disk
@pytest.mark.parametrize(
    ("queries", "least"),
    [
        # With a particle, with a final consonant, by its beginning, and in English.
        (["커널", "커널이", "커널을"], 20),
        (["합성곱", "합성곱은", "합성"], 20),
        (["kernel"], 3),
        (["receptive field"], 1),
    ],
)
def test_search_finds_the_same_pages_with_and_without_a_particle(
    korean: Site, tab: Page, queries: list[str], least: int
) -> None:
    found = []
    for query in queries:
        tab.goto(f"{(korean.folder / 'search.html').as_uri()}?q={query}")
        tab.get_by_text("검색이 끝났습니다").wait_for()
        links = tab.locator("#search-results li a").evaluate_all(
            "(all) => all.map((one) => one.getAttribute('href').split('#')[0].split('?')[0])"
        )
        found.append(set(links))
    assert len(found[0]) >= least
    for query, pages in zip(queries[1:], found[1:], strict=True):
        assert found[0] <= pages, query


def _needs_both(site: Site, korean: Site) -> None:
    if not (site.executed and korean.executed):
        pytest.skip("the editions were not built with `make site`")


@needs_browser
def test_the_switch_keeps_the_page_and_the_place_on_it(site: Site, korean: Site, tab: Page) -> None:
    _needs_both(site, korean)
    place = "#three-ways-to-the-same-numbers"
    tab.goto((site.folder / PAGE).as_uri() + place)
    for language, name in (("ko", "한국어"), ("en", "English")):
        tab.locator(".language-switcher a:visible", has_text=name).click()
        tab.wait_for_url(f"**/{language}/{PAGE}{place}")
        assert tab.evaluate("document.documentElement.lang") == language
        assert tab.locator(place).count() == 1


def test_each_page_names_itself_in_both_languages(site: Site, korean: Site) -> None:
    _needs_both(site, korean)
    for edition in (site, korean):
        for name in ("index.html", PAGE, "api/kernels.html"):
            path = edition.folder / name
            links = dict(
                re.findall(
                    r'<link rel="alternate" hreflang="([\w-]+)" href="([^"]+)"',
                    path.read_text("utf-8"),
                )
            )
            assert set(links) == {"en", "ko", "x-default"}
            for language, address in links.items():
                target = (path.parent / address).resolve()
                assert (
                    target
                    == (
                        edition.folder.parent / language.replace("x-default", "en") / name
                    ).resolve()
                )


@needs_browser
def test_a_reader_of_korean_is_offered_the_korean_page_once_and_sent_nowhere(
    site: Site, korean: Site, browser: Browser
) -> None:
    _needs_both(site, korean)
    address = (site.folder / PAGE).as_uri()
    context = browser.new_context(locale="ko-KR")
    page = context.new_page()
    page.goto(f"{address}#try-it")
    offer = page.locator("aside.language-offer")
    expect(offer).to_be_visible()
    assert page.url == f"{address}#try-it"
    assert offer.get_attribute("lang") == "ko"
    assert not barriers(page, within=".language-offer")
    offer.get_by_role("link").click()
    page.wait_for_url(f"**/ko/{PAGE}#try-it")
    expect(page.locator("aside.language-offer")).to_have_count(0)
    page.goto(address)
    expect(page.locator("aside.language-offer")).to_have_count(0)
    context.close()
    context = browser.new_context(locale="ko-KR")
    page = context.new_page()
    page.goto(address)
    page.locator("aside.language-offer").get_by_role("button").click()
    for _ in range(2):
        expect(page.locator("aside.language-offer")).to_have_count(0)
        page.reload()
    context.close()
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(address)
    expect(page.locator("aside.language-offer")).to_have_count(0)
    context.close()


@needs_browser
def test_a_typed_answer_gets_the_verdict_of_python_in_korean(
    korean: Site, tab: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNBOOK_LANGUAGE", "ko")
    tab.goto((korean.folder / PAGE).as_uri())
    field = tab.locator("answer-field").first
    for typed in ("[[1, 2], [3, 4]]", "seven", "[[3, 5], [2.5, 4]]", "8"):
        field.get_by_role("textbox").fill(typed)
        field.get_by_role("textbox").press("Enter")
        said = field.locator("[role=status]").inner_text()
        verdict = check("7.1", typed).message
        assert HANGUL.search(verdict)
        assert " ".join(verdict.split()) in " ".join(said.split())
    assert tab.evaluate("Object.keys(localStorage).some((key) => key.startsWith('cnnbook.ko.'))")


@pytest.mark.sweep
@needs_browser
def test_no_page_is_wider_than_a_telephone_and_words_stay_whole(korean: Site, tab: Page) -> None:
    tab.set_viewport_size({"width": 390, "height": 900})
    wide = []
    for name, _page in _pages(korean):
        if ENGLISH.match(name):
            continue
        tab.goto((korean.folder / name).as_uri(), wait_until="domcontentloaded")
        if not tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth"):
            wide.append(name)
        breaks = tab.evaluate("getComputedStyle(document.querySelector('main')).wordBreak")
        assert breaks == "keep-all", name
    assert wide == []


@pytest.mark.sweep
@needs_browser
@from_disk
@pytest.mark.parametrize("name", ["index.html", "exercises.html", "play.html", "teach.html", PAGE])
def test_a_page_of_each_kind_has_no_barrier_on_a_telephone(
    korean: Site, tab: Page, name: str
) -> None:
    """The looks of the English page are looked at too; here letters and texts are others."""
    tab.set_viewport_size({"width": 390, "height": 900})
    assert barriers(tab, korean.folder / name) == []


@pytest.mark.long
@needs_browser
@from_disk
def test_no_page_has_a_barrier_on_a_telephone(korean: Site, tab: Page) -> None:
    tab.set_viewport_size({"width": 390, "height": 900})
    found = []
    for name, _page in _pages(korean):
        found += barriers(tab, korean.folder / name)
    assert found == []


@pytest.mark.long
@needs_browser
@pytest.mark.parametrize("part", ["1_why", "2_layers", "3_inside", "4_training", "5_beyond"])
def test_every_page_fits_block_by_block_when_it_is_presented(
    korean: Site, tab: Page, part: str
) -> None:
    pages = sorted(Path(korean.folder, "gallery", part).glob("plot_*.html"))
    assert walk(tab, pages) > 15 * len(pages)
