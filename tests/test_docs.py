"""The documents keep what they promise: links lead somewhere, and what they show is what one gets.

How a page is read: a ``toml`` or ``python`` block whose first line is a comment with a file's name is that file, and so
is a block of data with the file's name on its fence, such as ``csv sunday.csv``, since data has no comments. A
``console`` block shows commands after ``$`` and below each what it prints; ``...`` stands for any lines, or within a
line for any text, spacing and the value of a digest do not matter, and ``console exit=1`` says how the block's commands
end. Commands other than ``fdl-harness`` are not run here.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from harness import WorldBuilder, run
from reference_server.readings import READINGS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


class Block(NamedTuple):
    """A fenced block: the line of its fence, what it says after it, and its text."""

    line: int
    info: str
    text: str


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r"^```(?P<info>.*)\n(?P<text>(?:.*\n)*?)```$", text, re.MULTILINE):
        yield Block(text.count("\n", 0, found.start()) + 1, found["info"].strip(), found["text"])


def _prose(page: Path) -> str:
    return re.sub(r"^```.*\n(?:.*\n)*?```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)


# Links and terms.


def _anchors(page: Path) -> list[str]:
    """Return the anchors of the headings of ``page``: lower case, spaces as hyphens, no other marks."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pages
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"(?:\]\(|src=\"|srcset=\")([^)\s\"]+)", _prose(page)):
        assert not re.match(r"\w+:", target), f"{target}: the documents need nothing from outside"
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), f"{page.name} links to {target}, which is not there"
        assert not anchor or anchor in _anchors(file), f"{page.name} links to {target}, which has no such heading"


def test_the_links_in_the_news_lead_somewhere_from_the_changelog() -> None:
    for fragment in (ROOT / "docs" / "changes").glob("*.md"):
        for target in re.findall(r"\]\(([^)\s#]+)", fragment.read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{fragment.name} links to {target}; the news end up in CHANGELOG.md"


def test_the_readme_links_every_page() -> None:
    readme = PAGES[0].read_text(encoding="utf-8")
    assert [page.name for page in PAGES[1:] if f"](docs/{page.name})" not in readme] == []


def test_the_glossary_has_one_entry_for_each_term() -> None:
    terms = re.findall(r"^- \*\*(.+?)\*\*: ", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(terms) > 40
    assert sorted(set(terms)) == sorted(terms)


# What the pages show.


def _write_files(page: Path, folder: Path) -> list[Path]:
    """Write the files that ``page`` shows into ``folder``, where the library is at hand too."""
    (folder / "scenarios").symlink_to(ROOT / "scenarios")
    files = []
    for block in _blocks(page):
        if block.info in ("toml", "python"):
            name = re.match(r"# ([\w.]+)\n", block.text)
        else:
            name = re.fullmatch(r"(?:csv|json|text) ([\w.]+)", block.info)
        if name:
            file = folder / name[1]
            file.write_text(block.text, encoding="utf-8")
            files.append(file)
    return files


def _commands(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a console block, with the lines below it."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output.splitlines()


def _plain(line: str) -> str:
    return " ".join(re.sub(r"\b[0-9a-f]{12}\b", "DIGEST", line).split())


def _shown_in(shown: list[str], printed: list[str]) -> bool:
    def pattern_of(line: str) -> str:
        return "(?:.*\n)*?" if line.strip() == "..." else re.escape(_plain(line)).replace(r"\.\.\.", ".*") + "\n"

    pattern = "".join(map(pattern_of, shown))
    return re.fullmatch(pattern, "".join(f"{_plain(line)}\n" for line in printed)) is not None


@pages
def test_commands_print_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    _write_files(page, tmp_path)
    for block in _blocks(page):
        language, _, exit_code = block.info.partition(" exit=")
        if language != "console":
            continue
        for command, shown in _commands(block):
            program, *arguments = shlex.split(command)
            if program != "fdl-harness":
                continue
            ended = subprocess.run(
                [sys.executable, "-m", "harness.cli", *arguments],
                cwd=tmp_path,
                env={"PYTHONPATH": str(ROOT), "COLUMNS": "120"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            where = f"{page.name}:{block.line}: $ {command}\n{ended.stdout}"
            assert ended.returncode == int(exit_code or 0), where
            assert _shown_in(shown, ended.stdout.splitlines()), where


@pages
def test_tests_that_a_page_shows_pass(page: Path, tmp_path: Path) -> None:
    tests = [file for file in _write_files(page, tmp_path) if file.match("test_*.py")]
    if not tests:
        return
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, tests)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout


def _jobs(page: Path) -> Iterator[tuple[Block, str, str]]:
    """Yield each job that a page shows in a block of YAML: how it runs the harness, and the folder that it keeps."""
    for block in _blocks(page):
        if not block.info.startswith("yaml "):
            continue
        content = yaml.safe_load(block.text)
        if "jobs" in content:
            (job,) = content["jobs"].values()
            (script,) = [step["run"] for step in job["steps"] if "fdl-harness" in step.get("run", "")]
            (kept,) = [step["with"]["path"] for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
        else:
            (job,) = content.values()
            script = "\n".join(job["script"])
            (kept,) = job["artifacts"]["paths"]
            assert job["artifacts"]["reports"]["junit"] == f"{kept}/results.xml"
        yield block, script, kept


JOBS = [*_jobs(ROOT / "docs" / "ci.md")]


@pytest.mark.parametrize(("block", "script", "kept"), JOBS, ids=[block.info.partition(" ")[2] for block, _, _ in JOBS])
def test_a_job_that_a_page_shows_passes_and_keeps_what_it_says(
    block: Block, script: str, kept: str, tmp_path: Path
) -> None:
    # A project of somebody's own, with scenarios of their own.
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios" / "moves")
    ended = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script.replace("fdl-harness", f"{sys.executable} -m harness.cli")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GITHUB_RUN_NUMBER": "2"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout
    wanted = {"sweep.json"} if "sweep" in block.info else {"results.xml", "pages/index.html"}
    assert wanted <= {path.relative_to(tmp_path / kept).as_posix() for path in (tmp_path / kept).rglob("*")}


# What the pages state.


def _shares() -> list[tuple[str, str, str]]:
    """Return the cells of the table of shares: the reading, the length of the stop, what is stated."""
    text = (ROOT / "docs" / "readings.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    lengths = rows[0][1:]
    return [
        (name.strip("`"), length, cell)
        for name, *cells in rows[2:]
        for length, cell in zip(lengths, cells, strict=True)
    ]


def test_every_reading_has_its_story_and_its_shares() -> None:
    stories = re.findall(r"^## `(.+)`$", (ROOT / "docs" / "readings.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert stories == list(READINGS)
    assert list(dict.fromkeys(reading for reading, _, _ in _shares())) == list(READINGS)


@pytest.mark.parametrize("length", dict.fromkeys(length for _, length, _ in _shares()))
def test_the_shares_are_what_a_run_gives(length: str) -> None:
    counts = {"all": 120, "half": 60, "none": 0, "1 in 120": 1, "119 in 120": 119}
    builder = WorldBuilder()
    builder.licence(capacity=120, addresses=["10.0.0.1 - 10.0.0.120"])
    builder.nodes("minute", count=120, address="10.0.0.1", spread="1m")
    builder.at("1d 1h 30m").server_stop(lasts=length.replace("min", "m").replace(" h", "h").replace(" m", "m"))
    scenario = builder.scenario("4d")
    stated = {reading: counts[cell] for reading, at, cell in _shares() if at == length}
    # Two days after the stop began every node is back or lapsed, and its slot is live or void.
    assert {name: [*run(scenario, READINGS[name]).slots][-1].live for name in stated} == stated


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (["a", "..."], ["a", "b", "c"], True),
        (["...", "c"], ["a", "b", "c"], True),
        (["...", "b"], ["a", "b", "c"], False),
        (["a  b"], ["a b"], True),
        (["a ..."], ["a b c"], True),
        (["a ... c"], ["a b d"], False),
        (["digest 0123456789ab"], ["digest ba9876543210"], True),
        (["1 run: 1 passed"], ["1 run: 0 passed, 1 failed"], False),
        ([], [], True),
    ],
)
def test_the_comparison_itself(shown: list[str], printed: list[str], same: bool) -> None:
    assert _shown_in(shown, printed) is same
