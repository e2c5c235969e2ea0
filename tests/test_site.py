"""The pages of the site that are generated have everything, and what they say of links and examples is true.

Nothing here needs mkdocs: `make site` builds the site, and fails where a link leads nowhere.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from harness.cli import main
from harness.facts import FACTS
from harness.rulebook import JUDGES, catalogue
from harness.scenario_file import schema
from reference_server.readings import LITERAL, READINGS

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    """What mkdocs would call: .ci/site.py, which stands in no package, with what it imports from beside it."""
    before, sys.path[:0] = [*sys.path], [str(ROOT / ".ci")]
    try:
        spec = spec_from_file_location("fdl_site", ROOT / ".ci" / "site.py")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
    return module


@pytest.fixture(scope="module")
def pages(hooks: ModuleType) -> dict[str, str]:
    made: dict[str, str] = hooks.generated()
    return made


def _sections(page: str, level: str) -> dict[str, str]:
    """Return what stands under each heading of this level, by its anchor."""
    return dict(re.findall(rf"^{level} .*\{{ #([\w-]+) \}}\n((?:(?!#+ ).*\n?)*)", page, re.MULTILINE))


# What is generated.


def test_every_rule_has_its_section(pages: dict[str, str]) -> None:
    sections = _sections(pages["reference/rules.md"], "##")
    assert list(sections) == [rule.lower() for rule in catalogue()]
    for rule, entry in catalogue().items():
        section = sections[rule.lower()]
        assert entry.text in section
        assert f": {entry.place} {{ #{rule.lower()} }}" in pages["reference/rules.md"]
        said = ("Judged in the simulation", "Boundary", "Corrected", "Checked against the programs")
        wanted = (rule in JUDGES, bool(entry.boundary), bool(entry.correction), rule in FACTS)
        assert [f"**{what}**" in section for what in said] == [*wanted], rule


def test_a_rule_says_what_is_covered_and_by_what(pages: dict[str, str]) -> None:
    sections = _sections(pages["reference/rules.md"], "##")
    # Its boundary is reached on all sides, and scenarios of server_stops name it (tests/coverage.json, the library).
    assert "put to the test, below, at and above its boundary, catches planted bugs" in sections["r033"]
    assert re.search(r"Exercised by\*\*: \d+ scenarios, such as \[\w+\]\(\.\./library/\w+\.md#\w+\)", sections["r033"])
    # R109 has no boundary.
    assert "put to the test, catches planted bugs" in sections["r109"]


def test_every_verb_has_its_section_with_its_keys(pages: dict[str, str]) -> None:
    events = schema()["properties"]["events"]["items"]["discriminator"]["mapping"]
    sections = _sections(pages["reference/scenario.md"], "###")
    assert sorted(sections) == sorted(verb.replace(".", "-") for verb in events)
    for verb, place in events.items():
        table = schema()["$defs"][place.rpartition("/")[2]]
        section = sections[verb.replace(".", "-")]
        assert table["description"] in section
        assert re.findall(r"^\| `(\w+)`", section, re.MULTILINE) == [
            key for key in table["properties"] if key not in ("at", "do")
        ]


def test_every_table_has_its_section_with_its_keys(pages: dict[str, str]) -> None:
    sections = _sections(pages["reference/scenario.md"], "##")
    assert list(sections) == ["licence", "server", "network", "nodes", "expect", "events"]
    for name in ("licence", "server", "network", "nodes", "expect"):
        keys = re.findall(r"^\| `(\w+)`", sections[name], re.MULTILINE)
        assert keys == list(schema()["$defs"][f"{name.capitalize()}Table"]["properties"])


#: What undoes something is mostly left to `lasts`.
WITHOUT_LIBRARY = {"disk-clear", "forward-remove", "identity-restore", "licence-resume", "node-resume"}


def test_every_verb_has_an_example_from_the_library(pages: dict[str, str]) -> None:
    sections = _sections(pages["reference/scenario.md"], "###")
    for section, text in sections.items():
        (shown,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
        (event,) = tomllib.loads(shown)["events"]
        assert event["do"].replace(".", "-") == section
        assert all(event.values())
        if section in WITHOUT_LIBRARY:
            continue
        (folder, name) = re.findall(r"\]\(\.\./library/(\w+)\.md#(\w+)\)", text)[0]
        events = tomllib.loads((ROOT / "scenarios" / folder / f"{name}.toml").read_text(encoding="utf-8"))["events"]
        assert event in events


def test_every_command_has_its_section(pages: dict[str, str]) -> None:
    page = pages["reference/commands.md"]
    found = re.findall(r"^#+ `(.+)` \{ #", page, re.MULTILINE)

    def commands(command: click.Command, path: str) -> list[str]:
        below = command.commands if isinstance(command, click.Group) else {}
        return [path, *(each for name, sub in below.items() for each in commands(sub, f"{path} {name}"))]

    assert sorted(each for each in found if each.split()[0] == "fdl-harness") == sorted(commands(main, "fdl-harness"))
    assert {each.split()[0] for each in found} == {"fdl-harness", "fdl-issuer", "fdl-machine", "fdl-node", "fdl-server"}
    # fdl-server tells its options itself.
    assert "-destroy" in _sections(page, "##")["fdl-server"]
    assert "--junit" in _sections(page, "###")["fdl-harness-run"]


def test_every_answer_of_a_reading_is_told(pages: dict[str, str]) -> None:
    page = pages["reference/readings.md"]
    assert re.findall(r"^### `(.+)`$", page, re.MULTILINE) == list(READINGS)
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (yes|no) \| (.*) \|$", page, re.MULTILINE)
    fields = [each for each in LITERAL.__dataclass_fields__ if each not in ("name", "summary")]
    assert [row[0] for row in rows] == fields
    # Each says which question it answers, and each is answered otherwise by somebody.
    assert [row[0] for row in rows if not re.match(r"Q\d\d", row[1]) or not row[3]] == []
    assert ("downtime_is_silence", "yes", "`revive`") in [(row[0], row[2], row[3]) for row in rows]


def test_the_library_has_every_scenario(pages: dict[str, str]) -> None:
    for file in sorted((ROOT / "scenarios").rglob("*.toml")):
        place = f"library/{file.parent.name}.md"
        assert f"{{ #{file.stem} }}\n" in pages[place], file
        assert file.read_text(encoding="utf-8").strip() in pages[place], file


def test_the_news_of_the_next_release_are_in_the_changelog(pages: dict[str, str]) -> None:
    assert "## The next release" in pages["changelog.md"]
    for fragment in (ROOT / "docs" / "changes").glob("*.md"):
        opening = fragment.read_text(encoding="utf-8").split("[")[0].strip()[:40]
        assert opening in pages["changelog.md"]


# The navigation.


def test_every_page_has_one_place_in_the_navigation(hooks: ModuleType, pages: dict[str, str]) -> None:
    def places(part: Any) -> list[str]:
        if isinstance(part, str):
            return [part]
        return [place for each in (part.values() if isinstance(part, dict) else part) for place in places(each)]

    listed = places(hooks.navigation((ROOT / "README.md").read_text(encoding="utf-8")))
    wanted = [*pages, *(page.name for page in (ROOT / "docs").glob("*.md"))]
    assert sorted(listed) == sorted(wanted)


def test_what_leads_to_the_full_pages_leads_there(hooks: ModuleType, pages: dict[str, str]) -> None:
    for page, text in hooks.FULL.items():
        assert (ROOT / "docs" / page).exists()
        assert re.findall(r"\]\(([^)]+)\)", text)[0] in pages


# Links and fences.


@pytest.mark.parametrize(
    ("text", "source", "place", "becomes"),
    [
        # In docs/ nothing changes.
        ("[a](run.md#options)", "docs/x.md", "x.md", "[a](run.md#options)"),
        ("[a](#options)", "docs/x.md", "x.md", "[a](x.md#options)"),
        ("![a](images/timeline.png)", "docs/x.md", "x.md", "![a](images/timeline.png)"),
        # From elsewhere, and to elsewhere.
        ("[a](docs/run.md)", "README.md", "index.md", "[a](run.md)"),
        ("![a](docs/images/picture.png)", "README.md", "index.md", "![a](images/picture.png)"),
        (
            '<picture>\n  <source media="(x)" srcset="docs/images/b.png">\n'
            '  <img alt="a" src="docs/images/a.png">\n</picture>',
            "README.md",
            "index.md",
            "![a](images/a.png#only-light)\n![a](images/b.png#only-dark)",
        ),
        ("[a](../README.md)", "docs/x.md", "x.md", "[a](index.md)"),
        ("[a](CHANGELOG.md)", "README.md", "index.md", "[a](changelog.md)"),
        ("[a](scenarios)", "README.md", "index.md", "[a](library/index.md)"),
        ("[a](moves/dhcp.toml)", "scenarios/README.md", "library/index.md", "[a](moves.md#dhcp)"),
        # What the site does not have is named.
        ("[a](../.ci/run)", "docs/x.md", "x.md", "a (`.ci/run`)"),
        # Rules, but not in code, in links or in headings.
        ("by R034.", "docs/x.md", "x.md", "by [R034](reference/rules.md#r034)."),
        ("by R034.", "scenarios/README.md", "library/index.md", "by [R034](../reference/rules.md#r034)."),
        ("`rules R034`, [R034](x.md), R130", "docs/x.md", "x.md", "`rules R034`, [R034](x.md), R130"),
        ("# About R034", "docs/x.md", "x.md", "# About R034"),
        # Fences say more in the clone than a highlighter understands, and nothing in them is changed.
        ("```console exit=1\n$ [a](b.md) R034\n```", "docs/x.md", "x.md", "```console\n$ [a](b.md) R034\n```"),
        ("```csv sunday.csv\nx\n```", "docs/x.md", "x.md", '```csv title="sunday.csv"\nx\n```'),
        ("```toml\n# a.toml\nx = 1\n```", "docs/x.md", "x.md", '```toml title="a.toml"\n# a.toml\nx = 1\n```'),
        ("```python\n# a comment.\n```", "docs/x.md", "x.md", "```python\n# a comment.\n```"),
    ],
)
def test_a_page_says_on_the_site_what_it_says_in_the_clone(
    hooks: ModuleType, text: str, source: str, place: str, becomes: str
) -> None:
    assert hooks.for_site(text, source, place) == becomes


@pytest.mark.parametrize(
    ("html", "loads"),
    [
        ('<script src="https://cdn.example/x.js"></script>', ["https://cdn.example/x.js"]),
        ('<link rel="stylesheet" href="//fonts.example/css">', ["//fonts.example/css"]),
        ("<img src='http://example.com/a.png'>", ["http://example.com/a.png"]),
        ("<style>a { background: url(https://example.com/b.png) }</style>", ["https://example.com/b.png"]),
        ("<style>@import 'https://example.com/c.css'</style>", ["https://example.com/c.css"]),
        # What is followed, not loaded; what is here; what is no address.
        ('<a href="https://example.com">x</a><link rel="canonical" href="https://example.com/x">', []),
        ('<script src="assets/x.js"></script><link href="../a.css"><img src="data:image/png;base64,//x">', []),
        ('<svg xmlns="http://www.w3.org/2000/svg"></svg>', []),
    ],
)
def test_what_a_page_loads_from_outside_is_found(hooks: ModuleType, html: str, loads: list[str]) -> None:
    assert hooks.outside(html) == loads
