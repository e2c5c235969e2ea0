"""Scenario files: what they become, and every mistake at once with its file, line and key."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import harness.scenario_file.tables
from harness.library import find_scenarios, library_path
from harness.scenario import Verb
from harness.scenario_file import Problem, ScenarioError, from_mapping, load, loads, schema

HOUR = 3_600_000_000
START = 1_772_323_200_000_000

GOOD = """\
title = "A stop"
rules = ["R028"]
start = 2026-03-01T00:00:00Z
duration = "3d"

[licence]
capacity = 3
addresses = ["192.168.100.25 - 192.168.100.40, 10.0.0.1", "192.168.0.1"]
applications = ["report1"]
expires = 2027-03-01

[[nodes]]
name = "fdl"
count = 3
address = "192.168.100.25"
application = "report1"
spread = "40m"

[[nodes]]
name = "spare"
address = "192.168.100.30"
application = "report1"
register = "never"

[[events]]
at = "1d 1h 30m"
do = "server.stop"
lasts = "23h"

[[events]]
at = 2026-03-03T06:00:00Z
do = "node.register"
node = "fdl-*"
only = "lapsed"

[[events]]
at = "1h"
do = "clock.drift"
host = "fdl-?"
ppm = 0.5

[[expect]]
at = "2d 4h"
node = "fdl-1"
status = "lapsed"
access = false

[[expect]]
between = ["1d", "2d"]
hold = "ever"
registered = 3
reading = "revive"
"""


def problems(text: str) -> list[Problem]:
    with pytest.raises(ScenarioError) as caught:
        loads(text, file="x.toml")
    return list(caught.value.problems)


def test_the_issues_shape_becomes_plain_values() -> None:
    scenario = loads(GOOD)
    assert (scenario.start_us, scenario.duration_us) == (START, 72 * HOUR)
    assert [node.name for node in scenario.nodes] == ["fdl-1", "fdl-2", "fdl-3", "spare"]
    assert [node.register_us for node in scenario.nodes] == [0, 40 * HOUR // 60, 80 * HOUR // 60, None]
    assert scenario.licence.ranges == (
        (0xC0A86419, 0xC0A86428),
        (0x0A000001, 0x0A000001),
        (0xC0A80001, 0xC0A80001),
    )
    # Through the end of 2027-03-01 in UTC: 366 days after 2026-03-01T00:00Z (365, and the day itself).
    assert scenario.licence.expires_us == START + 366 * 24 * HOUR
    stop, register, *drifts = scenario.events
    assert (stop.verb, stop.at_us, stop.until_us) == (Verb.SERVER_STOP, 51 * HOUR // 2, 97 * HOUR // 2)
    # 2026-03-03T06:00Z is 54 h after the start.
    assert (register.at_us, register.nodes, register.only) == (54 * HOUR, ("fdl-1", "fdl-2", "fdl-3"), "lapsed")
    # One event for each host, of one index.
    assert [(event.host, event.index, event.ppm) for event in drifts] == [
        (f"fdl-{k}", 2, Fraction(1, 2)) for k in (1, 2, 3)
    ]
    at, between = scenario.expects
    assert (at.at_us, at.status, at.access, at.line) == (52 * HOUR, "lapsed", False, 42)
    assert between.between is not None
    assert (between.between.hold, between.registered, between.readings) == ("ever", 3, ("revive",))


def test_defaults() -> None:
    scenario = loads(GOOD)
    assert (scenario.network.latency_us, scenario.network.timeout_us) == (5_000, 30_000_000)
    assert (scenario.reading, scenario.licence.domains) == (None, ())


@pytest.mark.parametrize(
    ("zone", "hours"),
    [("UTC", 0), ("UTC+08:00", -8), ("UTC-11:00", 11), ("Asia/Shanghai", -8), ("Pacific/Kiritimati", -14)],
)
def test_the_last_day_ends_in_the_zone_of_the_licence(zone: str, hours: int) -> None:
    text = GOOD.replace("expires = 2027-03-01", f'expires = 2027-03-01\nzone = "{zone}"')
    assert loads(text).licence.expires_us == START + (366 * 24 + hours) * HOUR


#: (what is replaced, by what, the line, the key, a piece of the message)
MISTAKES = [
    ('title = "A stop"', "", 1, "title", "this key"),
    ('rules = ["R028"]', 'rules = ["R130"]', 2, "rules[0]", "R001 to R129"),
    ('rules = ["R028"]', 'rule = ["R028"]', 2, "rule", "did you mean rules?"),
    ("start = 2026-03-01T00:00:00Z", "start = 2026-03-01T00:00:00", 3, "start", "Z"),
    ('duration = "3d"', 'duration = "3 days"', 4, "duration", "a duration such as"),
    ('duration = "3d"', 'duration = "-3d"', 4, "duration", "without a sign"),
    ('duration = "3d"', 'duration = "0s"', 4, "duration", "above zero"),
    ('duration = "3d"', 'duration = "3d"\nreading = "revived"', 5, "reading", "did you mean revive?"),
    ("capacity = 3", "capacity = 0", 7, "licence.capacity", "0"),
    ("capacity = 3", 'capacity = "3"', 7, "licence.capacity", '"3"'),
    ('192.168.0.1"]', '192.168.0.9 - 192.168.0.1"]', 8, "licence.addresses[1]", "reversed"),
    ('192.168.0.1"]', '010.0.0.1"]', 8, "licence.addresses[1]", "leading zero"),
    ('192.168.0.1"]', 'fe80::1"]', 8, "licence.addresses[1]", "IPv6"),
    ('192.168.0.1"]', '0.255.255.255"]', 8, "licence.addresses[1]", "below 1.0.0.0"),
    ('192.168.0.1"]', '10.0.0.0/8"]', 8, "licence.addresses[1]", "CIDR"),
    ("expires = 2027-03-01", 'expires = "2027-03-01"', 10, "licence.expires", "without quotes"),
    ("expires = 2027-03-01", 'zone = "Mars/Base"', 10, "licence.zone", "Asia/Shanghai"),
    ("count = 3", "count = 0", 14, "nodes[0].count", "0"),
    ("count = 3", "count = -2", 14, "nodes[0].count", "-2"),
    ('address = "192.168.100.25"', 'address = "255.255.255.254"', 15, "nodes[0].address", "255.255.255.255"),
    ('spread = "40m"', 'spread = "40m"\nspread_over = "2h"', 18, "nodes[0].spread_over", "only one of them"),
    ('spread = "40m"', 'spread = "40h"', 17, "nodes[0].spread", "after the end"),
    ('name = "spare"', 'name = "fdl-1"', 20, "nodes[1].name", "nodes[0] has it too"),
    ('"192.168.100.30"', '"192.168.100.26"', 21, "nodes[1].address", "fdl-2 has it"),
    ('register = "never"', 'register = "4d"', 23, "nodes[1].register", "after the end"),
    ('do = "server.stop"', 'do = "server.stopp"', 27, "events[0].do", "did you mean server.stop?"),
    ('lasts = "23h"', 'last = "23h"', 28, "events[0].last", "did you mean lasts?"),
    ('lasts = "23h"', 'lasts = "-23h"', 28, "events[0].lasts", "without a sign"),
    ('lasts = "23h"', 'node = "fdl-1"', 28, "events[0].node", "server.stop does not take"),
    ('at = "1d 1h 30m"', 'at = "4d"', 26, "events[0].at", "after the end"),
    ("at = 2026-03-03T06:00:00Z", "at = 2026-02-03T06:00:00Z", 31, "events[1].at", "before the start"),
    ('node = "fdl-*"', 'node = "fdx-1"', 33, "events[1].node", "did you mean fdl-1?"),
    ('only = "lapsed"', 'only = "dead"', 34, "events[1].only", "lapsed"),
    ('host = "fdl-?"', 'host = "servr"', 39, "events[2].host", "did you mean server?"),
    ("ppm = 0.5", "ppm = -1000000", 40, "events[2].ppm", "stands still"),
    ('node = "fdl-1"\nstatus', "status", 44, "expect[0].status", "the node that it is about"),
    ('status = "lapsed"\naccess = false', "", 42, "expect[0]", "at least one of"),
    ('hold = "ever"', "", 48, "expect[1]", "always"),
    ('["1d", "2d"]', '["2d", "1d"]', 49, "expect[1].between", "before its beginning"),
    ('["1d", "2d"]', '["1d", "4d"]', 49, "expect[1].between[1]", "1d after the end"),
    ('["1d", "2d"]', '["1d"]', 49, "expect[1].between", "at least 2"),
    ('["1d", "2d"]', '["1d", "2d", "3d"]', 49, "expect[1].between", "at most 2"),
    ("between = ", 'at = "1d"\nbetween = ', 50, "expect[1].between", "only one of them"),
    ('between = ["1d", "2d"]\nhold = "ever"', "", 48, "expect[1]", "neither at nor between"),
    ('between = ["1d", "2d"]', 'at = "1d"', 50, "expect[1].hold", "only where between is"),
    ('hold = "ever"', 'hold = "once"', 50, "expect[1].hold", "always, ever"),
    ('at = "2d 4h"', 'at = "3d 1us"', 43, "expect[0].at", "1us after the end"),
    ('node = "fdl-1"\nstatus', 'node = "fdl-4"\nstatus', 44, "expect[0].node", "did you mean fdl-3?"),
    ('status = "lapsed"', 'status = "lapse"', 45, "expect[0].status", "did you mean lapsed?"),
    ("access = false", 'access = "no"', 46, "expect[0].access", "true or false"),
    ("access = false", "failure = 30006", 46, "expect[0].failure", "30005, 30007"),
    ("access = false", 'failure = "30003"', 46, "expect[0].failure", '"30003"'),
    ("registered = 3", "registered = -1", 51, "expect[1].registered", "a number greater than or equal to 0"),
    # Here the cases of the verbs: keys that one does not take, and those that it needs.
    ('do = "server.stop"', 'do = "server.start"', 28, "events[0].lasts", "server.start does not take"),
    ('do = "server.stop"', 'do = "node.stop"', 25, "events[0].node", "node.stop needs"),
    ('lasts = "23h"', 'only = "lapsed"', 28, "events[0].only", "server.stop does not take"),
    ('lasts = "23h"', 'lasts = "0s"', 28, "events[0].lasts", "above zero"),
    ('lasts = "23h"', "lasts = 23", 28, "events[0].lasts", "in quotes"),
    ('at = "1d 1h 30m"\n', "", 25, "events[0].at", "server.stop needs"),
    ('at = "1d 1h 30m"', "at = 2026-03-02T00:00:00", 26, "events[0].at", "2026-03-02T00:00:00Z"),
    ('do = "server.stop"\n', "", 25, "events[0].do", "one of server.stop"),
    ('do = "server.stop"', 'do = "network.cut"\ndirection = "up"', 28, "events[0].direction", "requests"),
    ('do = "node.register"', 'do = "node.move"', 30, "events[1].address", "node.move needs"),
    ('do = "node.register"', 'do = "node.move"\naddress = "10.0.0.01"', 33, "events[1].address", "leading zero"),
    # Three nodes from 255.255.255.254 on would need an address beyond the last one.
    ('do = "node.register"', 'do = "node.move"\naddress = "255.255.255.254"', 33, "events[1].address", "3 addresses"),
    ('do = "clock.drift"', 'do = "clock.step"', 36, "events[2].by", "clock.step needs"),
    ('host = "fdl-?"\n', "", 36, "events[2].host", "clock.drift needs"),
    ("ppm = 0.5", "ppm = nan", 40, "events[2].ppm", "nan"),
    ("ppm = 0.5", "", 36, "events[2]", "neither ppm nor percent"),
    ("ppm = 0.5", "ppm = 0.5\npercent = 1", 41, "events[2].percent", "found ppm and percent, expected only one"),
    ("ppm = 0.5", "percent = -100", 40, "events[2].percent", "above -100 (a clock that stands still), at most 100"),
    ("ppm = 0.5", "percent = 100.01", 40, "events[2].percent", "at most 100"),
    ("ppm = 0.5", 'percent = "5"', 40, "events[2].percent", '"5"'),
    ("ppm = 0.5", 'ppm = 0.5\nby = "1h"', 41, "events[2].by", "clock.drift does not take"),
    ('do = "clock.drift"', 'do = "clock.slew"', 36, "events[2].by", "clock.slew needs"),
    ('drift"', 'slew"\nby = "1h 1h"', 39, "events[2].by", "units twice"),
    ('drift"\nhost = "fdl-?"\nppm = 0.5', 'slew"\nhost = "server"\nppm = 0', 40, "events[2].ppm", "above 0"),
    (
        'drift"\nhost = "fdl-?"\nppm = 0.5',
        'slew"\nhost = "server"\nppm = 1000000',
        40,
        "events[2].ppm",
        "below 1000000",
    ),
    ('do = "clock.drift"', 'do = "clock.freeze"', 40, "events[2].ppm", "clock.freeze does not take"),
    ('do = "clock.drift"', 'do = "clock.thaw"', 40, "events[2].ppm", "clock.thaw does not take"),
    ('drift"\nhost = "fdl-?"\nppm = 0.5', 'thaw"\nhost = "fdl-?"', 38, "events[2].do", "an earlier clock.freeze"),
    ('drift"\nhost = "fdl-?"\nppm = 0.5', 'freeze"\nhost = "fdl-?"\nlasts = "0s"', 40, "events[2].lasts", "above zero"),
    ('do = "clock.drift"', 'do = "clock.stop"', 38, "events[2].do", "did you mean clock.step?"),
    ('register = "never"', 'zone = "Europe/Berlinn"', 23, "nodes[1].zone", "did you mean Europe/Berlin?"),
    ('register = "never"', "zone = 8", 23, "nodes[1].zone", "an IANA time zone"),
    ('register = "never"', 'zone = "UTC+15:00"', 23, "nodes[1].zone", "UTC-14:00 to UTC+14:00"),
    # Network, and the keys that name the whole run.
    ("[licence]", '[network]\ntimeout = "2h"\n[licence]', 7, "network.timeout", "less than 2h"),
    ("[licence]", '[network]\ntimeout = "0s"\n[licence]', 7, "network.timeout", "above zero"),
    ("[licence]", '[network]\nlatency = "-5ms"\n[licence]', 7, "network.latency", "without a sign"),
    ("[licence]", '[network]\njitter = "1s"\n[licence]', 7, "network.jitter", "one of latency, timeout"),
    ('duration = "3d"', 'duration = "36526d"', 4, "duration", "100 years"),
    ("start = 2026-03-01T00:00:00Z", 'start = "2026-03-01T00:00:00Z"', 3, "start", "without quotes"),
    ('application = "report1"\nspread', "spread", 12, "nodes[0].application", "every nodes table needs"),
    ('name = "spare"', 'name = "server"', 20, "nodes[1].name", "other than 'server'"),
    ('register = "never"', 'register = "-1h"', 23, "nodes[1].register", "without a sign"),
    ('reading = "revive"', 'reading = "nobody"', 52, "expect[1].reading[0]", "literal"),
]


@pytest.mark.parametrize(("old", "new", "line", "key", "piece"), MISTAKES, ids=[f"{m[3]}-{m[4]}" for m in MISTAKES])
def test_a_mistake_names_its_line_and_key(old: str, new: str, line: int, key: str, piece: str) -> None:
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    found = [problem for problem in problems(text) if problem.key == key]
    assert found, problems(text)
    assert found[0].line == line
    assert piece in str(found[0])
    assert str(found[0]).startswith(f"x.toml:{line}:")


def test_all_mistakes_are_told_at_once_in_order() -> None:
    text = GOOD.replace("capacity = 3", "capacity = 0").replace("server.stop", "server.stopp").replace("40m", "40 m")
    assert [problem.key for problem in problems(text)] == ["licence.capacity", "nodes[0].spread", "events[0].do"]


def test_a_wrong_verb_or_node_hides_no_other_mistake() -> None:
    # The verb is unknown, and so is what else its event may hold; the first node has no name to match.
    text = GOOD.replace('do = "server.stop"', 'do = "stop"').replace('lasts = "23h"', 'lasts = "-1h"')
    text = text.replace('name = "fdl"', "name = 1").replace('status = "lapsed"', 'status = "l"')
    keys = [problem.key for problem in problems(text)]
    assert keys == ["nodes[0].name", "events[0].do", "events[0].lasts", "expect[0].status"]


def test_every_bad_entry_of_one_list_of_addresses_is_named() -> None:
    text = GOOD.replace('"192.168.0.1"]', '"192.168.0.9-192.168.0.1, 10.0.0.1, 10.0.0.01"]')
    (problem,) = problems(text)
    assert '"192.168.0.9-192.168.0.1" (reversed)' in problem.found
    assert '"10.0.0.01" (a leading zero)' in problem.found
    assert '"10.0.0.1"' not in problem.found


def test_what_may_look_wrong_and_is_not() -> None:
    # An event may end after the run, and an answer may take longer than a node waits for it.
    text = GOOD.replace('lasts = "23h"', 'lasts = "30d"').replace("[licence]", '[network]\nlatency = "1h"\n[licence]')
    scenario = loads(text.replace("rules = ", "#:schema x.json\nrules = ").replace('"R028"', "").replace("\n", "\r\n"))
    assert scenario.events[0].until_us == (25 * 60 + 30 + 30 * 24 * 60) * HOUR // 60
    # Two lines more come before it than in `GOOD`, and one of the comment.
    assert (scenario.rules, scenario.events[0].line) == ((), 28)


def test_a_step_of_a_clock_may_go_back_and_the_server_is_a_host() -> None:
    (*_, step) = loads(GOOD + '\n[[events]]\nat = "2h"\ndo = "clock.step"\nhost = "server"\nby = "-1h"\n').events
    assert (step.host, step.by_us) == ("server", -HOUR)


def test_a_drift_in_percent_is_one_in_ppm() -> None:
    # 0.001 % are 10 ppm, exactly, which no binary fraction is.
    for written, ppm in (("percent = 0.001", 10), ("percent = -5", -50_000), ("percent = 100", 1_000_000)):
        assert {event.ppm for event in loads(GOOD.replace("ppm = 0.5", written)).events[2:]} == {Fraction(ppm)}


def test_a_slew_has_the_pace_of_ntpd_unless_it_says() -> None:
    slew = '\n[[events]]\nat = "2h"\ndo = "clock.slew"\nhost = "server"\nby = "-1h"\n'
    for more, ppm in (("", Fraction(500)), ("ppm = 83333.3\n", Fraction(833_333, 10))):
        (*_, event) = loads(GOOD + slew + more).events
        assert (event.verb, event.host, event.by_us, event.ppm) == (Verb.CLOCK_SLEW, "server", -HOUR, ppm)


def test_a_freeze_lasts_or_is_thawed() -> None:
    freeze = '\n[[events]]\nat = "2h"\ndo = "clock.freeze"\nhost = "fdl-?"\n'
    thaw = '\n[[events]]\nat = "3h"\ndo = "clock.thaw"\nhost = "fdl-2"\n'
    (*frozen, thawed) = loads(GOOD + freeze + thaw).events[5:]
    assert [(event.host, event.until_us) for event in frozen] == [(f"fdl-{k}", None) for k in (1, 2, 3)]
    assert (thawed.verb, thawed.host, thawed.at_us) == (Verb.CLOCK_THAW, "fdl-2", 3 * HOUR)
    assert loads(GOOD + freeze + 'lasts = "30m"').events[-1].until_us == 5 * HOUR // 2


def test_a_node_shows_dates_in_its_zone_utc_unless_it_says() -> None:
    text = GOOD.replace('spread = "40m"', 'zone = "America/St_Johns"')
    assert [node.zone for node in loads(text).nodes] == ["America/St_Johns"] * 3 + ["UTC"]


def test_a_cut_means_all_nodes_and_both_directions_unless_it_says() -> None:
    cut = loads(GOOD + '\n[[events]]\nat = "2h"\ndo = "network.cut"\n').events[-1]
    assert (cut.nodes, cut.direction, cut.until_us) == (("fdl-1", "fdl-2", "fdl-3", "spare"), "both", None)


def test_mistakes_of_the_timeline_are_told_with_the_others_unless_an_event_is_wrong_itself() -> None:
    overlap = '\n[[events]]\nat = "1d 2h"\ndo = "server.crash"\n'
    wrong = GOOD.replace('title = "', 'colour = 1\ntitle = "', 1)
    assert [problem.key for problem in problems(wrong + overlap)] == ["colour", "events[3].at"]
    # What that event was meant to be might end the stop.
    unknown = '\n[[events]]\nat = "1d 1h 45m"\ndo = "server.strat"\n'
    assert [problem.key for problem in problems(GOOD + unknown + overlap)] == ["events[3].do"]
    # Nobody knows when the event is, without a start or an end of the run.
    endless = GOOD.replace('duration = "3d"', 'duration = "-3d"')
    assert [problem.key for problem in problems(endless + overlap)] == ["duration"]


@pytest.mark.parametrize("nodes", ["", "nodes = []\n", "nodes = 3\n"])
def test_without_nodes_nothing_is_said_of_those_that_the_events_name(nodes: str) -> None:
    head, _, _ = GOOD.partition("[[nodes]]")
    event = '\n[[events]]\nat = "1h"\ndo = "network.cut"\nnode = "fdl-*"\n'
    assert [problem.key for problem in problems(nodes + head + event)] == ["nodes"]


def test_of_two_nodes_with_one_name_nothing_else_is_said() -> None:
    stop = '\n[[events]]\nat = "2d"\ndo = "node.stop"\nnode = "spare"\n'
    text = GOOD.replace('name = "fdl"\ncount = 3', 'name = "spare"', 1)
    assert {problem.key for problem in problems(text + stop)} == {"nodes[1].name"}


def test_a_mistake_of_the_whole_timeline_has_its_line_too() -> None:
    text = GOOD + '\n[[events]]\nat = "1d 2h"\ndo = "server.crash"\n'
    (problem,) = problems(text)
    assert (problem.line, problem.key) == (55, "events[3].at")
    assert "already down" in problem.found


@pytest.mark.parametrize(
    ("text", "line"), [("title = ", 1), ('title = "x"\n[[nodes]\n', 2), ("a = 1\na = 2\n", 2), ("a = " + "[" * 5000, 1)]
)
def test_what_is_not_toml_says_where(text: str, line: int) -> None:
    (problem,) = problems(text)
    assert problem.line == line


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.toml", tmp_path, Path("nul\0.toml")):
        with pytest.raises(ScenarioError, match="expected a scenario file"):
            load(path)
    path = tmp_path / "latin.toml"
    path.write_bytes(b'title = "caf\xe9"\n')
    with pytest.raises(ScenarioError, match=r"latin\.toml:1:13: found the byte 0xe9, expected text in UTF-8"):
        load(path)


def test_a_duration_of_years_is_right() -> None:
    assert loads(GOOD.replace('duration = "3d"', 'duration = "3650d"')).duration_us == 3650 * 24 * HOUR


@given(st.text(max_size=80) | st.sampled_from(GOOD.splitlines()).map(lambda line: GOOD.replace(line, line[::-1], 1)))
def test_no_text_whatsoever_raises_anything_else(text: str) -> None:
    try:
        loads(text)
    except ScenarioError as error:
        assert error.problems  # noqa: PT017


def test_python_values_are_checked_like_a_file() -> None:
    with pytest.raises(ScenarioError, match=r"<python>: duration: found nothing"):
        from_mapping({"title": "t", "licence": {"addresses": ["10.0.0.1"]}, "nodes": []})


# The JSON Schema, for editors.


def test_the_shipped_schema_is_the_one_that_the_models_make() -> None:
    shipped = Path(harness.scenario_file.tables.__file__).parents[1] / "scenario.schema.json"
    assert json.loads(shipped.read_text(encoding="utf-8")) == schema()


def test_the_schema_is_one_and_explains_every_key() -> None:
    made = schema()
    Draft202012Validator.check_schema(made)
    for table in made["$defs"].values():
        for key, value in table.get("properties", {}).items():
            assert "description" in value, key


def test_the_library_fits_the_schema() -> None:
    import tomllib
    from datetime import date

    validator = Draft202012Validator(schema())

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return value.isoformat() if isinstance(value, date) else value

    for path in find_scenarios(library_path()):
        data = plain(tomllib.loads(path.read_text(encoding="utf-8")))
        assert [error.message for error in validator.iter_errors(data)] == [], path
