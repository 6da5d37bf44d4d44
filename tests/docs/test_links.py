"""Links, anchors and paths of the documentation lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "recipes").rglob("*.md"),
        *(ROOT / "speechvq").rglob("*.md"),
        ROOT / "tests" / "clips" / "README.md",
    ]
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:speechvq|recipes|tests|docs)/[\w./*-]+)`")
MODULE = re.compile(r"python -m (recipes(?:\.\w+)+)")


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to headings, and those written out."""
    prose = re.sub(r"^```.*?^```", "", text(page), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    return {*slugs, *re.findall(r'<a id="([^"]+)">', prose)}


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files_and_anchors(page):
    for link in LINK.findall(text(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_paths_and_recipe_modules_exist(page):
    if page.name == "CHANGELOG.md":
        return  # tells of earlier trees, too
    for path in PATH.findall(text(page)):
        assert list(ROOT.glob(path.rstrip("/"))), path
    for module in MODULE.findall(text(page)):
        assert (ROOT / (module.replace(".", "/") + ".py")).exists(), module


def test_glossary_is_sorted_and_anchors_are_unique():
    glossary = text(ROOT / "docs" / "glossary.md")
    terms = re.findall(r'^\| \*\*(.+?)\*\* <a id="(.+?)">', glossary, re.MULTILINE)
    assert len(terms) > 50
    keys = [re.sub(r"[^a-z0-9]", "", term.split(",")[0].lower()) for term, _ in terms]
    assert keys == sorted(keys)
    assert len({anchor for _, anchor in terms}) == len(terms)
