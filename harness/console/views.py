"""What a console shows, as data for JSON: the world at an instant, one host of it, and the branches side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from harness.clock import HostClock
from harness.console.played import Played
from harness.console.session import Branch, World, told
from harness.durations import format_instant, format_utc
from harness.report.timeline.network import path_strips
from harness.rulebook import Judgement, Ruling, catalogue
from harness.runner import Result
from harness.scenario import Event
from harness.trace import SERVER_HOST
from reference_server.protocol import Code, format_address

__all__ = ["branch_view", "counts_view", "ending_view", "host_view", "row_view", "world_view"]

#: How many instants of one rule are shown.
_MOST_FINDINGS = 20
_RANK = {Ruling.VIOLATED: 0, Ruling.UNKNOWN: 1, Ruling.HELD: 2}


def world_view(world: World, played: Played, at_us: int) -> dict[str, Any]:
    """Return the world after everything at ``at_us``: server, network, how many nodes are how, rules, events."""
    scenario = played.scenario
    network = played.network(at_us)
    judged = played.judged_by(at_us)
    return {
        "world": world.number,
        "at_us": at_us,
        "instant": format_instant(at_us),
        "date": format_utc(scenario.start_us + at_us),
        "server": {
            "status": played.away(SERVER_HOST, at_us) or "running",
            "address": f"{format_address(played.plan.addressing.server(at_us))}:{scenario.server.port}",
            "slots": played.timelines.of("registered", None).at(at_us),
            "capacity": scenario.licence_at(at_us).capacity,
            **_clocks(played.plan.server_clock, at_us, scenario.start_us),
        },
        "network": {"status": network.status, "because": network.because},
        "counts": counts_view(played, at_us),
        "rules": [*_rules(judged)],
        "events": sorted(
            (_event_view(index, keys, played, at_us) for index, keys in enumerate(world.events)),
            key=lambda event: event["at_us"],
        ),
        "digest": judged.digest,
    }


def counts_view(played: Played, at_us: int) -> list[list[Any]]:
    """Return how many nodes have which status at ``at_us``, the most frequent one first."""
    counts = Counter(_status(played, place, at_us) for place in range(len(played.scenario.nodes)))
    return [[status, count] for status, count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))]


def row_view(played: Played, place: int, at_us: int) -> dict[str, Any]:
    """Return what the row of a node shows: status, access, failure, slot, and both of its clocks."""
    name = played.scenario.nodes[place].name
    clock = played.plan.node_clocks[place]
    return {
        "name": name,
        "status": _status(played, place, at_us),
        "access": played.timelines.of("access", name).at(at_us),
        "failure": played.timelines.of("failure", name).at(at_us),
        "slot": played.has_slot(place, at_us),
        **_clocks(clock, at_us, played.scenario.start_us),
    }


def host_view(played: Played, place: int, at_us: int) -> dict[str, Any]:
    """Return all that is known of one node at ``at_us``."""
    setup, trace = played.scenario.nodes[place], played.result.trace
    rows = [row for row in trace.about([place]).failures if row.node == place and row.at_us <= at_us]
    contact_us = played.last_contact_us(place, at_us)
    paths = path_strips(played.scenario).get(setup.name, ())
    return row_view(played, place, at_us) | {
        "about": [setup.application, *([f"cluster {setup.cluster}"] if setup.cluster else [])],
        "address": format_address(setup.address),
        "zone": setup.zone,
        "known": played.timelines.of("status", setup.name).at(at_us),
        "contact_us": contact_us,
        "path": [strip.what for strip in paths if strip.start_us <= at_us < strip.end_us],
        "failed": len(rows),
        "last_failure": [rows[-1].at_us, _code(rows[-1].code)] if rows else None,
    }


def branch_view(branch: Branch) -> dict[str, Any]:
    """Return what a branch is: what was done in it, what can be taken back, and what done again."""
    return {
        "name": branch.name,
        "world": branch.world.number,
        "told": [world.told for world in branch.worlds[1 : branch.place + 1]],
        "undo": branch.world.told if branch.place else None,
        "redo": branch.worlds[branch.place + 1].told if branch.place + 1 < len(branch.worlds) else None,
    }


def ending_view(result: Result) -> dict[str, Any]:
    """Return how a run ended, to be put beside those of others."""
    counts = Counter(each.ruling.value for each in result.judgements.values())
    return {
        "outcome": result.outcome.value,
        "systems": list(result.systems),
        "held": counts["held"],
        "violated": [each.rule for each in result.violated],
        "met": sum(each.met for each in result.expectations),
        "expected": len(result.expectations),
        "troubles": [f"{format_instant(trouble.at_us)}: {trouble.what}" for trouble in result.troubles[:3]],
        "digest": result.digest,
    }


def _status(played: Played, place: int, at_us: int) -> str:
    """Return what a node's lane shows: why it does not run, or else its status."""
    return played.away(place, at_us) or str(played.timelines.of("status", played.scenario.nodes[place].name).at(at_us))


def _clocks(clock: HostClock, at_us: int, start_us: int) -> dict[str, Any]:
    """Return both clocks of a host, and by how much its wall clock is off."""
    wall_us = clock.wall_us(at_us)
    return {"wall_us": wall_us, "boot_us": clock.boot_us(at_us), "off_us": wall_us - start_us - at_us}


def _rules(judged: Result) -> Iterator[dict[str, Any]]:
    """Yield the rules as they are judged so far, those that were violated first; those with nothing to judge last."""
    entries = catalogue()

    def rank(judgement: Judgement) -> tuple[bool, int]:
        return judgement.ruling is Ruling.UNKNOWN and not judgement.trouble, _RANK[judgement.ruling]

    for judgement in sorted(judged.judgements.values(), key=rank):
        findings = sorted((*judgement.examples, *judgement.notes), key=lambda finding: finding.at_us)
        yield {
            "id": judgement.rule,
            "title": entries[judgement.rule].text,
            "ruling": judgement.ruling.value,
            "tested": judgement.tested,
            "violations": judgement.violations,
            "trouble": judgement.trouble,
            "findings": [[each.at_us, each.node or "server", each.message] for each in findings[:_MOST_FINDINGS]],
        }


def _event_view(index: int, keys: Mapping[str, Any], played: Played, at_us: int) -> dict[str, Any]:
    """Return one event of the scenario, and whether it is to come, in force, or over."""
    own = _of_table(played.scenario.events, index)
    begins_us = min(event.at_us for event in own)
    ends = [played.end_of(event) for event in own]
    over = all(end is not None and end <= at_us for end in ends)
    return {
        "index": index,
        "at_us": begins_us,
        "instant": format_instant(begins_us),
        "told": told(keys),
        "state": "to come" if begins_us > at_us else "over" if over else "in force",
    }


def _of_table(events: Iterable[Event], index: int) -> Sequence[Event]:
    """Return the events that one table of the file made: one for each host if it is about clocks."""
    return [event for event in events if event.index == index]


def _code(code: int) -> str:
    found = Code(code)
    return f"{found.label} {found.shown_name}".strip() if code > 0 else found.shown_name
