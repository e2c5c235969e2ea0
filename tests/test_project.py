"""The frame of the project: what lies where, who imports whom, what is pinned, and what no file may say or do."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from importlinter.cli import lint_imports

from harness.library import find_scenarios, library_path
from tests.purity import impurities

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("harness", "reference_server", "fake_fdl_nodes")

TOP_LEVEL = {
    *PACKAGES,
    "scenarios",
    "tests",
    "docs",
    "benchmarks",
    "conftest.py",
    "tox.ini",
    "pyproject.toml",
    "Makefile",
    "mkdocs.yml",
    "README.md",
    "CHANGELOG.md",
}


def _ours() -> list[Path]:
    """Return the files of the project, without what tools leave behind, in order."""
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split()]

    def kept(path: Path) -> bool:
        parts = path.relative_to(ROOT).parts
        return parts[0] != ".git" and not any(fnmatch(part, each) for part in parts for each in ignored)

    return [path for path in sorted(ROOT.rglob("*")) if kept(path) and path.is_file()]


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


# What lies where.


def test_the_top_level_is_what_it_should_be() -> None:
    seen = {path.relative_to(ROOT).parts[0] for path in _ours()}
    # Hidden folders are an editor's or a tool's, except the two that are ours.
    visible = {name for name in seen if not name.startswith(".")}
    assert visible == TOP_LEVEL
    assert {".ci", ".gitignore"} <= seen


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_typed_and_says_what_it_is_for(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
    for module in sorted((ROOT / package).rglob("*.py")):
        assert module.read_text(encoding="utf-8").startswith('"""'), f"{module} opens without a docstring"


def test_the_command_and_the_plugin_are_installed() -> None:
    (command,) = entry_points(group="console_scripts", name="fdl-harness")
    (plugin,) = entry_points(group="pytest11", name="fdl_harness")
    assert (command.value, plugin.value) == ("harness.cli:main", "harness.plugin")


# Who imports whom.


def test_the_import_contracts_hold(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", [*sys.path])
    status = lint_imports(config_filename="pyproject.toml", no_cache=True, no_logo=True)
    assert status == 0, capfd.readouterr().out


# What is pinned.


PINNED = ("bench.txt", "constraints.txt", "mutants.txt", "netns-build.txt", "netns.txt", "site.txt")


def _pins(file: str = "constraints.txt") -> dict[str, str]:
    """Return the pinned requirements, by name: each with its version and hashes."""
    text = (ROOT / ".ci" / file).read_text(encoding="utf-8").replace("\\\n", " ")
    return {re.split(r"[=\s]", line)[0]: line for line in text.splitlines() if line and not line.startswith("#")}


@pytest.mark.parametrize("file", PINNED)
def test_everything_is_pinned_by_version_and_hash_and_nothing_else_is_said(file: str) -> None:
    assert _pins(file)
    for name, line in _pins(file).items():
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][^\s;]*(\s*;[^-]*)?(\s+--hash=sha256:[0-9a-f]{64})+\s*", line), name


def test_every_dependency_is_pinned() -> None:
    project = _project()
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for extra in project["project"]["optional-dependencies"].values():
        wanted += extra
    names = {re.split(r"[\[<>=~ ]", each)[0] for each in wanted} - {project["project"]["name"]}
    assert sorted(names - _pins().keys()) == []


def test_what_has_to_be_compiled_is_pinned_by_itself() -> None:
    # Without a compiler and the headers, everything but `make wires` still goes.
    assert list(_pins("netns.txt")) == ["netfilterqueue"]
    assert "netfilterqueue" not in _pins()


@pytest.mark.parametrize(
    ("file", "needed"), [("bench.txt", "salabim"), ("mutants.txt", "mutmut"), ("site.txt", "mkdocs-material")]
)
def test_what_only_one_command_needs_is_pinned_beside_the_rest(file: str, needed: str) -> None:
    rest, pins = _pins(), _pins(file)
    assert needed in pins.keys() - rest.keys()
    # Both are installed into one environment.
    assert [name for name in pins if name in rest and pins[name].split()[0] != rest[name].split()[0]] == []


def test_what_is_carried_of_others_is_what_they_published() -> None:
    record = tomllib.loads((ROOT / ".ci" / "vendor" / "vendored.toml").read_text(encoding="utf-8"))
    found = {name: sha256((ROOT / name).read_bytes()).hexdigest() for name in record["sha256"]}
    assert found == record["sha256"]
    carried = [str(path.relative_to(ROOT)) for path in _ours() if path.name.endswith(".min.js")]
    assert sorted(carried) == sorted(found)


def test_a_wheel_carries_the_library(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    ZipFile(wheel).extractall(installed)
    # -P and the explicit path: what answers is the wheel, wherever the tests are run.
    ask = f"import sys; sys.path.insert(0, {str(installed)!r}); from harness.library import *; print(library_path())"
    asked = subprocess.run([sys.executable, "-P", "-c", ask], cwd=tmp_path, capture_output=True, text=True)
    found = Path(asked.stdout.strip())
    assert found == installed / "harness" / "scenarios", asked.stderr
    assert [path.relative_to(found) for path in find_scenarios(found)] == [
        path.relative_to(library_path()) for path in find_scenarios(library_path())
    ]


# What no file says.

#: Spelled so that this file does not say it either.
UNSAID = {
    "a registry's address": r"py" + r"pi\.org|python" + r"hosted|registry\.npm" + r"js|deb\.deb" + r"ian\.org",
    "an option that names a registry": r"(?i)(?<!no-emit-)(index[-_]url|find[-_]links|trusted[-_]host)",
    "a path of one machine": r"(?<![\w.])/(work|opt|root|home|mnt|tmp|srv)/\w",
}


@pytest.mark.parametrize("what", UNSAID)
def test_no_file_names(what: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in _ours()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if re.search(UNSAID[what], line)
    ]
    assert found == []


# What no module does.


#: The programs that live on a real machine, with its clocks, files and sockets; what checks them or puts others in its
#: place, the wire between hosts of the kernel, which waits for the kernel, and the command that opens a console, whose
#: token is drawn and whose cursor runs by the clock of the machine.
REAL = (
    "reference_server/machine",
    "reference_server/issuer",
    "reference_server/program",
    "fake_fdl_nodes/program",
    "harness/cli/console.py",
    "harness/facts",
    "harness/systems/ambient.py",
    "harness/wires/installed.py",
    "harness/wires/netns.py",
)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_run_depends_on_its_scenario_alone(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{what}"
        for path in sorted((ROOT / package).rglob("*.py"))
        if not any(path.is_relative_to(ROOT / folder) for folder in REAL)
        for what in impurities(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import time\ntime.time()", "2: time.time"),
        ("import time as t\nt.monotonic_ns()", "2: time.monotonic_ns"),
        ("from time import perf_counter\nperf_counter()", "2: time.perf_counter"),
        ("from time import sleep as pause\npause(1)", "2: time.sleep"),
        ("from datetime import datetime\ndatetime.now()", "2: datetime.datetime.now"),
        ("import datetime\ndatetime.date.today()", "2: datetime.date.today"),
        ("import random\nrandom.random()", "2: random.random"),
        ("from random import shuffle\nshuffle(x)", "2: random.shuffle"),
        ("import uuid\nuuid.uuid4()", "2: uuid.uuid4"),
        ("import os\nos.urandom(8)", "2: os.urandom"),
        ("key = id(node)", "1: id()"),
        ("key = hash(node)", "1: hash()"),
        ("for p in folder.iterdir(): pass", "1: iterdir() in the directory's order"),
        ("files = list(folder.rglob('*'))", "1: rglob() in the directory's order"),
        ("for x in {1, 2}: pass", "1: a set's order decides"),
        ("y = [x for x in set(z)]", "1: a set's order decides"),
        ("y = list({x for x in z})", "1: a set's order decides"),
        ("y = ', '.join(frozenset(z))", "1: a set's order decides"),
        ("y = [*{1, 2}]", "1: a set's order decides"),
        ("def f(z):\n    seen = set(z)\n    return tuple(seen)", "3: a set's order decides"),
        ("def f(z):\n    seen: set[int] = set()\n    for x in seen | {1}: pass", "3: a set's order decides"),
        ("for x in {1}.union(z): pass", "1: a set's order decides"),
    ],
)
def test_the_scan_finds(source: str, what: str) -> None:
    assert impurities(source) == [what]


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\ndatetime(2026, 3, 1)",
        "from random import Random\ndraw = Random(7)",
        "def time(): pass\ntime()",
        "for x in sorted({1, 2}): pass",
        "files = sorted(folder.rglob('*'))",
        "n = len({x for x in {1, 2}})",
        "n = sum(x for x in {1, 2})",
        "if x in {1, 2}: pass",
        "def f(z):\n    seen = set()\n    seen = list(z)\n    for x in seen: pass",
        "def f():\n    seen = {1}\n\ndef g(seen):\n    for x in seen: pass",
    ],
)
def test_the_scan_leaves_alone(source: str) -> None:
    assert impurities(source) == []
