"""From a scenario back to the content of its file: the inverse of `harness.scenario_file.loading`.

What a `Scenario` holds is more than what a file says: patterns are expanded, fleets are single nodes, a last day is an
instant. So the shortest way of saying it is looked for: the tables that make these nodes, the pattern that means just
these names, the zone in which a day ends at that instant. What comes of it is read again and compared, so that a
scenario that no file can express is never passed off as another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from fractions import Fraction
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from fake_fdl_nodes.fleet import NodeSetup
from harness.durations import format_duration
from harness.problems import Mistake, ScenarioError
from harness.scenario import SERVER, Certificate, Event, Expect, LicenceSpec, Scenario, Verb
from harness.scenario_file import values
from harness.scenario_file.events import EVENTS, EventTable
from harness.scenario_file.grouping import Group, grouped, phases
from harness.scenario_file.loading import from_mapping
from harness.scenario_file.patterns import pattern_for
from harness.scenario_file.table import Table
from harness.scenario_file.tables import ExpectTable, LicenceTable, NetworkTable, NodesTable, ServerTable
from reference_server.addresses import format_address, format_range
from reference_server.licence import expiry_us

__all__ = ["Unprintable", "content_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MINUTES = 24 * 60
_WIDEST_MINUTES = 14 * 60
_PPM_OF_PERCENT = 10_000


class Unprintable(ValueError):  # noqa: N818 - what is wrong is with the scenario
    """A scenario that no file can express, such as one with a cut of nodes that no pattern means. It says what."""


def content_of(scenario: Scenario) -> dict[str, Any]:
    """Return what a file of ``scenario`` holds, as Python values; `from_mapping` is the inverse.

    What stands at its default is left out. Where things stood in a file (``file``, ``line``, ``place``) is lost.

    :raises Unprintable: if no file can express it.
    """
    means = _Means(scenario)
    server, network = scenario.server, scenario.network
    machine = {key: getattr(server, key) for key in ("address", "port", "name", "autostart", "nohup", "use")}
    content: dict[str, Any] = {
        "title": scenario.title,
        "rules": list(scenario.rules),
        "start": _moment(scenario.start_us),
        "duration": format_duration(scenario.duration_us),
        "reading": scenario.reading,
        "licence": _licence(scenario.licence),
        "server": _told(ServerTable, machine | {"ttl": server.ttl_us}),
        "network": _told(NetworkTable, {"latency": network.latency_us, "timeout": network.timeout_us}),
        "nodes": list(_nodes(scenario)),
        # Those of clocks make one event for each host.
        "events": [_event(list(same), means) for _, same in groupby(scenario.events, key=lambda event: event.index)],
        "expect": [_expect(each, means) for each in scenario.expects],
    }
    content = {key: value for key, value in content.items() if value not in ([], {}, None)}
    _compare(content, scenario)
    return content


def _compare(content: dict[str, Any], scenario: Scenario) -> None:
    """Raise `Unprintable` if ``content`` does not mean ``scenario``."""
    try:
        meant = from_mapping(content)
    except ScenarioError as error:
        raise Unprintable("; ".join(str(replace(problem, file="")) for problem in error.problems[:3])) from None
    for difference in _differences("", _placeless(meant), _placeless(scenario)):
        raise Unprintable(difference)


def _placeless(scenario: Scenario) -> Scenario:
    """Return ``scenario`` without the places in its file."""
    return replace(
        scenario,
        file="",
        server=replace(scenario.server, place=(0, 0)),
        node_uses=tuple(replace(use, place=(0, 0)) for use in scenario.node_uses),
        events=tuple(replace(event, line=0) for event in scenario.events),
        expects=tuple(replace(expect, line=0) for expect in scenario.expects),
    )


def _differences(where: str, meant: Any, given: Any) -> Iterator[str]:
    """Yield where ``given`` is not what the file that comes nearest to it means."""
    if meant == given:
        return
    if is_dataclass(given) and type(meant) is type(given):
        for field in fields(given):
            inner = f"{where}.{field.name}" if where else field.name
            yield from _differences(inner, getattr(meant, field.name), getattr(given, field.name))
    elif isinstance(given, tuple) and isinstance(meant, tuple) and len(given) == len(meant):
        for index, pair in enumerate(zip(meant, given, strict=True)):
            yield from _differences(f"{where}[{index}]", *pair)
    else:
        yield f"{where}: found {given!r:.200}, which no file can express: the nearest is {meant!r:.200}"


@dataclass(frozen=True, slots=True, init=False)
class _Means:
    """What means which nodes in a scenario."""

    names: tuple[str, ...]
    addresses: Mapping[str, int]

    def __init__(self, scenario: Scenario) -> None:
        object.__setattr__(self, "names", tuple(node.name for node in scenario.nodes))
        object.__setattr__(self, "addresses", {node.name: node.address for node in scenario.nodes})

    def __call__(self, nodes: tuple[str, ...], where: str) -> str:
        """Return what means ``nodes``, of which ``where`` is about.

        :raises Unprintable: if nothing does.
        """
        pattern = pattern_for(nodes, self.names, self.addresses)
        if pattern is None:
            found = ", ".join(nodes[:8]) + (", ..." if len(nodes) > 8 else "") or "none"
            raise Unprintable(
                f"{where}: found the nodes {found}, which no file can express: no pattern means just these"
            )
        return pattern


# Values.

_DURATIONS = ("at", "lasts", "by", "jitter", "to", "latency", "timeout", "ttl", "spread", "spread_over")


def _told(table: type[Table], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the values ``found`` that are not at the default of ``table``, as a file writes them."""
    told = {}
    for key, field in table.model_fields.items():
        name = field.alias or key
        if name in found and (field.is_required() or found[name] != field.default):
            told[name] = _written(name, found[name])
    return told


def _written(key: str, value: Any) -> Any:
    """Return a value as a file writes it under ``key``."""
    if key in _DURATIONS:
        return format_duration(value)
    if key == "register":
        return "never" if value is None else format_duration(value)
    if key == "between":
        return [format_duration(each) for each in value]
    if key in ("address", "last_address"):
        return format_address(value)
    if key in ("valid_from", "valid_until"):
        return _moment(value)
    return list(value) if isinstance(value, tuple) else value


def _moment(wall_us: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=wall_us)
    except OverflowError:
        raise Unprintable(f"found {format_duration(wall_us)} after 1970, which no file can express") from None


def _number(value: Fraction) -> int | float | None:
    """Return the number that is read as ``value`` exactly, ``None`` if there is none."""
    if value.denominator == 1:
        return value.numerator
    nearest = float(value)
    return nearest if Fraction(str(nearest)) == value else None


def _exactly(value: Fraction, where: str) -> int | float:
    number = _number(value)
    if number is None:
        raise Unprintable(f"{where}: found {value}, which no file can express: it is no decimal number")
    return number


# The licence.


def _licence(licence: LicenceSpec) -> dict[str, Any]:
    found = {each.name: getattr(licence, each.name) for each in fields(licence)}
    found |= {key: list(value) for key, value in found.items() if isinstance(value, tuple)}
    found["addresses"] = _ranges(licence.ranges)
    return _told(LicenceTable, found) | _expiry(licence.expires_us)


def _changed(changes: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the keys of a new licence file."""
    keys: dict[str, Any] = {}
    for name, value in changes:
        if name == "ranges":
            keys["addresses"] = _ranges(value)
        elif name == "expires_us":
            keys |= _expiry(value)
        else:
            keys[name] = _written(name, value)
    return keys


def _ranges(ranges: Iterable[tuple[int, int]]) -> list[str]:
    return [format_range(first, last) for first, last in ranges]


def _expiry(expires_us: int | None) -> dict[str, Any]:
    """Return the last licensed day, and its zone if that is not UTC."""
    if expires_us is None:
        return {}
    for zone, name in _zones(expires_us):
        try:
            local = (_EPOCH + timedelta(microseconds=expires_us)).astimezone(zone)
            last_day = values.expiry_date(local.date() - timedelta(days=1))
        except (Mistake, OverflowError):
            continue
        if expiry_us(last_day, zone) == expires_us:
            return {"expires": last_day} | ({} if name == "UTC" else {"zone": name})
    raise Unprintable(f"expires_us: found {expires_us}, which no file can express: no day of any zone ends then")


def _zones(expires_us: int) -> Iterator[tuple[tzinfo, str]]:
    """Yield the zones in which a day may end at that instant: UTC, an offset, or one that had odd seconds once."""
    yield UTC, "UTC"
    minutes, odd_us = divmod(-expires_us, 60_000_000)
    if odd_us:
        yield from ((ZoneInfo(name), name) for name in sorted(available_timezones()))
        return
    ahead = minutes % _DAY_MINUTES
    for offset in sorted((ahead, ahead - _DAY_MINUTES), key=abs):
        if abs(offset) <= _WIDEST_MINUTES:
            sign = "-" if offset < 0 else "+"
            yield timezone(timedelta(minutes=offset)), f"UTC{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02}"


# Nodes.


def _nodes(scenario: Scenario) -> Iterator[dict[str, Any]]:
    """Yield the tables of the nodes. Those of one ``use`` are one table, which has its place among all tables."""
    nodes, done, told = scenario.nodes, 0, 0
    for index, use in enumerate(scenario.node_uses):
        first = next((k for k, node in enumerate(nodes) if node.name in use.nodes), done)
        own = nodes[first : first + len(use.nodes)]
        if len(grouped(own)) != 1:
            raise Unprintable(f"node_uses[{index}]: found nodes that are not those of one table")
        before = grouped(nodes[done:first], at_least=use.index - told)
        yield from map(_fleet, before)
        yield _fleet(own) | {"use": use.use}
        done, told = first + len(own), told + len(before) + 1
    yield from map(_fleet, grouped(nodes[done:]))


def _fleet(group: Group) -> dict[str, Any]:
    """Return the table of one group."""
    first: NodeSetup = group[0]
    found = {each.name: getattr(first, each.name) for each in fields(first) if each.name != "register_us"}
    found |= phases(group) or {}
    if first.clone_of is None:
        found["register"] = first.register_us
    if len(group) > 1:
        found |= {"name": first.name.removesuffix("-1"), "count": len(group)}
    return _told(NodesTable, found)


# Events and expectations.

#: What a field of `harness.scenario.Event` is called in a file, if not the same.
_KEYS = {"at_us": "at", "by_us": "by", "jitter_us": "jitter", "to_us": "to"}
#: What stands first in a table, and what last.
_FIRST, _LAST = ("at", "do", "node", "host", "only"), ("direction", "lasts")


def _event(same: Sequence[Event], means: _Means) -> dict[str, Any]:
    """Return the table of the events ``same``, which differ in their hosts alone."""
    event, where = same[0], f"events[{same[0].index}]"
    table = EVENTS[event.verb.value]
    found = {_KEYS.get(field.name, field.name): getattr(event, field.name) for field in fields(event)}
    found |= {"do": event.verb.value, "lasts": None if event.until_us is None else event.until_us - event.at_us}
    if "node" in table.model_fields:
        found["node"] = means(event.nodes, where)
    if "host" in table.model_fields:
        hosts = tuple(each.host or "" for each in same)
        found["host"] = SERVER if hosts == (SERVER,) else means(hosts, where)
    if event.verb is Verb.CLOCK_DRIFT:
        found |= _drift(event.ppm, where)
    else:
        found |= {key: _exactly(found[key], where) for key in ("ppm", "percent") if key in table.model_fields}
    if event.verb is Verb.TLS_USE:
        certificate = event.certificate or Certificate()
        found |= {"ca": certificate.ca, "name": certificate.name}
        found |= {"valid_from": certificate.from_us, "valid_until": certificate.until_us}
    if event.verb is Verb.LICENCE_CHANGE:
        keys = _told(EventTable, found) | {"do": found["do"]} | _changed(event.changes)
    else:
        keys = _told(table, found)
    if event.verb is Verb.NETWORK_DELAY:
        # One of the amounts has to be there, and with a distribution its measure, be they zero.
        needed = "by" if event.distribution == "constant" else "jitter"
        keys.setdefault(needed, format_duration(found[needed]))
    between = [key for key in keys if key not in _FIRST + _LAST]
    return {key: keys[key] for key in (*_FIRST, *between, *_LAST) if key in keys}


def _drift(ppm: Fraction, where: str) -> dict[str, Any]:
    """Return the key of how fast clocks drift, in hundredths where these are whole or nothing else is exact."""
    percent = ppm / _PPM_OF_PERCENT
    if (percent.denominator == 1 and percent) or _number(ppm) is None:
        return {"ppm": None, "percent": _exactly(percent, where)}
    return {"ppm": _number(ppm), "percent": None}


def _expect(expect: Expect, means: _Means) -> dict[str, Any]:
    found: dict[str, Any] = {each.name: getattr(expect, each.name) for each in fields(expect)}
    between = expect.between
    found |= {
        "at": expect.at_us,
        "between": None if between is None else (between.first_us, between.last_us),
        "hold": None if between is None else between.hold,
        "node": means(expect.nodes, f"expect[{expect.index}]") if expect.nodes else None,
        "reading": list(expect.readings) or None,
    }
    if len(expect.readings) == 1:
        found["reading"] = expect.readings[0]
    return _told(ExpectTable, found)
