"""The parts of a scenario, and what each could be more simply.

A smaller scenario is made by answering a row of questions about a given one: is this node kept, is this event, when is
it, how long does it last. Each question has a list of answers, the simplest first, and as the last one "as it is". The
questions are the same whatever the answers, and what matters most comes first: whoever lowers the numbers of the
answers from the front finds the fewest nodes, then the fewest events, the shortest run, the roundest numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from fractions import Fraction
from itertools import groupby
from typing import Any, TypeAlias, TypeVar

from fake_fdl_nodes.fleet import NodeSetup
from harness.durations import format_duration
from harness.scenario import SERVER, Event, Expect, LicenceSpec, NetworkSpec, NodeUse, Scenario, ServerSpec
from harness.scenario_file import grouped

__all__ = ["Pick", "simpler"]

#: Answers a question that has so many answers with the number of one, from 0, the simplest.
Pick: TypeAlias = Callable[[int], int]

Part = TypeVar("Part")

_SECOND, _MINUTE, _HOUR = 1_000_000, 60_000_000, 3_600_000_000
_DAY = 24 * _HOUR
#: What people round to, from the coarsest.
_UNITS = (_DAY, 6 * _HOUR, 2 * _HOUR, _HOUR, 30 * _MINUTE, 10 * _MINUTE, _MINUTE, _SECOND, 1_000)
#: So many parts of a kind are asked about one by one; more of them in so many blocks, until fewer are left.
_ONE_BY_ONE = 48
#: Of more nodes it is asked first whether a few will do.
_MANY = 8


def simpler(scenario: Scenario, breaks_us: int, pick: Pick) -> Scenario | None:
    """Return what is left of ``scenario`` if its questions are answered by ``pick``, ``None`` if that is no scenario.

    Whether it still breaks, or whether its events make a timeline, is not looked at.

    :param breaks_us: the instant (true us) at which ``scenario`` breaks; what comes after it hardly matters. It can lie
        after the end, where a scenario is repaired before it is judged.
    """
    tables = [tuple(same) for _, same in groupby(scenario.events, key=lambda event: event.index)]
    most = _one_of([1, 2, 4, _ONE_BY_ONE], len(scenario.nodes), pick) if len(scenario.nodes) > _MANY else _MANY
    # Of nodes that are alike the first ones are kept, of events the last.
    kept = [is_kept and k < most for k, is_kept in enumerate(_kept(scenario.nodes[::-1], pick)[::-1])]
    kept_tables = _kept(tables, pick)
    first_us = min((table[0].at_us for table in tables), default=0)
    earlier_us = _one_of([first_us // unit * unit for unit in (2 * _HOUR, _DAY)], 0, pick)
    ends = [-(-breaks_us // unit) * unit for unit in (*_UNITS, 1)]
    shorter = _roundest((us for us in ends if 0 < us < scenario.duration_us), below_us=scenario.duration_us)
    if breaks_us > scenario.duration_us:
        # It is repaired after its end.
        shorter = _simpler_us(scenario.duration_us, least_us=1)
    duration_us = _one_of(shorter, scenario.duration_us, pick)
    changed = [tuple(_simpler_event(table, pick)) for table in tables]
    setups = list(scenario.nodes)
    if len(setups) <= _ONE_BY_ONE:
        setups = [_simpler_node(node, pick) for node in setups]
    licence = _simpler_licence(scenario.licence, pick)
    server, network = _simpler_server(scenario.server, pick), _simpler_network(scenario.network, pick)

    nodes = _with_originals([node for node, is_kept in zip(setups, kept, strict=True) if is_kept])
    names = {node.name for node in nodes}
    left = [_about(table, names, earlier_us) for table, is_kept in zip(changed, kept_tables, strict=True) if is_kept]
    in_time = [table for table in left if table and table[0].at_us <= duration_us]
    smaller = replace(
        scenario,
        duration_us=duration_us,
        licence=licence,
        network=network,
        server=server,
        nodes=tuple(nodes),
        node_uses=tuple(_uses(scenario.node_uses, nodes)),
        events=tuple(replace(event, index=index) for index, table in enumerate(in_time) for event in table),
        expects=tuple(_expects(scenario.expects, names, duration_us)),
    )
    too_late = any((node.register_us or 0) > duration_us for node in nodes)
    return smaller if nodes and not too_late else None


# Questions.


def _one_of(simpler: Iterable[Part], as_it_is: Part, pick: Pick) -> Part:
    """Ask which of ``simpler``, simplest first, or ``as_it_is``. There is no question without a choice."""
    answers = list(dict.fromkeys([*(each for each in simpler if each != as_it_is), as_it_is]))
    return answers[pick(len(answers))] if len(answers) > 1 else as_it_is


def _kept(parts: Sequence[object], pick: Pick) -> list[bool]:
    """Ask of each part whether it is kept, block by block if there are very many."""
    size = -(-len(parts) // _ONE_BY_ONE)
    kept: list[bool] = []
    for first in range(0, len(parts), max(size, 1)):
        kept += [pick(2) == 1] * len(parts[first : first + size])
    return kept


def _simpler_us(us: int, *, least_us: int = 0) -> list[int]:
    """Return what could be in place of a duration or instant: shorter ones and rounder ones, the roundest first."""
    found = [least_us, us // 2, *(unit for unit in (_HOUR, _MINUTE, _SECOND) if unit < us)]
    for unit in _UNITS:
        found += [us // unit * unit, us // 2 // unit * unit, -(-us // unit) * unit]
    # Rounding up makes it longer, which is worth little.
    return _roundest((each for each in found if least_us <= each <= us + us // 4), below_us=us)


def _roundest(found: Iterable[int], below_us: int | None = None) -> list[int]:
    """Return durations in order, the simplest first; only such as are simpler than one, if one is given."""
    in_order = sorted(dict.fromkeys(found), key=_simplicity)
    return in_order if below_us is None else [us for us in in_order if _simplicity(us) < _simplicity(below_us)]


def _simplicity(us: int) -> tuple[int, int]:
    """Order durations: of few parts before many, whole seconds before fractions, short before long."""
    return format_duration(us).count(" ") + (us % _SECOND > 0), us


def _signed(us: int, pick: Pick) -> int:
    magnitude = _one_of(_simpler_us(abs(us), least_us=1), abs(us), pick)
    return magnitude if us >= 0 else -magnitude


def _simpler_number(number: Fraction) -> list[Fraction]:
    """Return rounder numbers with the same sign: a one with zeros, then the first digit with zeros."""
    digits = len(str(abs(number.numerator) // number.denominator))
    unit = Fraction(10) ** (digits - 1)
    first = abs(number) // unit * unit
    sign = -1 if number < 0 else 1
    return [sign * each for each in (unit, first) if 0 < each < abs(number)]


# Parts.


def _simpler_event(table: Sequence[Event], pick: Pick) -> Iterator[Event]:
    """Yield the events of one table, when and as they may be more simply."""
    event = table[0]
    keys: dict[str, Any] = {"at_us": _one_of(_simpler_us(event.at_us), event.at_us, pick)}
    if event.until_us is not None:
        lasts_us = event.until_us - event.at_us
        shorter = [None, *_simpler_us(lasts_us, least_us=1)]
        found = _one_of(shorter, lasts_us, pick)
        keys["until_us"] = None if found is None else keys["at_us"] + found
    # What comes back is of the same time before.
    keys["to_us"] = max(0, event.to_us + keys["at_us"] - event.at_us) if event.to_us else 0
    if event.by_us:
        keys["by_us"] = _signed(event.by_us, pick)
    if event.ppm:
        keys["ppm"] = _one_of(_simpler_number(event.ppm), event.ppm, pick)
    keys["percent"] = _one_of([Fraction(100)], event.percent, pick)
    keys["only"] = _one_of([None], event.only, pick)
    keys["direction"] = _one_of(["both"], event.direction, pick)
    keys["port"] = _one_of([None], event.port, pick)
    keys["hairpin"] = _one_of([False], event.hairpin, pick)
    if event.distribution != "constant":
        distribution, jitter_us = _one_of([("constant", 0)], (event.distribution, event.jitter_us), pick)
        keys |= {"distribution": distribution, "jitter_us": jitter_us}
    if event.changes:
        keys["changes"] = _simpler_changes(event.changes, pick)
    for each in table:
        yield replace(each, **keys)


def _simpler_changes(changes: Sequence[tuple[str, Any]], pick: Pick) -> tuple[tuple[str, Any], ...]:
    """Ask which fields of the licence a new file changes still, and of a capacity whether it may be lower."""
    lower = [(key, _lower_capacity(new, pick) if key == "capacity" else new) for key, new in changes]
    kept = [change for change, is_kept in zip(lower, _kept(changes, pick), strict=True) if is_kept]
    return tuple(kept or lower[:1])  # Without any, it would be no new file.


def _lower_capacity(capacity: int, pick: Pick) -> int:
    few = dict.fromkeys(each for each in (1, 2, capacity // 2, capacity - 1) if 0 < each < capacity)
    return _one_of(sorted(few), capacity, pick)


def _about(table: Sequence[Event], names: set[str], earlier_us: int) -> list[Event]:
    """Return what is left of the events of a table if only the nodes ``names`` are, and all is so much earlier."""
    left = []
    for event in table:
        nodes = tuple(name for name in event.nodes if name in names)
        gone = (event.nodes and not nodes) or (event.host not in (None, SERVER) and event.host not in names)
        if gone or event.at_us < earlier_us:
            continue
        left.append(
            replace(
                event,
                at_us=event.at_us - earlier_us,
                until_us=None if event.until_us is None else event.until_us - earlier_us,
                to_us=max(0, event.to_us - earlier_us),
                nodes=nodes,
            )
        )
    return left


def _simpler_node(node: NodeSetup, pick: Pick) -> NodeSetup:
    if node.register_us is not None:
        node = replace(node, register_us=_one_of(_simpler_us(node.register_us), node.register_us, pick))
    return _plain(node, ("cluster", "domain", "port", "version", "by_name", "zone"), pick)


def _with_originals(nodes: list[NodeSetup]) -> list[NodeSetup]:
    """Leave out copies of what is not there."""
    names = {node.name for node in nodes}
    return [node for node in nodes if node.clone_of is None or node.clone_of in names]


def _simpler_licence(licence: LicenceSpec, pick: Pick) -> LicenceSpec:
    licence = replace(licence, capacity=_lower_capacity(licence.capacity, pick))
    licence = replace(licence, ranges=_one_of([licence.ranges[:1]], licence.ranges, pick))
    return _plain(licence, ("expires_us", "applications", "domains", "ports", "function_points", "version"), pick)


def _simpler_server(server: ServerSpec, pick: Pick) -> ServerSpec:
    # Whether it was started with nohup is not asked: the events that end a session know it already.
    return _plain(server, ("address", "port", "name", "ttl_us", "autostart"), pick)


def _simpler_network(network: NetworkSpec, pick: Pick) -> NetworkSpec:
    usual, latency_us = NetworkSpec().latency_us, network.latency_us
    rounder = [] if latency_us == usual else [usual, *_simpler_us(latency_us)]
    return replace(_plain(network, ("timeout_us",), pick), latency_us=_one_of(rounder, latency_us, pick))


Spec = TypeVar("Spec", NodeSetup, LicenceSpec, ServerSpec, NetworkSpec)


def _plain(spec: Spec, names: Sequence[str], pick: Pick) -> Spec:
    """Ask of each of the fields ``names`` whether it may be at its default."""
    defaults = {field.name: field.default for field in fields(spec)}
    return replace(spec, **{name: _one_of([defaults[name]], getattr(spec, name), pick) for name in names})


def _uses(uses: Sequence[NodeUse], nodes: Sequence[NodeSetup]) -> Iterator[NodeUse]:
    """Yield what makes the nodes that are left and under test, by the tables that they will be."""
    of_node = {name: use for use in uses for name in use.nodes}
    index = 0
    for use, alike in groupby(nodes, key=lambda node: of_node.get(node.name)):
        for group in grouped(tuple(alike)):
            if use is not None:
                yield NodeUse(index=index, nodes=tuple(node.name for node in group), use=use.use, place=use.place)
            index += 1


def _expects(expects: Sequence[Expect], names: set[str], duration_us: int) -> Iterator[Expect]:
    """Yield the expectations that the nodes and the time that are left can meet."""
    index = 0
    for expect in expects:
        nodes = tuple(name for name in expect.nodes if name in names)
        between, needed_us = expect.between, expect.at_us or 0
        if between is not None and between.hold == "always":
            # What always holds does so for a shorter time, too.
            needed_us = between.first_us
            between = replace(between, last_us=min(between.last_us, duration_us))
        elif between is not None:
            needed_us = between.last_us
        if (nodes or not expect.nodes) and needed_us <= duration_us:
            yield replace(expect, index=index, nodes=nodes, between=between)
            index += 1
