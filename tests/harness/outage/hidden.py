"""Timelines with hidden causes: what happened, what of it a customer would have handed in, and by which clocks.

`HIDDEN` are cases whose cause can be told from the record. `ALIKE` are cases in which two causes explain the record
equally well. The records are kept in ``timelines``, as a customer would send them; ``python -m
tests.harness.outage.hidden`` writes them anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from harness.durations import parse_duration
from harness.outage.causes import Kind
from harness.outage.record import Record, What
from harness.outage.writing import timeline
from harness.runner import Job, run_one
from harness.scenario import SERVER, Scenario
from harness.scenario_file import from_mapping
from reference_server.readings import reading_named
from tests.harness.outage.observing import observed, worn

__all__ = ["ALIKE", "FOLDER", "HIDDEN", "Hidden", "recorded", "scenario_of"]

FOLDER = Path(__file__).parent / "timelines"
_SECOND, _MINUTE = 1_000_000, 60_000_000
_LISTS = frozenset({What.FAILED, What.REGISTERED, What.STATUS})

Tables = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Hidden:
    """One case. ``causes`` are the kinds that a diagnosis has to name, each with its nodes, and ``alike`` those that
    explain the record as well.

    ``unit_us``, ``offset_us`` and ``missing`` are what `worn` makes of it with ``seed``. ``restarts`` tells whether
    those of the server were noted, ``since`` from when on anything was.
    """

    name: str
    events: Tables
    causes: tuple[tuple[Kind, tuple[str, ...]], ...]
    alike: tuple[tuple[Kind, tuple[str, ...]], ...] = ()
    count: int = 3
    nodes: Tables = ()
    licence: Mapping[str, Any] = field(default_factory=dict)
    duration: str = "4d"
    reading: str = "literal"
    looks: Sequence[str] = ()
    counts: bool = False
    restarts: bool = False
    registers: bool = True
    since: str = "0s"
    strangers: tuple[str, ...] = ()
    unit_us: int = _SECOND
    offset_us: int = 0
    missing: int = 0
    seed: int = 1


def at(when: str, verb: str, **keys: Any) -> dict[str, Any]:
    """Return an event."""
    return {"at": when, "do": verb, **keys}


def again(when: str, only: str | None = "lapsed") -> dict[str, Any]:
    """Return the event that an administrator registers all nodes that are lost."""
    return at(when, "node.register", node="*", **({} if only is None else {"only": only}))


@cache
def scenario_of(hidden: Hidden) -> Scenario:
    """Return what happened."""
    fleet = {
        "name": "fdl",
        "count": hidden.count,
        "address": "10.1.0.11",
        "application": "report1",
        "register": "10m 7s",
        "spread": "17m 21s",
    }
    data = {
        "title": hidden.name,
        "start": datetime(2026, 3, 1, tzinfo=UTC),
        "duration": hidden.duration,
        "reading": hidden.reading,
        "licence": {
            "capacity": hidden.count + len(hidden.nodes),
            "addresses": ["10.1.0.1 - 10.1.0.199"],
            **hidden.licence,
        },
        "nodes": [fleet, *hidden.nodes],
        "events": list(hidden.events),
    }
    return from_mapping(data)


@cache
def recorded(hidden: Hidden) -> Record:
    """Return what a customer has written down of it."""
    scenario = scenario_of(hidden)
    result = run_one(Job(scenario=scenario, reading=reading_named(hidden.reading)))
    record = observed(result, looks_us=tuple(parse_duration(look) for look in hidden.looks), cuts=False)
    record = worn(
        record,
        hidden.seed,
        offset_us=hidden.offset_us,
        unit_us=hidden.unit_us,
        missing=hidden.missing,
        only=(What.FAILED,),
    )
    since_us = scenario.start_us + parse_duration(hidden.since)
    kept = [each for each in record.observations if each.at_us >= since_us and _is_kept(hidden, each.source, each.what)]
    lines = enumerate(kept, start=2)
    return Record(f"{hidden.name}.csv", tuple(replace(each, line=line, asked=None, text="") for line, each in lines))


def _is_kept(hidden: Hidden, source: str, what: What) -> bool:
    if source in hidden.strangers:
        return False
    if source == SERVER:
        return hidden.counts if what is What.STATUS else hidden.restarts and what in (What.STOPPED, What.STARTED)
    return what in _LISTS and (hidden.registers or what is not What.REGISTERED)


def _all(kind: Kind) -> tuple[tuple[Kind, tuple[str, ...]], ...]:
    return ((kind, ()),)


_CRM = {"name": "crm", "address": "10.1.0.60", "application": "crm", "register": "1h 5m 9s"}
_LATE = {"name": "late", "address": "10.1.0.61", "application": "report1", "register": "39h 30m 4s"}
_TWIN = {"name": "twin", "address": "10.1.0.62", "application": "report1", "clone_of": "fdl-2"}
_DAILY_STOPS = [at(f"{24 * day + 9}h", "server.stop", lasts="3h") for day in range(1, 8)]

HIDDEN = (
    Hidden(name="stop-overnight", events=[at("40h", "server.stop", lasts="5h")], causes=_all(Kind.STOP)),
    Hidden(
        name="stop-26h",
        events=[at("40h", "server.stop", lasts="26h"), again("68h")],
        causes=_all(Kind.STOP),
        count=6,
        unit_us=_MINUTE,
        missing=10,
    ),
    Hidden(
        name="stop-weekend",
        events=[at("40h 12m", "server.stop", lasts="50h"), again("92h 30m")],
        causes=_all(Kind.STOP),
        count=4,
        duration="6d",
        offset_us=2 * _MINUTE,
        looks=["30h", "110h"],
    ),
    Hidden(name="stop-for-one-poll", events=[at("40h 3m", "server.stop", lasts="2h 10m")], causes=_all(Kind.STOP)),
    Hidden(
        name="two-stops",
        events=[at("30h", "server.crash", lasts="4h"), at("70h 20m", "server.stop", lasts="7h")],
        causes=((Kind.STOP, ()), (Kind.STOP, ())),
        count=4,
        duration="5d",
        missing=10,
        seed=3,
    ),
    Hidden(name="stop-for-good", events=[at("50h 5m", "server.stop")], causes=_all(Kind.STOP), count=4),
    Hidden(
        name="cut-of-one",
        events=[at("40h", "network.cut", node="fdl-2", lasts="7h")],
        causes=((Kind.CUT, ("fdl-2",)),),
        count=4,
    ),
    Hidden(
        name="cut-of-two",
        events=[at("33h 40m", "network.cut", node=name, lasts="11h") for name in ("fdl-2", "fdl-4")],
        causes=((Kind.CUT, ("fdl-2", "fdl-4")),),
        count=5,
        unit_us=_MINUTE,
        offset_us=2 * _MINUTE,
        missing=10,
    ),
    Hidden(
        name="cut-of-all",
        events=[at("44h 40m", "network.cut", lasts="6h")],
        causes=_all(Kind.CUT),
        count=4,
        offset_us=2 * _MINUTE,
    ),
    Hidden(
        name="cut-of-one-27h",
        events=[at("40h", "network.cut", node="fdl-3", lasts="27h"), again("69h")],
        causes=((Kind.CUT, ("fdl-3",)),),
        count=4,
        looks=["80h"],
        missing=20,
    ),
    Hidden(
        name="answers-lost",
        events=[at("40h", "network.cut", node="fdl-2", direction="answers", lasts="27h"), again("70h")],
        causes=((Kind.LOST_ANSWERS, ("fdl-2",)),),
        looks=["69h"],
        counts=True,
    ),
    Hidden(
        name="nat-for-all",
        events=[at("40h", "nat.add", address="10.1.0.90", lasts="9h")],
        causes=_all(Kind.NAT),
        count=5,
        missing=10,
        unit_us=_MINUTE,
    ),
    Hidden(
        name="nat-for-two",
        events=[at("40h", "nat.add", node=name, address="10.1.0.90", lasts="9h") for name in ("fdl-1", "fdl-3")],
        causes=((Kind.NAT, ("fdl-1", "fdl-3")),),
        count=4,
        offset_us=2 * _MINUTE,
    ),
    Hidden(
        name="moved-and-back",
        events=[
            at("40h", "node.move", node="fdl-2", address="10.9.0.5"),
            at("53h", "node.move", node="fdl-2", address="10.1.0.77"),
        ],
        causes=((Kind.MOVED, ("fdl-2",)),),
        count=4,
    ),
    Hidden(
        name="moved-for-good",
        events=[at("40h 50m", "node.move", node="fdl-4", address="10.9.0.5")],
        causes=((Kind.MOVED, ("fdl-4",)),),
        count=4,
        unit_us=_MINUTE,
        missing=20,
    ),
    Hidden(
        name="expired-and-renewed",
        events=[at("53h", "licence.change", expires=date(2027, 3, 1))],
        licence={"expires": date(2026, 3, 2)},
        causes=_all(Kind.EXPIRED),
        count=4,
    ),
    Hidden(
        name="expired-in-shanghai",
        events=[at("50h", "licence.change", expires=date(2027, 3, 1))],
        licence={"expires": date(2026, 3, 2), "zone": "Asia/Shanghai"},
        causes=_all(Kind.EXPIRED),
        count=5,
        offset_us=2 * _MINUTE,
        missing=10,
    ),
    Hidden(
        name="expired-for-good",
        events=[],
        licence={"expires": date(2026, 3, 2)},
        causes=_all(Kind.EXPIRED),
        unit_us=_MINUTE,
        duration="3d",
    ),
    Hidden(
        name="suspended",
        events=[at("42h", "licence.suspend", lasts="15h")],
        causes=_all(Kind.SUSPENDED),
        count=4,
        offset_us=2 * _MINUTE,
        missing=10,
    ),
    Hidden(
        name="application-left-out",
        events=[
            at("40h", "licence.change", applications=["report1"]),
            at("50h", "licence.change", applications=["report1", "crm"]),
        ],
        nodes=[_CRM],
        causes=((Kind.APPLICATIONS, ("crm",)),),
    ),
    Hidden(
        name="one-slot-taken",
        events=[],
        nodes=[
            {"name": "stranger", "address": "10.1.0.70", "application": "report1"},
            {"name": "new", "address": "10.1.0.71", "application": "report1", "register": "30h"},
        ],
        licence={"capacity": 4},
        strangers=("stranger",),
        causes=_all(Kind.CAPACITY),
    ),
    Hidden(
        name="two-slots-taken",
        events=[at("31h", "node.register", node="new-1"), at("34h", "node.register", node="new-2")],
        nodes=[
            {"name": "stranger", "count": 2, "address": "10.1.0.70", "application": "report1"},
            {"name": "new", "count": 2, "address": "10.1.0.75", "application": "report1", "register": "30h"},
        ],
        licence={"capacity": 5},
        strangers=("stranger-1", "stranger-2"),
        causes=_all(Kind.CAPACITY),
        unit_us=_MINUTE,
    ),
    Hidden(
        name="copy-of-a-node",
        events=[
            at("41h", "node.clone", node="twin"),
            at("41h 1m", "node.register", node="twin"),
            at("49h", "node.stop", node="twin"),
        ],
        nodes=[_TWIN],
        strangers=("twin",),
        causes=((Kind.SECOND, ("fdl-2",)),),
        count=4,
    ),
    Hidden(
        name="server-clock-forward",
        events=[
            at("40h", "server.stop", lasts="10m"),
            at("40h 5m", "clock.step", host="server", by="25h"),
            again("55h", only="rejected"),
        ],
        causes=_all(Kind.STEP),
        count=4,
        restarts=True,
    ),
    Hidden(
        name="snapshot-before-the-last-node",
        events=[
            at("40h", "server.stop", lasts="20m"),
            at("40h 10m", "server.rollback", to="39h"),
            again("55h", only="rejected"),
        ],
        nodes=[_LATE],
        causes=_all(Kind.RESTORED),
        restarts=True,
    ),
    Hidden(
        name="hardware-of-a-virtual-machine",
        events=[at("40h", "identity.drift", lasts="8h")],
        causes=_all(Kind.IDENTITY),
        count=4,
        missing=10,
        seed=2,
    ),
    Hidden(
        name="node-clock-drifts",
        events=[at("0s", "clock.drift", host="fdl-2", ppm=9000), *_DAILY_STOPS],
        causes=((Kind.DRIFT, ()),),
        duration="9d",
        restarts=True,
    ),
    Hidden(
        name="cut-of-one-then-stop",
        events=[at("40h", "network.cut", node="fdl-2", lasts="7h"), at("60h", "server.stop", lasts="6h")],
        causes=((Kind.CUT, ("fdl-2",)), (Kind.STOP, ())),
        count=4,
    ),
    Hidden(
        name="nat-then-suspended",
        events=[at("30h", "nat.add", address="10.1.0.90", lasts="6h"), at("60h", "licence.suspend", lasts="9h")],
        causes=((Kind.NAT, ()), (Kind.SUSPENDED, ())),
        count=4,
        offset_us=2 * _MINUTE,
        missing=10,
    ),
    Hidden(
        name="stop-with-many-rows-missing",
        events=[at("36h 25m", "server.stop", lasts="13h")],
        causes=_all(Kind.STOP),
        count=8,
        unit_us=_MINUTE,
        offset_us=2 * _MINUTE,
        missing=20,
        seed=5,
    ),
)

ALIKE = (
    Hidden(
        name="alike-stop-or-cut-to-the-minute",
        events=[at("40h", "server.stop", lasts="5h")],
        causes=_all(Kind.STOP),
        alike=_all(Kind.CUT),
        unit_us=_MINUTE,
        since="20h",
    ),
    Hidden(
        name="alike-stop-or-cut-without-registrations",
        events=[at("40h 20m", "network.cut", lasts="9h")],
        causes=_all(Kind.STOP),
        alike=_all(Kind.CUT),
        count=5,
        since="20h",
    ),
    Hidden(
        name="alike-stop-or-cut-for-good",
        events=[at("60h", "server.stop")],
        causes=_all(Kind.STOP),
        alike=_all(Kind.CUT),
        since="20h",
        missing=10,
    ),
    Hidden(
        name="alike-cut-or-answers-lost",
        events=[at("40h", "network.cut", node="fdl-2", lasts="7h")],
        causes=((Kind.CUT, ("fdl-2",)),),
        alike=((Kind.LOST_ANSWERS, ("fdl-2",)),),
    ),
    Hidden(
        name="alike-cut-or-answers-lost-27h",
        events=[at("40h", "network.cut", node="fdl-2", direction="answers", lasts="27h"), again("70h")],
        causes=((Kind.CUT, ("fdl-2",)),),
        alike=((Kind.LOST_ANSWERS, ("fdl-2",)),),
        offset_us=2 * _MINUTE,
    ),
    Hidden(
        name="alike-nat-or-moved",
        events=[at("40h", "nat.add", node="fdl-1", address="10.1.0.90", lasts="7h")],
        causes=((Kind.NAT, ("fdl-1",)),),
        alike=((Kind.MOVED, ("fdl-1",)),),
    ),
    Hidden(
        name="alike-nat-or-other-ranges",
        events=[
            at("40h", "licence.change", addresses=["10.1.0.1 - 10.1.0.12"]),
            at("50h", "licence.change", addresses=["10.1.0.1 - 10.1.0.199"]),
        ],
        causes=((Kind.RANGES, ("fdl-3", "fdl-4")),),
        alike=((Kind.NAT, ("fdl-3", "fdl-4")),),
        count=4,
    ),
    Hidden(
        name="alike-clock-or-snapshot",
        events=[
            at("40h", "server.stop", lasts="10m"),
            at("40h 5m", "clock.step", host="server", by="25h"),
            again("55h", only="rejected"),
        ],
        causes=_all(Kind.STEP),
        alike=_all(Kind.RESTORED),
        unit_us=_MINUTE,
    ),
    Hidden(
        name="alike-snapshot-or-copy",
        events=[
            at("40h", "server.stop", lasts="20m"),
            at("40h 10m", "server.rollback", to="39h"),
            again("55h", only="rejected"),
        ],
        nodes=[_LATE],
        causes=_all(Kind.RESTORED),
        alike=((Kind.SECOND, ("late",)),),
        restarts=True,
        missing=10,
    ),
    Hidden(
        name="alike-two-readings",
        events=[at("40h", "server.stop", lasts="23h 40m")],
        reading="thirteenth-miss",
        causes=_all(Kind.READING),
        alike=_all(Kind.READING),
        restarts=True,
        looks=["70h"],
    ),
)


def main() -> None:
    """Write all records anew."""
    FOLDER.mkdir(exist_ok=True)
    for hidden in (*HIDDEN, *ALIKE):
        (FOLDER / f"{hidden.name}.csv").write_text("".join(timeline(recorded(hidden))), encoding="utf-8")


if __name__ == "__main__":
    main()
