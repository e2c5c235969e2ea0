"""Makes the documentation a site: generated pages, the navigation, and links that lead somewhere there. See mkdocs.yml.

The pages in docs/ are written to be read in the clone, too. What the code knows better is generated: the rule book,
the readings, the scenario format, the commands, the library and the changelog (`site_pages`). The navigation is the
README's list, so a page that is listed there has its place. The `on_...` functions are what mkdocs calls; the others
need nothing of it, and tests call them.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from site_links import for_site
from site_pages import folders, generated

ROOT = Path(__file__).resolve().parent.parent
#: The generated pages, with their titles in the navigation.
REFERENCE = {
    "reference/scenario.md": "The scenario format",
    "reference/commands.md": "The commands",
    "reference/rules.md": "The rules",
    "reference/readings.md": "The readings",
    "changelog.md": "Changelog",
}
#: Pages that tell what a generated page has in full, and how they say so there.
FULL = {
    "rules.md": "[All rules](reference/rules.md), each with its place, how it is judged and what is covered.",
    "readings.md": "[What differs](reference/readings.md), field by field.",
    "write.md": "[The scenario format](reference/scenario.md): every table, every verb and its keys.",
    "run.md": "[The commands](reference/commands.md): every option.",
    "coverage.md": "[All rules](reference/rules.md), each with what is covered.",
}


# The hooks.


def on_config(config: Any) -> Any:
    """Make the navigation of the README's list and the generated pages."""
    config.nav = navigation((ROOT / "README.md").read_text(encoding="utf-8"))
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages."""
    from mkdocs.structure.files import File

    for place, text in generated().items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Have the fences and the links of a page of docs/ say what they mean on the site."""
    place = page.file.src_uri
    if place in FULL:
        markdown += f"\n---\n\n{FULL[place]}\n"
    if (ROOT / "docs" / place).exists():
        markdown = for_site(markdown, f"docs/{place}", place)
    return markdown


def on_post_page(output: str, **_: Any) -> str:
    """Give the theme's search a name, for those who hear the page."""
    search = 'data-md-component="search" role="dialog"'
    return output.replace(search, f'{search} aria-label="Search"')


def on_post_build(config: Any) -> None:
    """Refuse a site that loads anything from elsewhere."""
    for page in sorted(Path(config.site_dir).rglob("*.html")):
        if loads := outside(page.read_text(encoding="utf-8")):
            raise SystemExit(f"{page}: loads {', '.join(loads)}; the site must need nothing from outside")


class _Loads(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # An address that is followed by who wants to, or only named, is loaded by nobody.
        named = tag == "a" or (tag == "link" and dict(attrs).get("rel") in ("canonical", "prev", "next", "alternate"))
        for name, value in attrs:
            fetched = name in ("src", "srcset", "data", "poster") or (name == "href" and not named)
            if fetched and re.match(r"(\w+:)?//", value or ""):
                self.found.append(f"{value}")


def outside(html: str) -> list[str]:
    """Return what a page loads from another host."""
    parser = _Loads()
    parser.feed(html)
    return parser.found + re.findall(r"(?:url\(|@import )[\"']?((?:\w+:)?//[^\"')]+)", html)


# The navigation.


def navigation(readme: str) -> list[dict[str, Any]]:
    """Return mkdocs' navigation: the groups of the README's list, then what is generated."""
    nav: list[dict[str, Any]] = [{"Home": [{"fdl-harness": "index.md"}]}]
    for heading, body in re.findall(r"^### (.+)\n((?:(?!#).*\n)*)", readme, re.MULTILINE):
        pages = [
            {title: target.removeprefix("docs/")}
            for title, target in re.findall(r"^- \[(.+?)\]\((docs/[\w-]+\.md)\)", body, re.MULTILINE)
        ]
        if pages:
            nav.append({heading: pages})
    nav.append({"Library": ["library/index.md", *(f"library/{folder.name}.md" for folder in folders())]})
    return [*nav, {"Reference": [{title: place} for place, title in REFERENCE.items()]}]
