"""A scenario as the text of a scenario file, as a person would write it.

What the file holds is the matter of `harness.scenario_file.content`; here it becomes TOML. Of TOML only that is written
which scenario files have: keys with texts, numbers, truths, dates and flat lists, in tables and lists of tables.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from harness.scenario import Scenario
from harness.scenario_file.content import content_of

__all__ = ["printed", "written"]

_WIDTH = 130


def printed(scenario: Scenario, *, comment: str = "") -> str:
    """Return the text of a scenario file that means ``scenario``; `harness.scenario_file.loads` is the inverse.

    Where things stood in the file that it came from is lost. ``comment`` is put at the top, line by line.

    :raises Unprintable: if no file can express it.
    """
    return written(content_of(scenario), comment=comment)


def written(content: Mapping[str, Any], *, comment: str = "") -> str:
    """Return the text of a scenario file that holds ``content``, Python values as `from_mapping` takes them.

    ``comment`` is put at the top, line by line. An empty list of tables is left out.
    """
    content = {key: value for key, value in content.items() if value != []}
    blocks = []
    if comment:
        blocks.append([f"# {_printable(line)}".rstrip() for line in comment.splitlines()])
    blocks.append(list(_lines({key: value for key, value in content.items() if not _is_tables(value)})))
    for name, value in content.items():
        if isinstance(value, dict):
            blocks.append([f"[{name}]", *_lines(value)])
        elif _is_tables(value):
            blocks += [[f"[[{name}]]", *_lines(table)] for table in value]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _printable(line: str) -> str:
    """Return ``line`` without what may not stand in a comment."""
    return "".join(each if each.isprintable() else "?" for each in line)


def _is_tables(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _lines(table: dict[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        line = f"{key} = {_value(value)}"
        if isinstance(value, list) and len(line) > _WIDTH:
            yield f"{key} = ["
            yield from _wrapped([_value(each) for each in value])
            yield "]"
        else:
            yield line


def _wrapped(items: list[str]) -> Iterator[str]:
    """Yield the items of a list in as few lines as they fit in."""
    line = ""
    for item in items:
        if line and len(line) + len(item) + 2 > _WIDTH:
            yield line
            line = ""
        line += f"{' ' if line else '    '}{item},"
    yield line


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # TOML's basic strings, as long as all of it is printable.
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    assert isinstance(value, int | float), "what a scenario file holds is one of these"
    return repr(value)
