"""The pytest plugin: scenario files are tests, and tests can build worlds.

Plain ``pytest`` collects every TOML file that is a scenario, one item for each reading it is run under
(``--fdl-reading``, or the ini option ``fdl_readings``; else its own), over the wire ``--fdl-wire`` (or ``fdl_wire``).
Two fixtures serve tests in Python: ``world``, a
fresh `harness.builder.WorldBuilder`, and ``run_scenario``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.wires.names import MEMORY, WIRES
from reference_server.readings import READINGS

if TYPE_CHECKING:
    from harness.builder import WorldBuilder
    from harness.runner import Result
    from harness.scenario import Scenario
    from harness.systems import Kind

__all__ = [
    "ScenarioFile",
    "ScenarioItem",
    "pytest_addoption",
    "pytest_collect_file",
    "pytest_configure",
    "run_scenario",
    "world",
]

#: A TOML file with these keys is a scenario; any other TOML file is somebody else's.
_MARKS = ("title", "duration", "nodes")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--fdl-reading``, ``--fdl-server``, ``--fdl-node`` and ``--fdl-wire``, and two ini options of such names."""
    group = parser.getgroup("fdl-harness", "scenarios of FineDataLink licensing")
    group.addoption(
        "--fdl-reading",
        metavar="NAME|all",
        help="run scenario files under this reading, or under all; without it each under its own",
    )
    for what in ("server", "node"):
        group.addoption(
            f"--fdl-{what}",
            metavar="NAME",
            help=f"run scenario files with the {what} that this makes, such as package.module:factory",
        )
    group.addoption("--fdl-wire", metavar="NAME", help="run scenario files over this wire; memory if left out")
    parser.addini("fdl_readings", "the readings under which scenario files are run", type="args", default=[])
    parser.addini("fdl_wire", "the wire over which scenario files are run", type="string", default=MEMORY)


def pytest_configure(config: pytest.Config) -> None:
    """Refuse an unknown reading or wire, and a system under test that is none, before anything is collected."""
    _readings(config)
    _wire(config)
    kinds: tuple[Kind, ...] = ("server", "node")
    for what in kinds:
        name = config.getoption(f"--fdl-{what}")
        if name is not None:
            from harness.problems import Mistake
            from harness.systems import check

            try:
                check(name, what)
            except Mistake as error:
                raise pytest.UsageError(f"--fdl-{what}: {error}") from None


def _wire(config: pytest.Config) -> str:
    name: str = config.getoption("--fdl-wire") or config.getini("fdl_wire")
    if name not in WIRES:
        raise pytest.UsageError(f"no wire is named {name!r}; there are {', '.join(WIRES)}")
    return name


def _readings(config: pytest.Config) -> list[str]:
    chosen = config.getoption("--fdl-reading")
    names: list[str] = [chosen] if chosen else config.getini("fdl_readings")
    if names == ["all"]:
        return list(READINGS)
    for name in names:
        if name not in READINGS:
            raise pytest.UsageError(f"no reading is named {name!r}; there are {', '.join(READINGS)}, or all")
    return names


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """Collect ``file_path`` if it is a scenario."""
    if file_path.suffix != ".toml":
        return None
    try:
        text = file_path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return None
    if not _is_scenario(text):
        return None
    collected: ScenarioFile = ScenarioFile.from_parent(parent, path=file_path)
    return collected


def _is_scenario(text: str) -> bool:
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError):
        # A scenario with a slip in its TOML has to fail; it must not vanish from the suite.
        return all(re.search(rf"^(\[\[)?{key}\b", text, re.MULTILINE) for key in _MARKS)
    return all(key in data for key in _MARKS)


class ScenarioFile(pytest.File):
    """A scenario file, with one item for each reading."""

    def collect(self) -> Iterator[ScenarioItem]:
        """Yield the items."""
        from harness.expectations import own_reading
        from harness.scenario_file import load
        from harness.systems import choose

        scenario = load(self.path)
        server, node = (self.config.getoption(f"--fdl-{what}") for what in ("server", "node"))
        choose(scenario, server, node)
        for reading in _readings(self.config) or [own_reading(scenario)]:
            item: ScenarioItem = ScenarioItem.from_parent(self, name=reading, scenario=scenario)
            yield item

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Say what is wrong with the file, without a traceback."""
        from harness.scenario_file import ScenarioError

        if isinstance(excinfo.value, ScenarioError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class ScenarioFailed(Exception):  # noqa: N818 - what pytest shows of it is its explanation
    """A scenario did not pass. ``lines`` say why."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(lines[0])
        self.lines = lines


class ScenarioItem(pytest.Item):
    """One scenario under one reading."""

    def __init__(self, *, scenario: Scenario, **more: Any) -> None:
        super().__init__(**more)
        self._scenario = scenario

    def runtest(self) -> None:
        """Run it, and fail unless it passes; what the wire cannot express is skipped."""
        from harness.report.failures import explain
        from harness.runner import Outcome, jobs_for, run_one

        server, node = (self.config.getoption(f"--fdl-{what}") for what in ("server", "node"))
        (job,) = jobs_for(self._scenario, [READINGS[self.name]], server=server, node=node, wire=_wire(self.config))
        result = run_one(job)
        if result.skipped is not None:
            pytest.skip(result.skipped)
        if result.outcome is not Outcome.PASSED:
            raise ScenarioFailed(explain(result))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Say which rule or expectation failed, as the command does."""
        if isinstance(excinfo.value, ScenarioFailed):
            return "\n".join(excinfo.value.lines)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where it stands and what it is called."""
        return self.path, None, f"{self._scenario.title} [{self.name}]"


@pytest.fixture
def world() -> WorldBuilder:
    """A fresh world to build a scenario in (see `harness.builder`)."""
    from harness.builder import WorldBuilder

    return WorldBuilder()


@pytest.fixture
def run_scenario() -> Callable[..., Result]:
    """A function that runs a scenario (a path, TOML text or a `Scenario`) and returns its `Result`.

    Keywords: ``reading`` (a name; else its own), ``every_poll``, ``wire`` (a name), ``server`` and ``node`` (see
    `harness.runner.run_one`).
    """
    from harness.runner import jobs_for, run_one
    from harness.scenario import Scenario
    from harness.scenario_file import load, loads
    from reference_server.readings import reading_named

    def run(
        what: Scenario | Path | str,
        *,
        reading: str | None = None,
        every_poll: bool = False,
        wire: str = MEMORY,
        **machines: Any,
    ) -> Result:
        if isinstance(what, str):
            scenario = loads(what) if "\n" in what else load(what)
        else:
            scenario = what if isinstance(what, Scenario) else load(what)
        readings = None if reading is None else [reading_named(reading)]
        (job,) = jobs_for(scenario, readings, every_poll=every_poll, wire=wire)
        return run_one(job, **machines)

    return run
