"""Which system is under test: the caller's, the scenario's or the reference one, and how a run tells of it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from click.testing import Result as Called

import harness.systems.choosing
from fake_fdl_nodes.node import Node
from harness import Outcome, ScenarioError, WorldBuilder, load
from harness.cli import main
from harness.problems import Mistake
from harness.runner import InternalError, jobs_for, run_jobs, run_one
from harness.systems import choose
from reference_server.authority import Authority

pytest_plugins = ["pytester"]

#: Three servers that grant whatever comes, one that raises at the second request, and a node.
SHOP = '''
from dataclasses import dataclass, field, replace
from datetime import datetime
import json
import time
from fake_fdl_nodes.node import Node
from reference_server.authority import Authority
from reference_server.protocol import Grant, Refusal, decode_request, encode_answer, format_address, signature_of

STARTS = []

@dataclass
class Grants:
    licence: object
    #: Bound as the module is imported, where nothing can get at it later.
    clock: object = field(default=time.time_ns)

    def respond(self, body, source):
        request = decode_request(body)
        grant = Grant(number=request.number, installation=request.installation, server_time_us=self.clock() // 1000,
                      capacity=self.licence.capacity, details=self.licence.details, signature="")
        return 200, encode_answer(replace(grant, signature=signature_of(grant, self.licence.key)))

class Raises(Grants):
    asked = 0
    def respond(self, body, source):
        self.asked += 1
        if self.asked == 2:
            return {}["capacity"]
        return super().respond(body, source)

class Refuses:
    def respond(self, body, source):
        reason = f"{len(STARTS)} {datetime.now().isoformat()}"
        STARTS.append(reason)
        return 403, encode_answer(Refusal(number=decode_request(body).number, code=30003, reason=reason))

class Mine(Authority):
    """Sees the clocks, too."""
    def handle(self, request, source, now):
        assert time.time_ns() == now.wall_us * 1000
        return super().handle(request, source, now)

class Stumbles(Authority):
    def handle(self, request, source, now):
        return {}["capacity"]

class MyNode(Node):
    pass

def broken(): return {}["capacity"]
'''

GOOD = """
title = "A day"
start = 2026-03-01T00:00:00Z
duration = "5h"
[licence]
addresses = ["192.168.100.25"]
[server]
use = "shop:Grants"
[[nodes]]
name = "fdl"
address = "192.168.100.25"
application = "report1"
[[nodes]]
name = "mine"
count = 2
address = "192.168.100.30"
application = "report1"
register = "never"
use = "shop:MyNode"
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI", "1")
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "good.toml").write_text(GOOD)
    return tmp_path


def call(*arguments: str) -> Called:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def run_file(**keywords: Any) -> Any:
    (job,) = jobs_for(load("good.toml"), None)
    return run_one(job, **keywords)


# Which one.


def test_the_scenario_names_its_systems(here: Path) -> None:
    chosen = choose(load("good.toml"))
    assert chosen.names == ("server shop:Grants", "node shop:MyNode")
    assert list(chosen.nodes) == ["mine-1", "mine-2"]
    assert not chosen.in_memory


def test_the_callers_take_the_place_of_the_scenarios(here: Path) -> None:
    scenario = load("good.toml")
    chosen = choose(scenario, "shop:Raises", "shop:MyNode")
    assert chosen.names == ("server shop:Raises", "node shop:MyNode")
    assert list(chosen.nodes) == ["fdl", "mine-1", "mine-2"]
    assert choose(scenario, Authority, Node).names == ()
    assert choose(scenario, Authority).names == ("node shop:MyNode",)
    assert choose(scenario, "shop:Mine").in_memory


def test_a_scenario_without_any_needs_no_freezegun(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness.systems.choosing, "find_spec", lambda name: None)
    world = WorldBuilder()
    world.nodes("fdl")
    assert choose(world.scenario("1h")).names == ()
    with pytest.raises(Mistake, match=re.escape("pip install 'fdl-harness[systems]'")):
        choose(load("good.toml"))
    assert call("run", "--server", "shop:Grants", "good.toml").exit_code == 2


def test_the_folder_of_the_scenario_comes_first_for_what_it_names(here: Path) -> None:
    (here / "below").mkdir()
    (here / "below" / "good.toml").write_text(GOOD)
    (here / "below" / "shop.py").write_text(SHOP.replace('["capacity"]', "['below']"))
    (job,) = jobs_for(load("below/good.toml"), None)
    assert "KeyError: 'below'" in run_one(replace_use(job, "shop:broken")).troubles[0].what
    assert "KeyError: 'capacity'" in run_one(job, server="shop:broken").troubles[0].what


def replace_use(job: Any, use: str) -> Any:
    from dataclasses import replace

    scenario = job.scenario
    return replace(job, scenario=replace(scenario, server=replace(scenario.server, use=use)))


# What comes of it.


def test_what_a_module_binds_as_it_is_imported_shows_the_hosts_clock(here: Path) -> None:
    # R005 compares the date of each grant with the server's: 00:00:00.005 and every two hours from there.
    result = run_file()
    assert result.judgements["R005"].ruling.value == "held"
    assert result.judgements["R005"].tested == 3
    assert result.status("fdl", at="4h 1m") == "registered"


def test_a_program_that_is_started_again_has_forgotten_what_was_in_memory(here: Path) -> None:
    world = WorldBuilder()
    world.nodes("fdl")
    for hours in (1, 2, 4):
        world.at(f"{hours}h").node_register("fdl")
    world.at("3h").server_stop(lasts="10m")
    reasons = []

    class Reads(Node):
        def answer(self, answer: Any, now: Any) -> Any:
            reasons.append(answer.reason)
            return super().answer(answer, now)

    world.run("5h", server="shop:Refuses", node=Reads)
    assert reasons == [
        "0 2026-03-01T00:00:00.005000",
        "1 2026-03-01T01:00:00.005000",
        "2 2026-03-01T02:00:00.005000",
        "0 2026-03-01T04:00:00.005000",
    ]


def test_an_authority_of_ones_own_lives_in_memory_and_its_slots_are_seen(here: Path) -> None:
    mine, reference = run_file(server="shop:Mine"), run_file(server=Authority)
    assert mine.digest == reference.digest
    assert mine.troubles == []
    assert len(mine.trace.slots) == 1
    stumbled = run_file(server="shop:Stumbles")
    assert re.fullmatch(r"no answer: shop\.py:\d+: KeyError: 'capacity'", stumbled.troubles[0].what)
    assert stumbled.judgements["R032"].ruling.value == "violated"


def test_a_server_that_cannot_be_started_fails_the_run(here: Path) -> None:
    result = run_file(server="shop:broken")
    assert result.outcome is Outcome.FAILED
    assert result.troubles[0].fatal


def test_two_runs_are_the_same_run(here: Path) -> None:
    assert run_file().digest == run_file().digest


# How it is told.


def test_the_command_tells_what_was_under_test_and_how_to_run_it_again(here: Path) -> None:
    done = call("run", "good.toml", "--server", "shop:Raises", "--json", "r.json", "--junit", "r.xml")
    assert done.exit_code == 1
    lines = [line.strip() for line in done.output.splitlines()]
    assert lines[0] == "under test: server shop:Raises"
    assert "under test: node shop:MyNode" in lines
    (trouble,) = (line for line in lines if line.startswith("trouble"))
    assert re.fullmatch(
        r"trouble at 0d 02:00:00\.005000 \(2026-03-01T02:00:00\.005000Z\), server: no answer: "
        r"shop\.py:\d+: KeyError: 'capacity'",
        trouble,
    )
    assert "again: fdl-harness run good.toml --reading literal --server shop:Raises" in lines
    assert "Traceback" not in done.output
    (told,) = json.loads((here / "r.json").read_text())["results"]
    assert told["systems"] == ["server shop:Raises", "node shop:MyNode"]
    (trouble,) = told["troubles"]
    assert (trouble["at_us"], trouble["host"], trouble["fatal"]) == (7_200_005_000, "server", False)
    case = ET.parse(here / "r.xml").find(".//testcase")
    assert case is not None
    assert case.get("name") == "A day [literal, server shop:Raises, node shop:MyNode]"


def test_the_traceback_is_there_for_those_who_want_it(here: Path) -> None:
    done = call("run", "good.toml", "--server", "shop:Raises", "--traceback")
    assert "Traceback (most recent call last):" in done.output
    assert 'return {}["capacity"]' in done.output


def test_a_scenarios_own_system_needs_no_option_to_run_again(here: Path) -> None:
    (here / "good.toml").write_text(GOOD.replace("shop:Grants", "shop:Raises"))
    done = call("run", "good.toml")
    assert "again: fdl-harness run good.toml --reading literal\n" in done.output
    assert "under test: server shop:Raises" in done.output


def test_troubles_of_one_kind_are_told_once(here: Path) -> None:
    (here / "shop.py").write_text(SHOP.replace("if self.asked == 2", "if self.asked >= 2"))
    done = call("run", "good.toml", "--server", "shop:Raises")
    assert "trouble 2 times, first at 0d 02:00:00.005000" in done.output


def test_workers_know_it_too(here: Path) -> None:
    jobs = jobs_for(load("good.toml"), None, server="shop:Raises", node="shop:MyNode") * 2
    alone, together = (list(run_jobs(jobs, workers)) for workers in (1, 2))
    assert [each.digest for each in alone] == [each.digest for each in together]
    assert together[0].command == "fdl-harness run good.toml --reading literal --server shop:Raises --node shop:MyNode"
    assert together[1].troubles == alone[1].troubles


# Bad input.


def test_a_mistake_in_a_file_is_told_with_its_place_before_anything_runs(here: Path) -> None:
    (here / "good.toml").write_text(GOOD.replace("shop:Grants", "shop:Grantz").replace("shop:MyNode", "shpo:MyNode"))
    for command in ("run", "check"):
        done = call(command, "good.toml")
        assert done.exit_code == 2
        first, second, last = done.output.splitlines()
        assert first == (
            """good.toml:8:7: server.use: found "shop:Grantz", but there is no 'Grantz' in the module shop, """
            "expected a name that it has (did you mean Grants?)"
        )
        assert second.startswith('good.toml:19:7: nodes[1].use: found "shpo:MyNode", but there is no module shpo')
        assert second.endswith("(did you mean shop?)")
        assert last == "2 mistakes in 1 of 1 files; nothing was run"


@pytest.mark.parametrize(
    ("use", "message"),
    [
        ('"shop"', 'good.toml:8:7: server.use: found "shop", expected what makes the system under test, such as'),
        ("42", "good.toml:8:7: server.use: found 42, expected"),
        ('"shop:"', 'good.toml:8:7: server.use: found "shop:", expected what makes the system under test, such as'),
        ('"a:b:c"', 'good.toml:8:7: server.use: found "a:b:c", expected what makes the system under test, such as'),
        ('"shop:STARTS"', 'found "shop:STARTS", which is of the type list, expected a class, or a function that'),
    ],
)
def test_a_value_that_is_no_name(here: Path, use: str, message: str) -> None:
    (here / "good.toml").write_text(GOOD.replace('"shop:Grants"', use))
    done = call("check", "good.toml")
    assert done.exit_code == 2
    assert message in done.output


@pytest.mark.parametrize("option", ["--server", "--node"])
def test_a_mistake_in_the_call_is_told_before_anything_runs(here: Path, option: str) -> None:
    done = call("run", "good.toml", option, "shop:Nothing")
    assert done.exit_code == 2
    assert f"Invalid value for '{option}': found \"shop:Nothing\", but there is no 'Nothing'" in done.output


def test_a_mistake_that_only_the_run_meets(here: Path) -> None:
    (here / "good.toml").write_text(GOOD.replace("shop:Grants", "nowhere:Grants"))
    jobs = jobs_for(load("good.toml"), None)
    with pytest.raises(ScenarioError, match=r"^good\.toml:8:7: server\.use: "):
        list(run_jobs(jobs))
    with pytest.raises(ScenarioError, match=r"^good\.toml:8:7: server\.use: "):
        list(run_jobs(jobs * 2, 2))
    assert not issubclass(ScenarioError, InternalError)


def test_a_builder_is_told_as_python_is(here: Path) -> None:
    world = WorldBuilder()
    world.nodes("fdl")
    with pytest.raises(Mistake, match="there is no 'Grantz' in the module shop"):
        world.run("1h", server="shop:Grantz")
    world.server(use="shop:Grantz")
    with pytest.raises(ScenarioError, match=r"^<python>: server\.use: found"):
        world.run("1h")
    world.server(use="shop:Grants")
    assert world.run("1h").systems == ("server shop:Grants",)


# Pytest.


def test_the_plugin_takes_them(here: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(shop=SHOP)
    pytester.makefile(".toml", good=GOOD)
    passed = pytester.runpytest("-p", "no:cacheprovider", "--fdl-server", "shop:Grants")
    passed.assert_outcomes(passed=1)
    failed = pytester.runpytest("-p", "no:cacheprovider", "--fdl-server", "shop:Raises", "--fdl-node", "shop:MyNode")
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(
        ["*under test: server shop:Raises*", "*KeyError: 'capacity'*", "*--server shop:Raises*"]
    )
    wrong = pytester.runpytest("-p", "no:cacheprovider", "--fdl-server", "shop:Nothing")
    wrong.stderr.fnmatch_lines(["*--fdl-server: found*there is no 'Nothing' in the module shop*"])


def test_the_plugin_tells_a_files_mistake_as_the_command_does(here: Path, pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", good=GOOD)
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*good.toml:7:7: server.use: found*there is no module shop*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_durations_are_those_of_the_real_time(pytester: pytest.Pytester) -> None:
    # Whoever measured a run by a simulated clock would find that it took years, or ended before it began.
    pytester.makepyfile(
        shop=SHOP,
        test_it=f"""
            from datetime import UTC, datetime
            def test_it(world):
                world.nodes("fdl")
                world.run("5h", server="shop:Grants")
                assert datetime.now(UTC).year >= {datetime.now(UTC).year}
        """,
    )
    result = pytester.inline_run("-p", "no:cacheprovider")
    (took,) = (each.duration for each in result.getreports("pytest_runtest_logreport") if each.when == "call")
    assert 0 <= took < 600
    result.assertoutcome(passed=1)
