"""The library's own page: each edge case by its number, each file in the table of its folder."""

from __future__ import annotations

import re
import tomllib
from itertools import takewhile
from pathlib import Path

import pytest

from harness.library import find_scenarios, library_path

ROOT = Path(__file__).resolve().parent.parent.parent
LIBRARY = library_path()
PAGE = (LIBRARY / "README.md").read_text(encoding="utf-8")
#: Cases that no file shows yet.
TO_COME = {"E23"}


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split(" |")]


#: Where each case is shown: the last cell of its row.
CASES = {cells[0]: cells[-1] for cells in map(_cells, re.findall(r"^\| E\d\d \|.*$", PAGE, re.MULTILINE))}
#: The row of each file in the table of its folder, by the path in the library.
FILES = {
    found[1]: _cells(found[0]) for found in re.finditer(r"^\| \[[^]]+\]\((\w+/\w+\.toml)\) \|.*$", PAGE, re.MULTILINE)
}
PATHS = [str(path.relative_to(LIBRARY)) for path in find_scenarios(LIBRARY)]


def _linked(text: str) -> list[str]:
    return re.findall(r"\]\(([^)]+)\)", text)


def _comment(path: str) -> str:
    """Return the comment that a file opens with."""
    lines = (LIBRARY / path).read_text(encoding="utf-8").splitlines()
    return "\n".join(takewhile(lambda line: line.startswith("#"), lines))


def test_all_edge_cases_are_on_the_page_in_order() -> None:
    assert list(CASES) == [f"E{number:02}" for number in range(1, 45)]


@pytest.mark.parametrize("case", CASES)
def test_a_case_names_where_it_is_shown(case: str) -> None:
    named = _linked(CASES[case])
    elsewhere = re.findall(r"`(tests/[^`]+)`", CASES[case])
    assert bool(named or elsewhere) != (case in TO_COME)
    assert [path for path in named if not (LIBRARY / path).is_file()] == []
    assert [path for path in elsewhere if not (ROOT / path).exists()] == []


def test_the_page_has_every_file_once() -> None:
    rows = re.findall(r"^\| \[[^]]+\]\((\w+/\w+\.toml)\) \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_a_file_and_the_page_name_the_same_cases_and_rules(path: str) -> None:
    *_, cases, rules = FILES[path]
    named = [case for case in CASES if path in _linked(CASES[case])]
    assert sorted(re.findall(r"E\d\d", cases)) == named
    assert sorted(set(re.findall(r"\bE\d\d\b", _comment(path)))) == named
    assert rules.split() == sorted(tomllib.loads((LIBRARY / path).read_text(encoding="utf-8"))["rules"])


@pytest.mark.parametrize("path", PATHS)
def test_a_file_derives_what_it_expects(path: str) -> None:
    assert _comment(path)
    assert all(len(line) <= 140 for line in (LIBRARY / path).read_text(encoding="utf-8").splitlines())
