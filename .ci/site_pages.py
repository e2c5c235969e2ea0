"""The pages of the site that are generated, each as markdown: what the code knows better than a page in docs/ could."""

from __future__ import annotations

import io
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from site_links import for_site, relative, target_of

from harness.facts import FACTS, about
from harness.rulebook.catalogue import BINDS, Entry, catalogue
from harness.scenario_file import schema
from reference_server.readings import LITERAL, READINGS

ROOT = Path(__file__).resolve().parent.parent


def generated() -> dict[str, str]:
    """Return the generated pages, by their place on the site."""
    pages: dict[str, Callable[[], str]] = {
        "index.md": lambda: _from_clone("README.md", "index.md"),
        "changelog.md": changelog,
        "reference/rules.md": rule_book,
        "reference/readings.md": readings,
        "reference/scenario.md": scenario_format,
        "reference/commands.md": commands,
        "library/index.md": lambda: _from_clone("scenarios/README.md", "library/index.md"),
    }
    made = {place: make() for place, make in pages.items()} | dict(library())
    return {place: _head(place) + text for place, text in made.items()}


def _head(place: str) -> str:
    """Return what mkdocs is told of a page: how far up a search finds it, what defines a word before what uses it."""
    boost = {"reference": 4, "library": 0.2}.get(place.partition("/")[0], 1)
    # The first page has nothing beside it.
    hidden = "hide: [navigation]\n" if place == "index.md" else ""
    return f"---\n{hidden}search:\n  boost: {boost}\n---\n\n"


def _from_clone(source: str, place: str) -> str:
    return for_site((ROOT / source).read_text(encoding="utf-8"), source, place)


def changelog() -> str:
    """Return the changelog, with what the next release brings."""
    fragments = sorted((ROOT / "docs" / "changes").glob("*.md"), key=lambda file: int(file.name.split(".")[0]))
    news = "\n\n".join(file.read_text(encoding="utf-8").strip() for file in reversed(fragments))
    released = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("<!-- towncrier")[2].partition("-->")[2]
    text = f"# Changelog\n\nWhat changed for users, newest first.\n\n## The next release\n\n{news}\n{released}"
    return for_site(text, "CHANGELOG.md", "changelog.md")


def rule_book() -> str:
    """Return a section for each entry of the catalogue."""
    covered = json.loads((ROOT / "tests" / "coverage.json").read_text(encoding="utf-8"))["filled"]
    exercised = _exercised()
    parts = [
        f"# The rules\n\nAll {len(catalogue())} entries of the rule book, in the order of the document: what it states "
        "in our words, where, whom it binds, what is right where it errs, how it is judged, and what the "
        "[library](../library/index.md) covers of it. [The rule book](../rules.md) tells what the words mean, "
        "`fdl-harness rules ID` shows an entry in the terminal.\n"
    ]
    for rule, entry in catalogue().items():
        parts.append(f"## {rule}: {entry.place} {{ #{rule.lower()} }}\n\n{entry.text}\n")
        parts.append("\n".join(f"- **{what}**: {text}" for what, text in _about_rule(entry, covered, exercised)) + "\n")
    return "\n".join(parts)


def _about_rule(
    entry: Entry, covered: Mapping[str, list[str]], exercised: Mapping[str, list[str]]
) -> Iterator[tuple[str, str]]:
    yield "Binds", ", ".join(BINDS[each] for each in entry.binds)
    if entry.correction:
        yield "Corrected", entry.correction
    if entry.judged:
        yield "Judged in the simulation", entry.test
    if entry.boundary:
        yield "Boundary", entry.boundary
    if entry.id in FACTS:
        yield "Checked against the programs", about(entry.id)
    if entry.program:
        yield "The programs", entry.program
    if entry.id in covered:
        yield "Covered", _covered(covered[entry.id], entry)
    if files := exercised.get(entry.id):
        links = ", ".join(f"[{Path(file).stem}]({relative(_at(file), 'reference/rules.md')})" for file in files[:5])
        yield "Exercised by", links if len(files) <= 5 else f"{len(files)} scenarios, such as {links}"


def _covered(cells: list[str], entry: Entry) -> str:
    asked = {"reached": "put to the test", "caught": "catches planted bugs"}
    parts = [words if cell in cells else f"not {words}" for cell, words in asked.items()]
    if entry.boundary:
        sides = [side for side in ("below", "at", "above") if side in cells]
        parts.insert(1, f"{' and '.join(', '.join(sides).rsplit(', ', 1)) or 'nowhere near'} its boundary")
    return ", ".join(parts)


def readings() -> str:
    """Return the readings, and the answers in which each differs."""
    fields = [name for name in LITERAL.__dataclass_fields__ if name not in ("name", "summary")]
    source = (ROOT / "reference_server" / "readings.py").read_text(encoding="utf-8")
    parts = [
        "# The readings\n\nA reading is a set of answers to what the document leaves open. "
        "[The readings, told](../readings.md), has a story for each and what it makes of an outage.\n",
        "## By reading\n",
    ]
    for name, reading in READINGS.items():
        differs = [f"`{each}`" for each in fields if getattr(reading, each) != getattr(LITERAL, each)]
        parts.append(f"### `{name}`\n\n{reading.summary}\n")
        parts.append(
            f"Differs from `literal` in {', '.join(differs)}; [its story](../readings.md#{name}).\n"
            if differs
            else f"The default, from which the others differ; [its story](../readings.md#{name}).\n"
        )
    parts.append("## By answer\n")
    parts.append("| field | what it answers | `literal` | otherwise |\n|---|---|---|---|")
    for each in fields:
        # What an attribute means stands in the comment above it, which no run can ask for.
        comment = re.search(rf"((?: +#: .*\n| +# .*\n)+) +{each}: ", source)
        said = " ".join(re.findall(r"#:? (.*)", comment[1])) if comment else ""
        default = getattr(LITERAL, each)
        others = [f"`{name}`" for name, reading in READINGS.items() if getattr(reading, each) != default]
        parts.append(f"| `{each}` | {said} | {_value(default)} | {', '.join(others)} |")
    return "\n".join(parts) + "\n"


def scenario_format() -> str:
    """Return every table and every verb of scenario files, with their keys."""
    document = schema()
    tables = document["$defs"]
    found = examples()
    verbs: dict[str, str] = document["properties"]["events"]["items"]["discriminator"]["mapping"]
    parts = [
        "# The scenario format\n\nGenerated from the schema that files are checked by; `fdl-harness schema` prints it "
        "for editors. [Write a scenario](../write.md) tells what a file is like.\n",
        "## The file\n",
        _keys(document, skip=("licence", "server", "network", "nodes", "events", "expect")),
    ]
    for name, many in (("licence", ""), ("server", ""), ("network", ""), ("nodes", "s"), ("expect", "s")):
        table = tables[f"{name.capitalize()}Table"]
        heading = f"[[{name}]]" if many else f"[{name}]"
        parts.append(f"## `{heading}` {{ #{name} }}\n\n{table['description']}\n\n{_keys(table)}")
    parts.append(
        f"## `[[events]]` {{ #events }}\n\nWhat happens: {len(verbs)} verbs. Each has `at`, "
        f"{_lower(tables['ServerAction']['properties']['at']['description'])}\n"
    )
    for verb in sorted(verbs):
        table = tables[verbs[verb].rpartition("/")[2]]
        parts.append(f"### `{verb}` {{ #{verb.replace('.', '-')} }}\n\n{table['description']}\n")
        shown, file = found.get(verb) or (_plainly(verb, table), "")
        if file:
            parts.append(f"As in [{Path(file).stem}]({relative(_at(file), 'reference/scenario.md')}):\n")
        parts.append(f"```toml\n{shown}```\n")
        parts.append(_keys(table, skip=("at", "do")))
    return "\n".join(parts)


def _plainly(verb: str, table: Mapping[str, Any]) -> str:
    """Return an event with what the verb needs: the library leaves some of those out that only undo something."""
    values = {"at": "2d", "do": verb}
    for key in table["required"]:
        values.setdefault(key, table["properties"][key].get("examples", [""])[0])
    return "[[events]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())


def _keys(table: Mapping[str, Any], skip: tuple[str, ...] = ()) -> str:
    """Return a row for each key of a table of the schema."""
    rows = []
    for key, about_key in table["properties"].items():
        if key in skip:
            continue
        needed = "needed" if key in table.get("required", ()) else ""
        default = f"`{_toml(about_key['default'])}`" if "default" in about_key else needed
        rows.append(f"| `{key}` | {_cell(about_key.get('description', ''))} | {_kind(about_key)} | {default} |")
    if not rows:
        return ""
    notes = "".join(f"\n{note}\n" for note in _together(table))
    return "\n".join(["| key | what | value | default |", "|---|---|---|---|", *rows, notes])


def _together(table: Mapping[str, Any]) -> Iterator[str]:
    """Say which keys need or exclude one another."""

    def named(part: Mapping[str, Any]) -> str:
        return " with ".join(f"`{key}`" for key in part["required"])

    if "oneOf" in table:
        yield f"Exactly one of: {', '.join(map(named, table['oneOf']))}."
    if "anyOf" in table:
        yield f"At least one of: {', '.join(map(named, table['anyOf']))}."
    if "not" in table and "required" in table["not"]:
        yield f"Not together: {', '.join(f'`{key}`' for key in table['not']['required'])}."
    for key, others in table.get("dependentRequired", {}).items():
        yield f"`{key}` needs {', '.join(f'`{each}`' for each in others)}."


def _kind(about_key: Mapping[str, Any]) -> str:
    """Return what may stand there, in words."""
    if "enum" in about_key:
        return ", ".join(f"`{_toml(each)}`" for each in about_key["enum"])
    if "const" in about_key:
        return f"`{_toml(about_key['const'])}`"
    if "anyOf" in about_key:
        return " or ".join(_kind(each) for each in about_key["anyOf"])
    kind = about_key.get("type", "")
    if kind == "array":
        return f"list of: {_kind(about_key['items'])}"
    words = " or ".join([kind] if isinstance(kind, str) else kind)
    if "minimum" in about_key and "maximum" in about_key:
        words += f", {about_key['minimum']:,} to {about_key['maximum']:,}"
    elif "minimum" in about_key:
        words += f", from {about_key['minimum']:,}"
    if about_key.get("examples"):
        words += f", such as {', '.join(f'`{_toml(each)}`' for each in about_key['examples'])}"
    return words


def examples() -> dict[str, tuple[str, str]]:
    """Return for each verb the event of the library that says most, as its file writes it, and that file."""
    best: dict[str, tuple[str, str]] = {}
    for file in _scenarios():
        for block in re.findall(r"^\[\[events\]\]\n(?:[^\s\[].*\n?)+", file.read_text(encoding="utf-8"), re.MULTILINE):
            verb = tomllib.loads(block)["events"][0]["do"]
            if verb not in best or block.count("\n") > best[verb][0].count("\n"):
                best[verb] = (block, file.relative_to(ROOT).as_posix())
    return best


def commands() -> str:
    """Return the help of every command, of the harness and of the programs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    parts = ["# The commands\n\nWhat `--help` prints, of the harness and of the programs that it comes with.\n"]
    for name, place in project["scripts"].items():
        module, _, function = place.partition(":")
        for path, text in helps(getattr(import_module(module), function), name):
            level = "##" if " " not in path else "###"
            parts.append(f"{level} `{path}` {{ #{path.replace(' ', '-')} }}\n\n```text\n{text.strip()}\n```\n")
    return "\n".join(parts)


def helps(main: click.Command | Callable[[list[str]], None], name: str) -> Iterator[tuple[str, str]]:
    """Yield each command that the program ``name`` has, with what its help prints."""
    if isinstance(main, click.Command):
        for path, command, context in _walk(main, name, None):
            yield path, command.get_help(context)
    else:
        # fdl-server reads its options as the document prints them, and tells them itself.
        printed = io.StringIO()
        with redirect_stdout(printed), suppress(SystemExit):
            main(["-language", "en", "-help"])
        yield name, printed.getvalue()


def _walk(
    command: click.Command, path: str, parent: click.Context | None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    name = path.rpartition(" ")[2]
    context = click.Context(command, info_name=name, parent=parent, terminal_width=100, max_content_width=100)
    yield path, command, context
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from _walk(found, f"{path} {each}", context)


def library() -> Iterator[tuple[str, str]]:
    """Yield a page for each folder of the library, with its scenarios."""
    for folder in folders():
        parts = [f"# {folder.name.replace('_', ' ').capitalize()}\n"]
        for file in sorted(folder.glob("*.toml")):
            text = file.read_text(encoding="utf-8")
            title = tomllib.loads(text)["title"]
            parts.append(f"## {title} {{ #{file.stem} }}\n")
            parts.append(f'```toml title="{file.relative_to(ROOT).as_posix()}"\n{text.rstrip()}\n```\n')
        yield f"library/{folder.name}.md", "\n".join(parts)


def folders() -> list[Path]:
    return sorted(folder for folder in (ROOT / "scenarios").iterdir() if folder.is_dir() and any(folder.glob("*.toml")))


def _scenarios() -> list[Path]:
    return [file for folder in folders() for file in sorted(folder.glob("*.toml"))]


def _exercised() -> dict[str, list[str]]:
    """Return the scenarios that name each rule."""
    found: dict[str, list[str]] = {}
    for file in _scenarios():
        for rule in tomllib.loads(file.read_text(encoding="utf-8")).get("rules", ()):
            found.setdefault(rule, []).append(file.relative_to(ROOT).as_posix())
    return found


def _at(file: str) -> str:
    there = target_of(file, "README.md")
    assert there is not None
    return there


def _toml(value: Any) -> str:
    # What a schema has for values is written alike in JSON and in TOML.
    return json.dumps(value, ensure_ascii=False)


def _value(value: bool) -> str:
    return "yes" if value else "no"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
