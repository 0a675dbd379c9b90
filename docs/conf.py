"""Settings of the site; the code behind them is in ``_ext``."""

import os
import sys
from pathlib import Path
from urllib.parse import urlparse

here = Path(__file__).resolve().parent
sys.path[:0] = [str(here / "_ext"), str(here)]

import cnnbook  # noqa: E402

# A progress bar in a page is a new line for each time it is drawn; tqdm reads this when imported.
os.environ.setdefault("TQDM_MININTERVAL", "20")

project = "cnnbook"
author = "The cnnbook authors"
project_copyright = "2026, the cnnbook authors"
version = release = cnnbook.__version__
language = os.environ.get("DOCLANG", "en")
# Every edition that is built, for the switch in the header; `make site` says which.
editions = os.environ.get("DOCLANGS", language).split()

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "gallery_state",
    "download_note",
    "alt_texts",
    "enlarge",
    "browse",
    "cards",
    "mathml",
    "accessible",
    "explorer",
    "kernel_learner",
    "live_network",
    "exercise",
    "board",
    "checks",
    "guess",
    "present",
    "returns",
    "backlinks",
    "colab",
    "notebooks",
    "markdown_tables",
    "unbroken_numbers",
    "measurements",
    "search_index",
    "home",
    "pictures",
    "catalogues",
    "korean",
    "languages",
]
# The gallery writes a page of build times, which would differ from build to build; the tables of
# benchmarks/ are included in a page.
exclude_patterns = [
    "_build",
    "locale",
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
    "benchmarks/*.md",
]
# Without notebooks and scripts: those beside the generated pages are downloads, not pages.
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
myst_enable_extensions = ["attrs_inline", "dollarmath", "colon_fence", "deflist"]
# No intersphinx: its inventories need a network, and the build must work without one.
nitpicky = False
# The bibliography also lists works that docstrings cite in words.
suppress_warnings = ["ref.citation"]
autodoc_typehints = "description"
# The lists of functions by task; their pages are written by hand.
autosummary_generate = False
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Source", "notes_style")]

# For translation: one catalogue for each page, without line numbers that change at every edit.
locale_dirs = ["locale"]
gettext_compact = False
gettext_location = False
gettext_uuid = False
# docs/_ext/catalogues.py compiles them.
gettext_auto_build = False
# The entries of the index, which the search lists first.
gettext_additional_targets = ["index"]

html_theme = "pydata_sphinx_theme"
# The long default title is wider than the header of a narrow screen.
html_title = "cnnbook"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
templates_path = ["_templates"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_search_scorer = str(here / "_ext/search_scorer.js")
# MathML at build time instead of a script from a CDN.
html_math_renderer = "mathml"
html_theme_options = {
    "navbar_end": ["present-button", "code-switch", "language-switcher", "theme-switcher"],
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "back_to_top_button": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_start": ["copyright", "licences"],
    "footer_end": ["sphinx-version"],
}
# Pages without pages below them would show an empty section navigation.
html_sidebars: dict[str, list[str]] = {
    page: []
    for page in (
        "index",
        "install",
        "play",
        "teach",
        "conventions",
        "glossary",
        "references",
        "contributing",
        "changelog",
        "exercises",
        "benchmarks",
        "search",
        "genindex",
    )
}
# "owner/name" of the GitHub repository whose branch gh-pages publishes build/site: then each page
# of the gallery gets a link that opens its notebook in Colab. Empty: no link.
colab_repository = os.environ.get("CNNBOOK_REPOSITORY", "")
colab_folder = language

_names = {"en": "English", "ko": "한국어"}
html_context = {"languages": {code: _names[code] for code in editions}, "default_mode": "auto"}

# Where the site is published: notebooks link to their pages there, and pages name it as their own.
base_url = os.environ.get("CNNBOOK_BASE_URL", "").rstrip("/")
html_baseurl = f"{base_url}/{language}/" if base_url else ""
if base_url:
    # Previews of links, a list of all pages for search engines, and a page for wrong addresses. All
    # three need the site's address, so a site that is opened from disk is built without them.
    extensions += ["sphinxext.opengraph", "sphinx_sitemap", "notfound.extension"]
    ogp_site_url = html_baseurl
    ogp_image = "_static/moving-window.gif"
    ogp_image_alt = "A window on a picture of a coat, a kernel, and the output that it fills"
    ogp_social_cards = {"enable": False}
    site_url = f"{base_url}/"
    sitemap_url_scheme = "{lang}{link}"
    sitemap_locales = list(html_context["languages"])
    # It lists the pages that a build has written: publish a build from scratch, as pages.yml does.
    sitemap_excludes = ["404.html", "genindex.html", "py-modindex.html", "search.html"]
    notfound_urls_prefix = urlparse(html_baseurl).path

# What is copied is the code: without prompts, and without what a prompt's line has printed.
copybutton_prompt_text = r">>> |\.\.\. |\$ |> "
copybutton_prompt_is_regexp = True
# Neither outputs nor the map of the folders, which nobody types.
copybutton_selector = (
    ":is(.highlight-Python, .highlight-python, .highlight-default, .highlight-console) pre"
)

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    # Neither a script that a page starts nor TEMPLATE.py is a page.
    "ignore_pattern": r"^(?!plot_)",
    "within_subsection_order": "FileNameSortKey",
    # A page with a wrong number must not be built.
    "abort_on_example_error": True,
    # By name: the address in a function's repr would change the configuration on every run.
    "reset_modules": ("matplotlib", "gallery_state.same_start"),
    "reset_modules_order": "both",
    "image_scrapers": (
        "alt_texts.described_figures",
        "live_network.keep_data",
        "kernel_learner.keep_images",
    ),
    "image_srcset": ["2x"],
    "matplotlib_animations": False,
    "capture_repr": ("_repr_html_", "__repr__"),
    "remove_config_comments": True,
    "show_signature": False,
    # Both are needed to keep build times, which change, out of the pages.
    "write_computation_times": False,
    "min_reported_time": float("inf"),
}
