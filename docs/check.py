"""Check a built site: links lead somewhere, nothing is fetched from elsewhere, no name is left out.

python docs/check.py SITE
"""

import json
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hooks.reference import ROOT, exported
from mkdocstrings import Inventory


class _Page(HTMLParser):
    """Ids of a page, and the addresses that it links to or loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {key: value for key, value in attrs if value}
        self.ids |= {said[key] for key in ("id", "name") if key in said}
        if tag in ("a", "link") and "href" in said:
            styles = tag == "link" and said.get("rel") in ("stylesheet", "preload", "icon")
            (self.loaded if styles else self.links).add(said["href"])
        if "src" in said:
            self.loaded.add(said["src"])


@cache
def _page(path: Path) -> _Page:
    return _Page(path.read_text(encoding="utf-8"))


def faults(site: Path) -> Iterator[str]:
    """What is wrong with the pages of a site, a line each."""
    for path in sorted(site.rglob("*.html")):
        page = _page(path)
        for address in sorted(page.links | page.loaded):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if address in page.loaded and parts.scheme != "data":
                    yield f"{path.relative_to(site)}: {address}: fetched from elsewhere"
                continue
            base = site if parts.path.startswith("/") else path.parent  # only 404.html has such
            target = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{path.relative_to(site)}: {address}: no such page"
            elif parts.fragment and target.suffix == ".html":
                ids = _page(target).ids
                if unquote(parts.fragment) not in ids:
                    yield f"{path.relative_to(site)}: {address}: no such place on the page"


def missing(site: Path) -> Iterator[str]:
    """Public names that the reference lacks."""
    public = json.loads((ROOT / "tests/golden/public_api.json").read_text())["names"]
    with (site / "objects.inv").open("rb") as file:
        listed = set(Inventory.parse_sphinx(file))
    for module, names in public.items():
        core = module.startswith("sciformer.")
        full = [f"{module.removesuffix('.__init__')}.{name}" for name in names]
        for name in full if core else exported(module):
            if name not in listed:
                yield f"{name}: not in the reference"


if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve()
    sys.exit("\n".join([*faults(folder), *missing(folder)]) or 0)
