"""Reports: what each says of a run that passed, failed, or could not be judged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from harness.report.as_json import results_as_json, results_as_text
from harness.report.failures import explain
from harness.report.forecast import Forecast, Peak, forecast_lines, simulated
from harness.report.junit import results_as_junit
from harness.report.matrix import dependent_outcomes, matrix
from harness.report.table import shorten, summary
from harness.report.trace_file import trace_lines
from harness.rulebook import Judgement, Ruling, catalogue
from harness.runner import Result, jobs_for, run_one
from harness.scenario_file import loads
from harness.trace import NEVER, Trace
from reference_server.readings import READINGS
from tests.harness.test_cli import GOOD
from tests.planted_bugs.deadlines import Immortal

MINUTE = 60_000_000
HOUR = 60 * MINUTE

#: The node's last contact is at 24 h; its deadline passes while the server is down.
LONG = GOOD.replace('lasts = "2h"', 'lasts = "30h"').replace('"2d"', '"3d"')
#: Refused for its application name at 0, and without any code for its access port at 1 h.
REFUSED = """
title = "Two refusals"
start = 2026-03-01T00:00:00Z
duration = "90m"
[licence]
addresses = ["192.168.100.25 - 192.168.100.26"]
applications = ["report1"]
ports = [443]
[[nodes]]
name = "other"
address = "192.168.100.25"
application = "report2"
port = 443
[[nodes]]
name = "port"
address = "192.168.100.26"
application = "report1"
port = 444
register = "1h"
[[expect]]
between = ["30m", "80m"]
hold = "always"
node = "port"
failure = "none"
"""


def result(text: str = GOOD, *, file: str = "x.toml", reading: str = "literal", **machines: Any) -> Result:
    (job,) = jobs_for(loads(text, file=file), [READINGS[reading]], every_poll=machines.pop("every_poll", False))
    return run_one(job, **machines)


def unjudged() -> Result:
    return result(GOOD.replace('["R028"]', '["R112", "R038"]'))


# Failures, in text.


def test_a_violation_names_rule_place_node_and_instants() -> None:
    # Last contact at 24:00, so the node has to lapse when the poll of 48:00 is refused, 10 ms later. It never does.
    lines = explain(result(LONG.replace('["R028"]', '["R033"]'), node=Immortal))
    entry = catalogue()["R033"]
    place = next(k for k, line in enumerate(lines) if line.startswith("  R033 violated"))
    assert lines[place].endswith(f"({entry.place}): {entry.text}")
    assert lines[place + 1].startswith("    first at 2d 00:00:00.010000 (2026-03-03T00:00:00.010000Z), fdl: ")
    assert lines[-1] == "  again: fdl-harness run x.toml --reading literal"


def test_an_expectation_names_line_node_instants_and_what_was_found() -> None:
    assert explain(result(REFUSED))[1:] == [
        # The register of 1:00 is refused 10 ms later; that is where "always" breaks.
        '  x.toml:20: expected port: failure = "none" always from 0d 00:30:00 to 0d 01:20:00; '
        "decided at 0d 01:00:00.010000 (2026-03-01T01:00:00.010000Z)",
        '    found failure = "Incorrect License Format"',
        "  again: fdl-harness run x.toml --reading literal",
    ]


def test_what_could_not_be_judged_says_why() -> None:
    lines = explain(unjudged())
    texts = {rule: catalogue()[rule].text for rule in ("R112", "R038")}
    assert f"  R112 was never put to the test, and the scenario names it: {texts['R112']}" in lines
    assert f"  R038 is not judged yet, and the scenario names it: {texts['R038']}" in lines


def test_a_rule_that_crashed_says_so() -> None:
    crashed = Judgement(rule="R112", ruling=Ruling.UNKNOWN, tested=0, trouble="crashed: KeyError: 7")
    made = result()
    lines = explain(replace(made, judgements=made.judgements | {"R112": crashed}))
    assert "  R112 could not be judged: crashed: KeyError: 7" in lines


def test_a_scenario_without_a_file_is_not_told_to_be_run_again() -> None:
    assert not any("again:" in line for line in explain(result(LONG, file="<python>")))


# JSON.


def only(data: dict[str, Any]) -> dict[str, Any]:
    (one,) = data["results"]
    assert isinstance(one, dict)
    return one


def test_json_has_the_keys_of_the_issue() -> None:
    made = only(json.loads(results_as_text([result()])))
    keys = ["scenario", "file", "reading", "seed", "outcome", "digest", "events", "rules", "expectations", "nodes"]
    assert [key for key in keys if key not in made] == []
    assert all({"verdict", "tested", "first"} <= each.keys() for each in made["rules"].values())


def test_json_writes_a_code_as_a_number_a_slash_or_null() -> None:
    refused = only(results_as_json([result(REFUSED)]))["nodes"]
    shown = {name: [(row["at_us"], row["code"], row["name"]) for row in refused[name]["failures"]] for name in refused}
    assert shown == {
        "other": [(10_000, 30005, "LICENSE_APPNAME_ERROR")],
        "port": [(HOUR + 10_000, None, "Incorrect License Format")],
    }
    assert [row["code"] for row in only(results_as_json([result()]))["nodes"]["fdl"]["failures"]] == ["/"]


#: A node in Berlin, refused twice in the hour that comes twice there, its wall clock 5 min fast.
BERLIN = """
title = "Refused in the repeated hour"
start = 2026-10-25T00:00:00Z
duration = "2h"
[licence]
addresses = ["192.168.100.26"]
[[nodes]]
name = "fdl"
address = "192.168.100.25"
application = "report1"
register = "30m"
zone = "Europe/Berlin"
[[events]]
at = "0s"
do = "clock.step"
host = "fdl"
by = "5m"
[[events]]
at = "1h 30m"
do = "node.register"
node = "fdl"
"""


def test_failures_are_dated_as_the_node_shows_them() -> None:
    # Refused 10 ms after 00:30 and 01:30 in UTC, which are 02:30 both, in summer time and out of it.
    begin_us = 1_792_886_400_000_000
    expected = [
        (begin_us + 35 * MINUTE + 10_000, "2026-10-25T02:35:00.010000+02:00"),
        (begin_us + 95 * MINUTE + 10_000, "2026-10-25T02:35:00.010000+01:00"),
    ]
    made = result(BERLIN)
    rows = only(results_as_json([made]))["nodes"]["fdl"]["failures"]
    assert [(row["wall_us"], row["local"]) for row in rows] == expected
    traced = [json.loads(line) for line in trace_lines(made)]
    assert [(row["wall_us"], row["local"]) for row in traced if row["type"] == "failure"] == expected


def test_json_tells_an_expectation_over_a_stretch() -> None:
    assert only(results_as_json([result(REFUSED)]))["expectations"] == [
        {
            "between_us": [30 * MINUTE, 80 * MINUTE],
            "hold": "always",
            "line": 20,
            "node": "port",
            "stated": {"failure": "none"},
            "found": {"failure": "Incorrect License Format"},
            "decided_us": HOUR + 10_000,
            "met": False,
        }
    ]


def test_json_tells_the_first_violation() -> None:
    rule = only(results_as_json([result(LONG, node=Immortal)]))["rules"]["R033"]
    assert rule["verdict"] == "violated"
    assert (rule["first"]["at_us"], rule["first"]["node"]) == (48 * HOUR + 10_000, "fdl")
    assert rule["first"]["message"]


# JUnit XML.


def test_junit_tells_failures_from_what_could_not_be_judged() -> None:
    root = ET.fromstring(results_as_junit([result(), result(REFUSED), unjudged()]))
    suite = root.find("testsuite")
    assert suite is not None
    assert {key: suite.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
    }
    names = [(case.get("name"), [child.tag for child in case]) for case in suite]
    assert names == [
        ("A short stop [literal]", []),
        ("Two refusals [literal]", ["failure"]),
        ("A short stop [literal]", ["error"]),
    ]


def test_junit_is_well_formed_whatever_a_file_is_called() -> None:
    # A file's name can hold control characters, and bytes that are no text (Python shows them as lone surrogates).
    text = results_as_junit([result(REFUSED, file="a\x01\udcff\ufffe<&.toml")])
    case = ET.fromstring(text.encode("utf-8")).find("testsuite/testcase")
    assert case is not None
    assert case.get("classname") == "a???<&.toml"
    assert case[0].get("message", "").startswith("a???<&.toml [literal]: failed")


# The trace.


def records(made: Result) -> list[dict[str, Any]]:
    lines = list(trace_lines(made))
    assert all(line.endswith("\n") for line in lines)
    return [json.loads(line) for line in lines]


def test_a_forecast_takes_the_peak_from_what_a_server_tells() -> None:
    scenario = loads(GOOD)
    trace = Trace(("fdl",), sees_slots=False)

    def forecast() -> Forecast:
        return simulated(scenario, "literal", trace, 0, "a server of one's own is under test")

    assert forecast().peak is None
    assert forecast_lines(forecast())[-1].split(maxsplit=3)[-1] == "not known"
    # The third one is told of an instant at which the server could not be asked.
    for at_us, live in ((5, 2), (7, 3), (9, NEVER), (11, 3)):
        trace.counts.add(at_us, live, 0)
    assert forecast().peak == Peak(3, 7)


@pytest.mark.parametrize(
    ("lost_us", "hours"),
    [(0, "0.00 h"), (17_999_999, "0.00 h"), (18_000_000, "0.01 h"), (4_444_440_000_000, "1,234.57 h")],
)
def test_a_forecast_rounds_hours_to_hundredths(lost_us: int, hours: str) -> None:
    # A hundredth of an hour is 36 s.
    forecast = Forecast(
        scenario=loads(GOOD), reading="literal", at_us=0, nodes={}, lapses=0, lost_access_us=lost_us, peak=None
    )
    assert forecast_lines(forecast)[3].endswith(f"  {hours}")


def test_the_trace_opens_with_what_was_run() -> None:
    made = result()
    assert records(made)[0] == {
        "type": "run",
        "simulated": True,
        "scenario": "A short stop",
        "file": "x.toml",
        "reading": "literal",
        "seed": 0,
        "systems": [],
        "wire": "memory",
        "digest": made.digest,
    }


def test_polls_that_change_nothing_are_beats_unless_each_is_simulated() -> None:
    # A register and the polls at 2, 4, ... 48 h, of which those of 26 h (refused) and 28 h (recovery) change something.
    cruised, simulated = records(result()), records(result(every_poll=True))
    beats = [each for each in cruised if each["type"] == "beats"]
    requests = [each for each in cruised if each["type"] == "request"]
    assert sum(each["polls"] for each in beats) + len(requests) == 25
    assert beats
    assert [each["type"] for each in simulated].count("request") == 25
    assert not [each for each in simulated if each["type"] == "beats"]


def test_the_trace_writes_a_code_as_json_does() -> None:
    codes = [each["code"] for each in records(result(REFUSED)) if each["type"] == "failure"]
    assert codes == [30005, None]


def test_columns_that_do_not_apply_are_left_out() -> None:
    cut = GOOD.replace('do = "server.stop"', 'do = "network.cut"\nnode = "fdl"')
    (lost,) = [each for each in records(result(cut)) if each.get("sent_us") == 26 * HOUR]
    # It is lost on the way: it never arrives, nothing comes back, and after 30 s the node stops waiting.
    assert lost.pop("number") == 14  # the register was the first, then the polls at 2, 4, ... 24 h
    assert lost == {
        "type": "request",
        "sent_us": 26 * HOUR,
        "node": "fdl",
        "kind": "poll",
        "sent_boot_us": 26 * HOUR,
        "source": "192.168.100.25",
        "reported": "192.168.100.25",
        "verdict": "none",
        "ended_us": 26 * HOUR + MINUTE // 2,
        "outcome": "unanswered",
        "lost": "request",
    }


def test_a_refused_connection_is_no_lost_request() -> None:
    # The server is down when the poll of 26 h arrives: the port refuses, and that comes back.
    (refused,) = [each for each in records(result()) if each.get("sent_us") == 26 * HOUR]
    assert (refused["verdict"], refused["delivered_us"]) == ("connection_refused", 26 * HOUR + 10_000)
    assert "lost" not in refused


# The matrix.


def under_all(text: str = GOOD, file: str = "x.toml") -> list[Result]:
    return [result(text, file=file, reading=name) for name in READINGS]


def test_the_matrix_has_a_line_for_each_scenario_and_a_cell_for_each_reading() -> None:
    *_, row = [str(line) for line in matrix(under_all())]
    # A two-hour stop voids every registration under windows-close, the sixth; the node is refused from then on.
    assert row.split() == ["x.toml", "1/1", "1/1", "1/1", "1/1", "1/1", "0/1", "1/1", "1/1"]


def test_the_matrix_takes_a_files_name_as_it_is() -> None:
    *_, row = [str(line) for line in matrix(under_all(file="a[/b].toml"))]
    assert row.startswith("a[/b].toml ")


def test_outcomes_that_depend_on_the_reading_are_named_with_the_instant() -> None:
    # The poll of 26 h is refused, known 10 ms later: with stop-closes-access that closes access, else nothing does.
    lines = list(dependent_outcomes(under_all()))
    (closing,) = [line for line in lines if "stop-closes-access" in line]
    assert "access of fdl is closed at 1d 02:00:00.010000, where it is open under literal" in closing
    assert not any("thirteenth-miss" in line or "cluster-is-one" in line for line in lines)


# The table.


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (lambda: [result()], "1 run: 1 passed"),
        (lambda: [result(), result(REFUSED)], "2 runs: 1 passed, 1 failed"),
        (lambda: [unjudged(), result()], "2 runs: 1 passed, 1 unknown"),
    ],
)
def test_the_summary(results: Callable[[], list[Result]], expected: str) -> None:
    assert summary(results()) == expected


def test_a_file_is_shown_as_seen_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shorten(str(tmp_path / "a" / "b.toml")) == str(Path("a", "b.toml"))
    assert shorten("/elsewhere/b.toml") == "/elsewhere/b.toml"
