"""A scenario as the text of its file: what is read again is the same, and what no file can express is told."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_fdl_nodes.fleet import NodeSetup, fleet
from harness.scenario import Certificate, Event, Expect, LicenceSpec, NodeUse, Scenario, ServerSpec, Verb
from harness.scenario_file import Unprintable, content_of, from_mapping, load, loads, printed
from tests.harness.worlds import quiet_scenarios, scenarios

LIBRARY = Path(__file__).parents[2] / "scenarios"
START = 1_772_323_200_000_000  # 2026-03-01T00:00:00Z
MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
FIRST = 0xC0A86419  # 192.168.100.25

HEAD = """\
title = "t"
start = 2026-03-01T00:00:00Z
duration = "3d"

[licence]
addresses = ["192.168.100.25 - 192.168.100.40"]

[[nodes]]
name = "fdl"
count = 2
address = "192.168.100.25"
application = "report1"
"""
PLAIN = loads(HEAD)


def placeless(scenario: Scenario) -> Scenario:
    """Return what is left of a scenario without the places in its file."""
    return replace(
        scenario,
        file="",
        server=replace(scenario.server, place=(0, 0)),
        node_uses=tuple(replace(use, place=(0, 0)) for use in scenario.node_uses),
        events=tuple(replace(event, line=0) for event in scenario.events),
        expects=tuple(replace(expect, line=0) for expect in scenario.expects),
    )


def assert_comes_back(scenario: Scenario) -> str:
    text = printed(scenario)
    assert placeless(loads(text)) == placeless(scenario), text
    assert tomllib.loads(text) == content_of(scenario)
    return text


def tables_of(nodes: tuple[NodeSetup, ...], *uses: NodeUse) -> list[dict[str, Any]]:
    """Return the tables that ``nodes`` are written as, without what is the same in all of them."""
    scenario = replace(PLAIN, duration_us=10 * DAY, nodes=nodes, node_uses=uses)
    assert_comes_back(scenario)
    tables: list[dict[str, Any]] = content_of(scenario)["nodes"]
    return [{key: table[key] for key in table if key not in ("address", "application")} for table in tables]


def event_of(keys: str, nodes: str = "") -> dict[str, Any]:
    """Return the table that the event is written as which ``keys`` stand for."""
    scenario = loads(f"{HEAD}\n{nodes}\n[[events]]\n{keys}\n")
    assert_comes_back(scenario)
    (event,) = content_of(scenario)["events"]
    assert isinstance(event, dict)
    return event


# All there is.


@pytest.mark.parametrize("file", sorted(LIBRARY.rglob("*.toml")), ids=lambda file: file.stem)
def test_every_scenario_of_the_library_comes_back(file: Path) -> None:
    scenario = load(file)
    text = assert_comes_back(scenario)
    assert printed(loads(text)) == text


def beyond_any_file(scenario: Scenario) -> bool:
    """Tell whether a random world holds what no file can express, which is all of these."""
    return (
        any(event.verb is Verb.CLOCK_DRIFT and event.ppm > 1_000_000 for event in scenario.events)
        or any(
            # The program does not come back by itself.
            event.verb in (Verb.SERVER_REBOOT, Verb.SERVER_POWER_LOSS)
            and event.until_us is not None
            and not scenario.server.autostart
            for event in scenario.events
        )
        or any(
            event.certificate is not None
            and event.certificate.from_us is not None
            and event.certificate.until_us is not None
            and event.certificate.from_us > event.certificate.until_us
            for event in scenario.events
        )
        or any((node.register_us or 0) > scenario.duration_us for node in scenario.nodes)
    )


@given(scenarios() | quiet_scenarios())
def test_every_random_world_comes_back_or_is_told_to_be_beyond_any_file(scenario: Scenario) -> None:
    if beyond_any_file(scenario):
        with pytest.raises(Unprintable):
            printed(scenario)
    else:
        assert_comes_back(scenario)


def test_it_is_laid_out_as_a_person_would() -> None:
    scenario = Scenario(
        title='A stop and a "cut"',
        rules=("R033", "R034"),
        start_us=START,
        duration_us=3 * DAY,
        reading="revive",
        licence=LicenceSpec(
            capacity=3, ranges=((FIRST, FIRST + 15), (0x0A000001, 0x0A000001)), ports=(80, 443), expires_us=START - HOUR
        ),
        server=ServerSpec(nohup=False, use="shop:make"),
        nodes=(*fleet("fdl", address=FIRST, application="report1", count=3, spread_us=40 * MINUTE),),
        events=(
            Event(index=0, at_us=25 * HOUR + 1, verb=Verb.SERVER_STOP, until_us=48 * HOUR + 1),
            Event(
                index=1,
                at_us=DAY,
                verb=Verb.NETWORK_CUT,
                nodes=("fdl-1", "fdl-2", "fdl-3"),
                direction="answers",
                until_us=2 * DAY,
            ),
            Event(index=2, at_us=DAY, verb=Verb.CLOCK_STEP, host="server", by_us=-90_000_000),
        ),
        expects=(Expect(index=0, at_us=3 * DAY, nodes=("fdl-2",), status="lapsed", access=False, failure="/"),),
    )
    # The licence expires at 2026-02-28T23:00:00Z, which is where 2026-02-28 ends at UTC+01:00.
    assert printed(scenario, comment="What it is about.\n\nAnd more.\t") == (
        """\
# What it is about.
#
# And more.?

title = "A stop and a \\"cut\\""
rules = ["R033", "R034"]
start = 2026-03-01T00:00:00Z
duration = "3d"
reading = "revive"

[licence]
capacity = 3
addresses = ["192.168.100.25 - 192.168.100.40", "10.0.0.1"]
ports = [80, 443]
expires = 2026-02-28
zone = "UTC+01:00"

[server]
nohup = false
use = "shop:make"

[[nodes]]
name = "fdl"
count = 3
address = "192.168.100.25"
application = "report1"
spread = "40m"

[[events]]
at = "1d 1h 1us"
do = "server.stop"
lasts = "23h"

[[events]]
at = "1d"
do = "network.cut"
direction = "answers"
lasts = "1d"

[[events]]
at = "1d"
do = "clock.step"
host = "server"
by = "-1m 30s"

[[expect]]
at = "3d"
node = "fdl-2"
status = "lapsed"
access = false
failure = "/"
"""
    )


def test_a_long_list_is_wrapped() -> None:
    # Each id takes 8 columns with its quotes, the comma and a blank: 15 of them are 4 + 15 * 8 - 1 = 123 of 130.
    rules = tuple(f"R{number:03}" for number in range(1, 21))
    lines = printed(replace(PLAIN, rules=rules)).splitlines()
    first = lines.index("rules = [")
    assert lines[first + 1].startswith('    "R001", "R002",')
    assert lines[first + 1].endswith('"R015",')
    assert lines[first + 2] == '    "R016", "R017", "R018", "R019", "R020",'
    assert lines[first + 3] == "]"


# Nodes.


def test_nodes_in_a_row_are_one_table() -> None:
    spread = fleet("a", address=FIRST, application="report1", count=3, register_us=HOUR, spread_us=5)
    never = fleet("b", address=FIRST + 9, application="report1", count=2, register_us=None)
    assert tables_of(spread + never) == [
        {"name": "a", "count": 3, "register": "1h", "spread": "5us"},
        {"name": "b", "count": 2, "register": "never"},
    ]


def test_phases_that_are_not_equal_are_spread_over_a_stretch() -> None:
    # 100 us over 3: 0, 33 and 66.67, cut to 66: the gaps of 33 are equal. Over 7 they are 14, 14, 14, 15, ...
    nodes = fleet("a", address=FIRST, application="report1", count=7, spread_over_us=100)
    # Any stretch up to 100 us that gives 6 * x // 7 = 85, 5 * x // 7 = 71, ...: only 100, since 99 gives 84.
    assert tables_of(nodes) == [{"name": "a", "count": 7, "spread_over": "100us"}]


def test_the_roundest_stretch_is_written() -> None:
    # Of 11 nodes over 1 h no phase is whole but the first; the stretch is known to a few microseconds.
    nodes = fleet("a", address=FIRST, application="report1", count=11, spread_over_us=HOUR)
    assert tables_of(nodes) == [{"name": "a", "count": 11, "spread_over": "1h"}]


def test_what_breaks_the_row_begins_a_table() -> None:
    nodes = list(fleet("a", address=FIRST, application="report1", count=5, spread_us=HOUR))
    nodes[3] = replace(nodes[3], register_us=DAY)
    nodes[4] = replace(nodes[4], domain="example.com")
    assert tables_of(tuple(nodes)) == [
        {"name": "a", "count": 3, "spread": "1h"},
        {"name": "a-4", "register": "1d"},
        {"name": "a-5", "register": "4h", "domain": "example.com"},
    ]


def test_a_number_that_does_not_begin_at_one_is_part_of_the_name() -> None:
    nodes = fleet("a", address=FIRST, application="report1", count=3)
    assert tables_of(nodes[1:]) == [{"name": "a-2"}, {"name": "a-3"}]
    assert tables_of(nodes[:1]) == [{"name": "a-1"}]
    assert tables_of(nodes[::-1]) == [{"name": "a-3"}, {"name": "a-2"}, {"name": "a-1"}]
    swapped = (replace(nodes[2], address=FIRST), nodes[1])
    assert tables_of(swapped) == [{"name": "a-3"}, {"name": "a-2"}]
    gap = (nodes[0], replace(nodes[1], address=FIRST + 7))
    assert tables_of(gap) == [{"name": "a-1"}, {"name": "a-2"}]


def test_the_nodes_of_one_use_are_one_table_in_its_place() -> None:
    nodes = fleet("a", address=FIRST, application="report1", count=4)
    # The use is of the third table, so the two nodes before it are in two.
    use = NodeUse(index=2, nodes=("a-3",), use="shop:make")
    assert tables_of(nodes, use) == [
        {"name": "a-1"},
        {"name": "a-2"},
        {"name": "a-3", "use": "shop:make"},
        {"name": "a-4"},
    ]
    whole = NodeUse(index=0, nodes=("a-1", "a-2", "a-3", "a-4"), use="shop:make")
    assert tables_of(nodes, whole) == [{"name": "a", "count": 4, "use": "shop:make"}]


@st.composite
def node_tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The tables of nodes: a few fleets, whose names may look as if they went on."""
    tables = []
    for k in range(draw(st.integers(1, 4))):
        table: dict[str, Any] = {"name": draw(st.sampled_from(["a", "a-1", "a-2", "a-3", "b"]))}
        table |= {"address": f"10.0.{draw(st.integers(0, 1))}.{1 + 8 * k}", "application": "report1"}
        if draw(st.booleans()):
            table["count"] = draw(st.integers(1, 7))
            spread = draw(st.sampled_from(["", "spread", "spread_over"]))
            table |= {spread: f"{draw(st.integers(0, 50))}us"} if spread else {}
        table |= draw(st.sampled_from([{}, {}, {"register": "1h"}, {"register": "never"}, {"use": "shop:make"}]))
        tables.append(table)
    return tables


@given(node_tables())
def test_whatever_the_tables_of_the_nodes_are_they_come_back(tables: list[dict[str, Any]]) -> None:
    content = tomllib.loads(HEAD) | {"nodes": tables}
    try:
        scenario = from_mapping(content)
    except ValueError:
        return  # Two nodes have the same name.
    assert_comes_back(scenario)


# Patterns.

FLEETS = """
[[nodes]]
name = "fdl-spare"
address = "10.0.0.9"
application = "report1"

[[nodes]]
name = "x[1]"
count = 11
address = "10.0.1.0"
application = "report1"
"""


@pytest.mark.parametrize(
    ("written", "plainest"),
    [
        ("fdl-1", "fdl-1"),
        ("*", "*"),
        ("fdl-*", "fdl-*"),
        ("fdl-?", "fdl-?"),
        ("x*", "x[1]-*"),
        ("x[1]-??", "x[1]-1?"),
        ("*1", "*1"),
        # From 10.0.0.9 to 10.0.1.10: all other nodes are elsewhere.
        ("10.0.0.0/15", "10.0.0.0/23"),
    ],
)
def test_nodes_are_meant_by_the_plainest_pattern(written: str, plainest: str) -> None:
    event = event_of(f'at = "1h"\ndo = "node.stop"\nnode = "{written}"', nodes=FLEETS)
    assert event["node"] == plainest


@given(st.text(alphabet="fdlx*?-123[]1", min_size=1, max_size=4))
def test_whatever_the_pattern_the_same_nodes_are_meant_or_it_is_told(pattern: str) -> None:
    text = f'{HEAD}{FLEETS}\n[[events]]\nat = "1h"\ndo = "node.stop"\nnode = "{pattern}"\n'
    try:
        scenario = loads(text)
    except ValueError:
        return  # It matches nothing.
    try:
        assert_comes_back(scenario)
    except Unprintable as error:
        told = str(error)
    else:
        told = "no pattern means just these"
    assert "no pattern means just these" in told


# Values.


def test_several_hosts_are_one_event() -> None:
    event = event_of('at = "1h"\ndo = "clock.drift"\nhost = "fdl-*"\nppm = 50')
    assert event == {"at": "1h", "do": "clock.drift", "host": "*", "ppm": 50}


@pytest.mark.parametrize(
    ("written", "again"),
    [("ppm = 0.5", {"ppm": 0.5}), ("percent = 0.01", {"ppm": 100}), ("percent = -5", {"percent": -5})],
)
def test_a_drift_is_written_in_whole_numbers_where_it_can_be(written: str, again: dict[str, Any]) -> None:
    event = event_of(f'at = "1h"\ndo = "clock.drift"\nhost = "server"\n{written}')
    assert event == {"at": "1h", "do": "clock.drift", "host": "server"} | again


@given(st.floats(-99, 100, exclude_min=True))
def test_every_drift_comes_back(percent: float) -> None:
    for key in ("percent", "ppm"):
        content = {"at": "1h", "do": "clock.drift", "host": "server", key: percent}
        assert_comes_back(from_mapping(tomllib.loads(HEAD) | {"events": [content]}))


@pytest.mark.parametrize(
    ("zone", "day", "again"),
    [
        ("UTC", date(2027, 3, 1), {"expires": date(2027, 3, 1)}),
        ("Asia/Shanghai", date(2027, 3, 1), {"expires": date(2027, 3, 1), "zone": "UTC+08:00"}),
        # India is 5 h 30 min ahead, Nepal a quarter of an hour more.
        ("Asia/Kathmandu", date(2027, 3, 1), {"expires": date(2027, 3, 1), "zone": "UTC+05:45"}),
        # 2027-03-01 ends 14 h ahead at 10:00 of that day in UTC, where 2027-02-28 ends 10 h behind.
        ("UTC+14:00", date(2027, 3, 1), {"expires": date(2027, 2, 28), "zone": "UTC-10:00"}),
        # The day before 1970 is no day that may be written.
        ("UTC+14:00", date(1970, 1, 1), {"expires": date(1970, 1, 1), "zone": "UTC+14:00"}),
        # Liberia was 44 min 30 s behind until 1972.
        ("Africa/Monrovia", date(1971, 5, 5), {"expires": date(1971, 5, 5), "zone": "Africa/Monrovia"}),
    ],
)
def test_the_zone_of_an_expiry_is_an_offset_where_one_will_do(zone: str, day: date, again: dict[str, Any]) -> None:
    content = tomllib.loads(HEAD)
    content["licence"] |= {"expires": day, "zone": zone}
    scenario = from_mapping(content)
    assert_comes_back(scenario)
    licence = content_of(scenario)["licence"]
    assert {key: licence[key] for key in licence if key != "addresses"} == again


def test_amounts_that_have_to_be_there_are() -> None:
    delay = 'at = "1h"\ndo = "network.delay"\n'
    assert event_of(f'{delay}by = "0s"') == {"at": "1h", "do": "network.delay", "by": "0s"}
    assert event_of(f'{delay}jitter = "0s"\ndistribution = "normal"') == {
        "at": "1h",
        "do": "network.delay",
        "jitter": "0s",
        "distribution": "normal",
    }


def test_a_new_licence_file_holds_what_changes() -> None:
    keys = (
        'at = "1h"\ndo = "licence.change"\ncapacity = 1\naddresses = ["10.0.0.1"]\ndomains = []\nexpires = 2026-03-01'
    )
    assert event_of(keys) == {
        "at": "1h",
        "do": "licence.change",
        "capacity": 1,
        "domains": [],
        "addresses": ["10.0.0.1"],
        "expires": date(2026, 3, 1),
    }


# What no file can express.


def with_event(**keys: Any) -> Scenario:
    return replace(PLAIN, events=(Event(index=0, at_us=HOUR, **keys),))


@pytest.mark.parametrize(
    ("scenario", "found"),
    [
        (replace(PLAIN, title="a\nb"), r"title: found .*, expected a text"),
        (replace(PLAIN, nodes=()), "nodes: found nothing"),
        (with_event(verb=Verb.SERVER_STOP, by_us=1), r"events\[0\].by_us: found 1, which no file can express"),
        (with_event(verb=Verb.NODE_STOP), r"events\[0\]: found the nodes none, .* no pattern means just these"),
        (with_event(verb=Verb.NODE_STOP, nodes=("fdl-2", "fdl-1")), "found the nodes fdl-2, fdl-1, "),
        (
            with_event(verb=Verb.NETWORK_LOSS, nodes=("fdl-1",), percent=Fraction(1, 3)),
            r"events\[0\]: found 1/3, which no file can express: it is no decimal number",
        ),
        (with_event(verb=Verb.SERVER_START), r"events\[0\].do: found "),  # Nothing has stopped it.
        (with_event(verb=Verb.SERVER_SUSPEND, until_us=HOUR), r"events\[0\].lasts: found \"0s\""),
        (with_event(verb=Verb.CLOCK_FREEZE), r"events\[0\].host: found "),
        (replace(PLAIN, events=(Event(index=1, at_us=0, verb=Verb.SERVER_STOP),)), r"events\[0\].index: found 1"),
        (
            with_event(verb=Verb.TLS_USE, certificate=Certificate(from_us=10**18)),
            "found 11574074d 1h 46m 40s after 1970, which no file can express",
        ),
        (
            replace(PLAIN, licence=replace(PLAIN.licence, expires_us=1)),
            "expires_us: found 1, .* no day of any zone",
        ),
        (replace(PLAIN, node_uses=(NodeUse(index=1, nodes=("fdl-1", "fdl-2"), use="a:b"),)), r"node_uses\[0\].index"),
        (replace(PLAIN, node_uses=(NodeUse(index=0, nodes=(), use="a:b"),)), r"node_uses\[0\]: found nodes that"),
    ],
)
def test_what_no_file_can_express_is_named(scenario: Scenario, found: str) -> None:
    with pytest.raises(Unprintable, match=found):
        printed(scenario)
