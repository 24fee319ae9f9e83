"""Links that leave ``docs/``, as those of a README that a page includes.

To another page of the site they go there, to a picture they bring it along, and else they lead to
the repository.
"""

import posixpath
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")
INCLUDED = re.compile(r'{%\s*include-markdown\s+"([^"]+)"')
SOURCE = re.compile(r'(<a href="[^":]*)\.(?:md|py)(?=["#])')
PICTURES = {".png", ".svg", ".gif"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take the repository's address from where it stands."""
    core = tomllib.loads((ROOT / "shared/pyproject.toml").read_text())
    config.repo_url = core["project"]["urls"]["Repository"]
    config.repo_name, config.edit_uri = "Sources", None
    return config


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Send links that leave ``docs/`` to the page that includes their target, or the repository."""
    here = posixpath.dirname(posixpath.join("docs", page.file.src_uri))
    pages = {target: source for source, target in included(files)}

    def moved(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(here, found[1]))
        if target.startswith("docs/"):
            return found[0]
        place = ROOT / target
        if not place.exists():
            raise PluginError(f"{page.file.src_uri}: {found[1]}: no such file")
        if place.suffix in PICTURES:
            uri = f"pictures/{place.name}"
            if files.get_file_from_path(uri) is None:
                files.append(File.generated(config, uri, abs_src_path=str(place)))
            return posixpath.relpath(f"docs/{uri}", here)
        if place.is_dir() and (place / "README.md").exists():
            target += "/README.md"
        anchor = found[2] or ""
        if target in pages:
            return posixpath.relpath(f"docs/{pages[target]}", here) + anchor
        return f"{config.repo_url}/blob/main/{target}{anchor}"

    return LINK.sub(moved, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Send a tutorial's links to the pages; mkdocs does it in Markdown only."""
    return SOURCE.sub(r"\1.html", html) if page.file.src_uri.endswith(".py") else html


def included(files: Files) -> Iterator[tuple[str, str]]:
    """Pages and the files that they include, relative to ``docs`` and to the root."""
    for file in files.documentation_pages():
        if file.src_uri.endswith(".md") and file.generated_by is None:
            for path in INCLUDED.findall(file.content_string):
                folder = posixpath.dirname(posixpath.join("docs", file.src_uri))
                yield file.src_uri, posixpath.normpath(posixpath.join(folder, path))
