"""What a page of the clone says, as the site says it: fences, links, and rules that lead to the rule book."""

from __future__ import annotations

import posixpath
import re

from harness.rulebook.catalogue import catalogue

#: Where on the site the files stand that are not in docs/, by their place in the clone.
PLACES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "scenarios": "library/index.md",
    "scenarios/README.md": "library/index.md",
}
_FENCED = re.compile(r"^```(?P<info>.*)\n(?P<text>(?:.*\n)*?)```$", re.MULTILINE)
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
#: The README's picture, which follows the reader's system; on the site it follows the switch.
_PICTURE = re.compile(
    r'<picture>\s*<source [^>]*srcset="(?P<dark>[^"]+)">\s*'
    r'<img alt="(?P<alt>[^"]+)" src="(?P<light>[^"]+)">\s*</picture>'
)


def for_site(text: str, source: str, place: str) -> str:
    """Return the markdown of ``source``, a file of the clone, for the page at ``place`` of the site."""
    fences: list[str] = []

    def keep(found: re.Match[str]) -> str:
        fences.append(fence(found["info"].strip(), found["text"]))
        return f"\0{len(fences) - 1}\0"

    text = _FENCED.sub(keep, text)
    text = _PICTURE.sub(r"![\g<alt>](\g<light>#only-light)\n![\g<alt>](\g<dark>#only-dark)", text)
    text = _LINK.sub(lambda found: _led(found, source, place), text)
    text = with_rules(text, place)
    return re.sub(r"\0(\d+)\0", lambda found: fences[int(found[1])], text)


def fence(info: str, text: str) -> str:
    """Return a fenced block: what stands behind its language in the clone is its title on the site, or left out."""
    language, _, more = info.partition(" ")
    if not more and (named := re.match(r"# ([\w.]+\.\w+)\n", text)):
        more = named[1]
    title = f' title="{more}"' if more and "=" not in more else ""
    return f"```{language}{title}\n{text}```"


def with_rules(text: str, place: str) -> str:
    """Return ``text`` with each rule that it names, outside of links, code and headings, linked to the rule book."""
    here = posixpath.relpath("reference/rules.md", posixpath.dirname(place))
    skipped = r"`[^`]*`|\[[^\]]*\]\([^)]*\)|^#.*$"
    return re.sub(
        rf"{skipped}|\b(R\d{{3}})\b",
        lambda found: f"[{found[1]}]({here}#{found[1].lower()})" if found[1] in catalogue() else found[0],
        text,
        flags=re.MULTILINE,
    )


def _led(link: re.Match[str], source: str, place: str) -> str:
    """Return a link, or an image, for the page at ``place``; what the site does not have is only named."""
    there = target_of(link["target"], source)
    if there is None:
        name = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["target"]))
        return f"{link['text']} (`{name}`)"
    return f"{link['image']}[{link['text']}]({relative(there, place)})"


def target_of(target: str, source: str) -> str | None:
    """Return where on the site ``target`` is, which ``source`` names, with its anchor; `None` if nowhere."""
    name, mark, anchor = target.partition("#")
    file = posixpath.normpath(posixpath.join(posixpath.dirname(source), name)) if name else source
    if file in PLACES:
        return PLACES[file] + mark + anchor
    if file.startswith("docs/"):
        return file.removeprefix("docs/") + mark + anchor
    if scenario := re.fullmatch(r"scenarios/(\w+)/(\w+)\.toml", file):
        return f"library/{scenario[1]}.md#{scenario[2]}"
    return None


def relative(there: str, place: str) -> str:
    name, mark, anchor = there.partition("#")
    return posixpath.relpath(name, posixpath.dirname(place)) + mark + anchor
