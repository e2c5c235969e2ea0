"""Safety margins: exact flips derived by hand, what can be varied, how it is told, and the command."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.envelope import Flip, Margins, Notation, Quantity, Question, Step, Unplayable, find_margins, varied
from harness.envelope.flips import Phase, explore
from harness.problems import Mistake
from harness.report.margins import flip_lines, margins_lines
from harness.scenario_file import Document
from tests.rulebook.hand import DAY, HOUR, MINUTE, MS

STOP = """
title = "The server is stopped"
start = 2026-03-01T00:00:00Z
duration = "3d"
[licence]
capacity = 1
addresses = ["192.168.100.25 - 192.168.100.40"]
[network]
latency = "5ms"
[[nodes]]
name = "fdl"
address = "192.168.100.25"
application = "report1"
[[events]]
at = "1d 1h 30m"
do = "server.stop"
lasts = "23h"
[[expect]]
at = "2d 5h"
node = "fdl"
status = "registered"
"""

#: Three nodes, of which as many get in as there are slots.
THREE = STOP.replace('"fdl"\naddress', '"fdl"\ncount = 3\naddress').split("[[events]]")[0] + (
    '[[expect]]\nat = "1h"\nregistered = 2\n'
)

FDL = Quantity("node", "fdl")


def asked(vary: str, text: str = STOP, *, phases: int = 24, probes: int = 16) -> Question:
    what = varied(vary, Document(text, "stop.toml"))
    return Question(text=text, file="stop.toml", varied=what, phases=phases, probes=probes)


# The law, by hand.


def test_the_margin_of_a_stop_over_120_phases() -> None:
    # The stop begins at S = 25:30:00, and phase k polls at k minutes past the even hours. What is sent x before S
    # arrives 5 ms later, so it is granted if x > 5 ms: the last contacts are x = 1, 2, ... 120 minutes before S (the
    # poll at S itself is refused, so phase 90, which has it, polled last 120 minutes before). A node survives if the
    # poll at its deadline, last contact + 24 h, arrives at the return or later: the stop may last
    # S - x + 24 h + 5 ms - S = 24 h + 5 ms - x. That is 22 h 5 ms for x = 120 minutes and 23 h 59 min 5 ms for x = 1.
    # Half of them, x = 1 ... 60 minutes, survive up to 23 h 5 ms, which includes 23 h; and none survives 24 h.
    first_us = 22 * HOUR + 5 * MS
    found = find_margins(asked("events[0].lasts=20h..26h", phases=120, probes=6))
    assert found.survivors() == [
        Step(20 * HOUR, first_us, 120, 120),
        *(Step(first_us + (k - 1) * MINUTE + 1, first_us + k * MINUTE, 120 - k, 120) for k in range(1, 120)),
        Step(23 * HOUR + 59 * MINUTE + 5 * MS + 1, 26 * HOUR, 0, 120),
    ]
    of_nodes = {number: flip for number, phase in enumerate(found.phases) for flip in phase.flips if flip[2] == FDL}
    assert of_nodes[90] == Flip(first_us, first_us + 1, FDL, "survives", "lapses")
    # The expectation says the same in other words. Beyond 24 h the document's "more than 24 h" is put to the test.
    assert margins_lines(found) == [
        "stop.toml [literal]: events[0].lasts from 20h to 1d 2h, 120 phases",
        "  every node survives up to 22h 5ms, half up to 23h 5ms, none from 23h 59m 5ms 1us",
        "  line 18: met in every phase up to 22h 5ms, in half of them up to 23h 5ms, in none from 23h 59m 5ms 1us",
        "  no rule is violated",
    ]


@pytest.mark.parametrize("latency_us", [0, 5 * MS, 1_000 * MS])
def test_the_latency_is_part_of_the_margin(latency_us: int) -> None:
    # The file's own phase polls at 24:00:00, x = 90 minutes before the stop: 24 h - 90 min + the latency.
    text = STOP.replace('"5ms"', f'"{latency_us}us"')
    found = find_margins(asked("events[0].lasts=20h..26h", text, phases=0))
    assert [step.last for step in found.survivors()] == [22 * HOUR + 30 * MINUTE + latency_us, 26 * HOUR]


def test_the_slightest_drift_decides_a_tie() -> None:
    # The stop ends as the poll at last contact + 24 h arrives: 22 h 30 min and 5 ms later than it began, without drift.
    # A clock that is slow sends it later, which is in time for the node and late for the slot. A fast one sends it too
    # soon: it finds the port closed. So only without drift it survives; the smallest drift is a thousandth of a ppm.
    text = STOP.replace('"23h"', '"22h 30m 5ms"') + '[[events]]\nat = "1d"\ndo = "clock.drift"\nhost = "fdl"\nppm = 3\n'
    found = find_margins(asked("events[1].ppm=-2..2", text, phases=0, probes=2))
    assert [(flip.below, flip.above) for flip in found.phases[0].flips if flip.quantity == FDL] == [(-1, 0), (0, 1)]


def test_what_flips_back_is_found_twice() -> None:
    found = find_margins(asked("licence.capacity=1..5", THREE, phases=0))
    # Of three nodes as many survive as there are slots, and two are live with two slots only.
    assert margins_lines(found)[1:] == [
        "  1 of 3 survive up to 1, half from 2, every node survives from 3",
        "  line 15: not met at 1; met at 2; not met from 3 to 5",
        "  no rule is violated",
    ]
    flips = [(flip.below, flip.quantity.name, flip.before, flip.after) for flip in found.phases[0].flips]
    assert [each for each in flips if each[1][0] != "R"] == [
        (1, "fdl-2", "ends unregistered", "survives"),
        (1, "0", "not met", "met"),
        (2, "fdl-3", "ends unregistered", "survives"),
        (2, "0", "met", "not met"),
    ]


def test_nodes_that_are_not_there_are_no_survivors() -> None:
    found = find_margins(asked("nodes[0].count=1..3", THREE.replace("capacity = 1", "capacity = 2"), phases=0))
    assert found.survivors() == [Step(1, 1, 1, 1), Step(2, 2, 2, 2), Step(3, 3, 2, 3)]
    assert margins_lines(found)[1] == "  every node survives up to 2, 2 of 3 survive from 3"


@pytest.mark.parametrize(
    ("lasts", "ends", "comes_to"),
    [
        # The poll at 26:00 is refused, that at 28:00 is granted after a stop of an hour. 24:00 was the last contact.
        ("1h", "1d 4h 1m", "survives"),
        ("2h", "1d 2h 1m", "survives, ends interrupted"),
        ("23h", "2d 1m", "lapses"),
    ],
)
def test_what_a_node_comes_to(lasts: str, ends: str, comes_to: str) -> None:
    text = STOP.split("[[expect]]")[0].replace('"3d"', f'"{ends}"').replace('"23h"', f'"{lasts}"')
    again = explore(asked("network.latency=5ms..6ms", text, probes=1), 0)
    assert again.lowest[FDL] == comes_to


def test_a_lapsed_node_that_is_registered_again_did_not_survive() -> None:
    text = STOP + '[[events]]\nat = "2d 8h"\ndo = "node.register"\nnode = "fdl"\n'
    found = find_margins(asked("events[0].lasts=22h..24h", text, phases=0))
    assert [flip[3:] for flip in found.phases[0].flips if flip.quantity == FDL] == [
        ("survives", "lapses, ends registered")
    ]


# The search.


def test_guesses_decide_nothing() -> None:
    question = asked("events[0].lasts=20h..26h", phases=8)
    alone = explore(question, 3)
    for known in (
        (22 * HOUR, 23 * HOUR),
        (22 * HOUR + 30 * MINUTE + 5 * MS,),
        tuple(range(20 * HOUR, 26 * HOUR, HOUR)),
    ):
        guided = explore(question, 3, known)
        assert (guided.lowest, guided.flips) == (alone.lowest, alone.flips)
    # Phase 3 polls 45 minutes later than phase 0, which flips at 22 h 30 min 5 ms and, with its rules, at 24 h.
    assert explore(question, 3, (22 * HOUR + 30 * MINUTE + 5 * MS, DAY)).runs < alone.runs / 2


def test_the_flips_of_the_file_are_the_guesses_for_other_phases() -> None:
    question = asked("events[0].lasts=20h..26h", phases=2, probes=1)
    assert find_margins(question).phases[1].runs < explore(question, 1).runs / 2


def test_what_flips_back_between_two_probes_is_not_seen() -> None:
    # Ten minutes of a stop are noticed if the poll that arrives at 2:00:00.005 is in them.
    text = STOP.replace('"1d 1h 30m"', '"2h"').replace('"23h"', '"10m"')
    assert explore(asked("events[0].at=1h..3h", text, probes=1), 0).flips == ()
    flips = explore(asked("events[0].at=1h..3h", text, probes=16), 0).flips
    assert [flip.below for flip in flips if flip.quantity.name == "R027"] == [
        110 * MINUTE + 5 * MS,
        120 * MINUTE + 5 * MS,
    ]


def test_processes_find_the_same() -> None:
    question = asked("events[0].lasts=22h..24h", phases=3, probes=4)
    told: list[int] = []
    assert find_margins(question, 2, told.append) == find_margins(question)
    assert sum(told) == 3 * 4


def test_a_phase_moves_registrations_and_nothing_else() -> None:
    # `late` is registered an hour after `fdl`, `never` by an event, and the copy by nobody.
    more = """
[[nodes]]
name = "late"
address = "192.168.100.26"
application = "report1"
register = "1h"
[[nodes]]
name = "never"
address = "192.168.100.27"
application = "report1"
register = "never"
[[nodes]]
name = "copy"
address = "192.168.100.28"
application = "report1"
clone_of = "fdl"
"""
    text = (STOP.split("[[events]]")[0] + more).replace("capacity = 1", "capacity = 4")
    for name, status, at, phase in [
        # Phase 1 of 2 is an hour later: 01:00 and 02:00, each known 10 ms after.
        ("fdl", "registered", "1h 9ms 999us", 0),
        ("fdl", "unregistered", "1h 9ms 999us", 1),
        ("fdl", "registered", "1h 10ms", 1),
        ("late", "unregistered", "2h 9ms 999us", 1),
        ("late", "registered", "2h 10ms", 1),
        ("never", "unregistered", "3d", 1),
        ("copy", "unregistered", "3d", 1),
    ]:
        expects = f'[[expect]]\nat = "{at}"\nnode = "{name}"\nstatus = "{status}"\n'
        found = explore(asked("licence.capacity=4..5", text + expects, phases=2), phase)
        assert found.lowest[Quantity("expectation", "0", 30)] == "met", (name, at, phase)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("registered", "not met up to 2, met from 3"),
        # With one slot the first node is registered, and only the others are not.
        ("unregistered", "not met from 1 to 3"),
    ],
)
def test_an_expectation_of_several_nodes_is_met_if_it_is_at_each(status: str, told: str) -> None:
    text = THREE.replace("registered = 2", f'node = "fdl-*"\nstatus = "{status}"')
    found = find_margins(asked("licence.capacity=1..3", text, phases=0))
    assert margins_lines(found)[2] == f"  line 15: {told}"


def test_a_value_without_a_scenario() -> None:
    with pytest.raises(Unplayable, match=r"stop.toml:6:12: licence.capacity: found 0, expected a number") as caught:
        find_margins(asked("licence.capacity=0..3"))
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.path, again.value, again.later_us, str(again)) == ("licence.capacity", "0", 0, str(caught.value))


# What can be varied.


@pytest.mark.parametrize(
    ("vary", "low", "high", "unit"),
    [
        ("events[0].lasts=20h..1d 2h", 20 * HOUR, 26 * HOUR, "us"),
        # Double the value; an event has to last, so that it begins at a microsecond.
        ("events[0].lasts", 1, 46 * HOUR, "us"),
        ("network.latency", 0, 10 * MS, "us"),
        ("licence.capacity", 1, 2, "1"),
        # What the file leaves out can be put there.
        ("network.timeout = 1s .. 30s", 1_000 * MS, 30_000 * MS, "us"),
        ("server.ttl=0s..1h", 0, HOUR, "us"),
        ("events[1].ppm=-1.5..2", -1_500, 2_000, "1/1000"),
        ("events[1].ppm", -6_000, 0, "1/1000"),
        ("events[1].percent=0.01..50", 100, 500_000, "1/10000"),
        ("events[2].by", -2 * HOUR, 0, "us"),
    ],
)
def test_a_range(vary: str, low: int, high: int, unit: str) -> None:
    more = """
[[events]]
at = "1d"
do = "clock.drift"
host = "fdl"
ppm = -3
[[events]]
at = "1d"
do = "clock.step"
host = "fdl"
by = "-1h"
"""
    found = varied(vary, Document(STOP + more, "stop.toml"))
    assert (found.low, found.high, found.notation.unit) == (low, high, unit)
    assert found.derived is ("=" not in vary)


def test_a_value_is_put_into_a_copy() -> None:
    document = Document(STOP, "stop.toml")
    assert varied("events[0].lasts", document).put(document.data, 5 * MS)["events"][0]["lasts"] == "5ms"
    assert varied("server.ttl=0s..1h", document).put(document.data, HOUR)["server"] == {"ttl": "1h"}
    assert document.data == Document(STOP, "stop.toml").data


@pytest.mark.parametrize(
    ("notation", "value", "written"),
    [
        (Notation(True), -90_000_001, "-1m 30s 1us"),
        (Notation(False), 7, 7),
        (Notation(False, 1_000), -1, -0.001),
        (Notation(False, 1_000), 2_000, 2),
        (Notation(False, 10_000), 500_001, 50.0001),
    ],
)
def test_a_value_is_written_as_it_is_read(notation: Notation, value: int, written: object) -> None:
    assert notation.written(value) == written
    assert notation.read(notation.shown(value)) == value


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ("events[0", 'found "events[0", expected the way to a value, such as "events[0].lasts"'),
        ("", 'found "", expected the way to a value'),
        ("events[1].lasts", r"found events[1], expected events[0], counted from 0"),
        ("nodes[0].count[0]=1..2", "found nodes[0].count, which is not in the file, expected one of name, address"),
        ("events.lasts", "found .lasts after events, which is a list of 1 item, expected an index: events[0].lasts"),
        ("title[0]", 'found [0] after title, which is "The server is stopped", expected the key of a table'),
        ("title.x", 'found .x after title, which is "The server is stopped", expected title alone'),
        ("events[0].last", "(did you mean lasts?); or a range: events[0].last=LOW..HIGH"),
        ("server.ttl", "or a range: server.ttl=LOW..HIGH"),
        ("event[0].lasts=1h..2h", "(did you mean events?)"),
        ("title", 'found "The server is stopped" at title, expected a duration or a number, or a range: title=LOW..'),
        ("start", "at start, expected a duration or a number, since only these are varied"),
        ("events[0]", "found a table at events[0], expected a duration or a number"),
        ("nodes[0].register", "found nodes[0].register, which is not in the file"),
        ("events[0].lasts=20h", 'found "20h", expected a range such as "20h..26h" or "1..50"'),
        ("events[0].lasts=20x..26h", 'found "20x", expected a duration such as'),
        ("events[0].lasts=20h..26", 'found "26", expected a duration such as'),
        ("events[0].lasts=0..26h", 'found "0..26h", expected a unit at both ends (did you mean 0s..26h?)'),
        ("events[0].by=-1h 30m .. 0", 'found "-1h 30m .. 0", expected a unit at both ends (did you mean -1h 30m..0s?)'),
        ("events[0].lasts=0..26x", 'found "26x", expected a number'),
        ("licence.capacity=1..5h", 'found "5h", expected a number'),
        ("licence.capacity=1..5.5", 'found "5.5", expected a whole number'),
        ("events[1].ppm=0..0.0001", 'found "0.0001", expected a number of whole 1/1000'),
        ("events[0].lasts=26h..20h", "found a range from 26h to 20h, expected LOW below HIGH"),
        ("events[0].lasts=20h..20h", "found a range from 20h to 20h, expected LOW below HIGH"),
    ],
)
def test_what_cannot_be_varied(vary: str, message: str) -> None:
    more = '[[events]]\nat = "1d"\ndo = "clock.drift"\nhost = "fdl"\nppm = -3\n'
    text = STOP + (more if "ppm" in vary else "")
    with pytest.raises(Mistake) as caught:
        varied(vary, Document(text, "stop.toml"))
    assert message in str(caught.value)


def test_from_nothing_no_range_follows() -> None:
    with pytest.raises(Mistake, match=r'found "0s" at network.latency, from which no range follows, expected one'):
        varied("network.latency", Document(STOP.replace('"5ms"', '"0s"'), "stop.toml"))


# How it is told.


def told(*flips: tuple[int, int, str, str], survive: bool = True, phases: int = 4) -> str:
    """Return the sentence about nodes of which each phase has one: flips are (phase, below, before, after)."""
    question = asked("events[0].lasts=1us..100us", phases=phases)
    lowest = {FDL: "survives" if survive else "lapses"}
    found = [
        tuple(Flip(below, below + 1, FDL, *change) for number, below, *change in flips if number == phase)
        for phase in range(phases)
    ]
    made = [Phase(lowest=lowest, flips=each, reading="literal", runs=1) for each in found]
    return margins_lines(Margins(question=question, phases=tuple(made)))[1].strip()


LOST, BACK = ("survives", "lapses"), ("lapses", "survives")


@pytest.mark.parametrize(
    ("flips", "survive", "sentence"),
    [
        ([], True, "every node survives from 1us to 100us"),
        ([], False, "none from 1us to 100us"),
        ([(0, 9)], True, "every node survives up to 9us, 3 of 4 survive from 10us"),
        ([(0, 9), (1, 9), (2, 9), (3, 9)], True, "every node survives up to 9us, none from 10us"),
        (
            [(0, 5), (1, 6), (2, 7), (3, 8)],
            True,
            "every node survives up to 5us, half up to 7us, none from 9us",
        ),
        ([(0, 5), (1, 6), (2, 7)], True, "every node survives up to 5us, half up to 7us, 1 of 4 survive from 8us"),
        ([(0, 5), (1, 6), (2, 7), (3, 8)], False, "none up to 5us, half from 7us, every node survives from 9us"),
        # More than half still survive at the end of the range, so it is nowhere that no more than half do.
        ([(0, 5), (1, 6)], True, "every node survives up to 5us, 2 of 4 survive from 7us"),
    ],
)
def test_a_sentence(flips: list[tuple[int, int]], survive: bool, sentence: str) -> None:
    change = LOST if survive else BACK
    assert told(*((phase, below, *change) for phase, below in flips), survive=survive) == sentence


def test_a_sentence_about_what_rises_and_falls() -> None:
    assert told((0, 5, *LOST), (1, 6, *LOST), (0, 8, *BACK), (1, 8, *BACK)) == (
        "every node survives from 1us to 5us; 2 to 3 of 4 survive from 6us to 8us; "
        "every node survives from 9us to 100us"
    )


def test_the_table_of_flips() -> None:
    quantity = Quantity("expectation", "2", 21)
    flips = (Flip(9, 10, FDL, *LOST), Flip(9, 10, quantity, "met", "not met"), Flip(50, 51, FDL, *BACK))
    phases = [Phase(lowest={FDL: "survives", quantity: "met"}, flips=flips[:2], reading="literal", runs=1)] * 3
    phases.append(replace(phases[0], flips=flips[2:]))
    found = Margins(question=asked("events[0].lasts=1us..100us"), phases=tuple(phases))
    assert flip_lines(found) == [
        "up to  from  phases  what changes",
        "9us    10us  0-2     fdl: survives -> lapses, line 21: met -> not met",
        "50us   51us  3       fdl: lapses -> survives",
    ]
    assert flip_lines(replace(found, phases=found.phases[:1])) == [
        "up to  from  what changes",
        "9us    10us  fdl: survives -> lapses, line 21: met -> not met",
    ]


def test_a_rule_that_is_violated_is_told_with_its_values() -> None:
    rule = Quantity("rule", "R033")
    flips = (Flip(9, 10, rule, "held", "violated"), Flip(20, 21, rule, "violated", "held"))
    phase = Phase(lowest={FDL: "survives", rule: "held"}, flips=flips, reading="literal", runs=1)
    found = Margins(question=asked("events[0].lasts=1us..100us"), phases=(phase,))
    assert margins_lines(found)[-1] == "  R033 is violated from 10us to 20us"


# The command.


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI", "1")
    (tmp_path / "stop.toml").write_text(STOP)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["envelope", *arguments], catch_exceptions=False)


def test_the_command(files: Path) -> None:
    done = call("stop.toml", "--vary", "events[0].lasts=22h..23h 30m", "--phases", "2", "--json", "out.json")
    assert done.exit_code == 0
    # Phase 0 polled last 90 minutes before the stop, phase 1 30 minutes: 22 h 30 min and 23 h 30 min, and 5 ms. The
    # second is just beyond the range.
    assert done.output.splitlines() == [
        "stop.toml [literal]: events[0].lasts from 22h to 23h 30m, 2 phases",
        "  every node survives up to 22h 30m 5ms, 1 of 2 survive from 22h 30m 5ms 1us",
        "  line 18: met in every phase up to 22h 30m 5ms, met in 1 of 2 phases from 22h 30m 5ms 1us",
        "  no rule is violated",
        "",
        "up to        from             phases  what changes",
        "22h 30m 5ms  22h 30m 5ms 1us  0       fdl: survives -> lapses, R028: held -> unknown, "
        "R033: unknown -> held, line 18: met -> not met",
    ]
    found = json.loads((files / "out.json").read_text())
    edge_us = 22 * HOUR + 30 * MINUTE + 5 * MS
    assert found["vary"] == {"path": "events[0].lasts", "low": 22 * HOUR, "high": DAY - 30 * MINUTE, "unit": "us"}
    assert found["survivors"] == [
        {"from": 22 * HOUR, "to": edge_us, "surviving": 2, "of": 2},
        {"from": edge_us + 1, "to": DAY - 30 * MINUTE, "surviving": 1, "of": 2},
    ]
    assert found["flips"][0] == {
        "below": edge_us,
        "above": edge_us + 1,
        "kind": "node",
        "name": "fdl",
        "before": "survives",
        "after": "lapses",
        "phases": [0],
    }
    assert (found["simulated"], found["phases"], found["summary"][2]) == (True, 2, "no rule is violated")


@pytest.mark.parametrize(("name", "first"), [("curve.png", b"\x89PNG"), ("curve.SVG", b"<?xml")])
def test_a_curve_is_the_same_file_each_time(files: Path, name: str, first: bytes) -> None:
    vary = ("--vary", "events[0].lasts=22h..23h", "--phases", "0", "--probes", "1")
    assert call("stop.toml", *vary, "--plot", name).exit_code == 0
    drawn = (files / name).read_bytes()
    assert drawn.startswith(first)
    assert call("stop.toml", *vary, "--plot", name).exit_code == 0
    assert (files / name).read_bytes() == drawn


def test_without_the_library_it_says_how_to_get_it(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("harness.cli.envelope"), "find_spec", lambda name: None)
    done = call("stop.toml", "--vary", "events[0].lasts", "--plot", "curve.png")
    assert done.exit_code == 2
    assert "--plot needs matplotlib, which is not installed: pip install 'fdl-harness[plots]'." in done.output


def test_only_a_plot_needs_the_library() -> None:
    ask = "import sys, harness.cli, harness.report.curve, harness.report.margins; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--vary", "events[0].last"], "(did you mean lasts?)"),
        (["--vary", "events[0].lasts", "--plot", "curve.gif"], "curve.gif ends in none of .png, .svg."),
        (["--vary", "events[0].lasts", "--json", "stop.toml"], "a report would overwrite it"),
        (["--vary", "events[0].lasts", "--plot", "gone/curve.png"], "gone/curve.png cannot be written"),
        (["--vary", "events[0].lasts", "--reading", "all"], "margins are found under one reading at a time."),
        ([], "Missing option '--vary'"),
        (
            ["--vary", "licence.capacity=0..3"],
            "licence.capacity = 0 cannot be played; give another range: licence.capacity=LOW..HIGH",
        ),
        (
            ["--vary", "events[0].last=1h..2h"],
            "stop.toml:14:1: events[0].last: found a key that server.stop does not take, expected one of at, do, lasts",
        ),
    ],
)
def test_a_wrong_call(files: Path, arguments: list[str], message: str) -> None:
    done = call("stop.toml", *arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
    assert "Traceback" not in done.output
    assert (files / "stop.toml").read_text() == STOP


#: 90 minutes before the end, so that phases up to 3 of 4, 90 minutes later, are within it.
LATE = STOP.split("[[events]]")[0] + 'register = "2d 22h 30m"\n'


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("duration", "phases", "remedy"),
    [
        ("3d", "4", None),
        # Phase 3 is 90 minutes later, beyond an end that is a microsecond earlier; phase 2, an hour, is not.
        ("2d 23h 59m 59s 999ms 999us", "4", "here 1h 30m; give a longer duration, or --phases 0"),
        ("2d 23h 59m 59s 999ms 999us", "0", None),
        # Registered as it ends, the file leaves no phase room.
        ("2d 22h 30m", "4", "here 30m; give a longer duration, or --phases 0"),
    ],
)
def test_a_phase_that_registers_after_the_end_is_to_blame(
    files: Path, workers: str, duration: str, phases: str, remedy: str | None
) -> None:
    (files / "late.toml").write_text(LATE.replace('"3d"', f'"{duration}"'))
    vary = ("--vary", "network.latency=5ms..6ms", "--probes", "1")
    done = call("late.toml", *vary, "--phases", phases, "-j", workers)
    if remedy is None:
        assert done.exit_code == 0, done.output
    else:
        assert done.exit_code == 2
        assert remedy in done.output


def test_a_file_that_is_none(files: Path) -> None:
    (files / "empty.toml").write_text(STOP.split("[[nodes]]")[0] + "nodes = []\n")
    for name, message in [
        ("empty.toml", "expected this key, which every scenario needs"),
        ("gone.toml", "gone.toml: found no such file or directory, expected a scenario file"),
        (".", "is a directory"),
    ]:
        done = call(name, "--vary", "events[0].lasts")
        assert done.exit_code == 2
        assert message in done.output


def test_another_reading_has_another_margin(files: Path) -> None:
    # Under `windows-close` no registration survives a stop, however short.
    done = call("stop.toml", "--vary", "events[0].lasts=1h..2h", "--phases", "0", "--reading", "windows-close")
    assert done.output.splitlines()[:2] == [
        "stop.toml [windows-close]: events[0].lasts from 1h to 2h, the phases of the file",
        "  none from 1h to 2h",
    ]
