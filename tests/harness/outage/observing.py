"""What a customer would know of a run: rows of the failure lists, who was registered when, restarts, a few looks.

`observed` keeps of a run what its people could have written down, and `worn` makes of it what they did write down:
by clocks that are a little wrong, to the minute, with lines missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from harness.durations import format_duration
from harness.outage.record import NETWORK, Observation, Record, What
from harness.rulebook.clocks import Clocks
from harness.runner import Result
from harness.scenario import SERVER, Event, Scenario, Verb
from harness.sweep.draws import Draws
from harness.trace import NEVER, SERVER_HOST, EdgeKind, Outcome, Status, Verdict
from reference_server.codes import Code
from reference_server.protocol import Kind

__all__ = ["observed", "worn"]

_DOWN = (EdgeKind.STOPPED, EdgeKind.CRASHED, EdgeKind.REBOOTED, EdgeKind.POWER_LOST, EdgeKind.DESTROYED)
#: Of a node: whoever looks at it sees no difference between a frozen machine and a stopped one.
_AWAY = (*_DOWN, EdgeKind.SUSPENDED)
_BACK = (EdgeKind.STARTED, EdgeKind.RESUMED, EdgeKind.CLONED)
_CUTS = (Verb.NETWORK_CUT, Verb.FIREWALL_DROP, Verb.FIREWALL_REJECT)


def observed(result: Result, *, looks_us: Iterable[int] = (), cuts: bool = True) -> Record:
    """Return all that could have been written down of a run, at the microsecond, by each host's own wall clock.

    Every failure row (those of registers and unbinds say so), every register and unbind that succeeded, when programs
    ended and were started, addresses, corrections of clocks by steps; with ``cuts`` also cuts and when the server's
    machine was frozen or hung, as the network's. At each of ``looks_us`` (true us) somebody looked at every node that
    ran, and at the server.
    """
    found = sorted(_seen(result, tuple(looks_us), cuts), key=lambda each: each.at_us)
    return Record("<observed>", tuple(replace(each, line=line) for line, each in enumerate(found, start=2)))


def worn(
    record: Record,
    seed: int,
    *,
    offset_us: int = 0,
    swing_us: int = 0,
    unit_us: int = 1_000_000,
    missing: int = 0,
    only: Iterable[What] = tuple(What),
) -> Record:
    """Return a record as people keep it, by chance of ``seed``.

    :param offset_us: by how much at most the clock of each host is wrong, the same all the time.
    :param swing_us: by how much at most it is wrong besides, from line to line, as a clock that is set again and again.
    :param unit_us: how coarse times are written; what is finer is dropped.
    :param missing: how many of a hundred lines of the kinds ``only`` are missing.
    """
    draw = Draws(seed, "worn", "record")
    offsets = {
        source: draw.number(f"offset of {source}", -offset_us, offset_us) for source in (SERVER, NETWORK, *record.nodes)
    }

    def swing(each: Observation) -> int:
        return draw.number(f"swing at line {each.line}", -swing_us, swing_us) if swing_us else 0

    missable = tuple(only)
    kept = [
        replace(each, at_us=(each.at_us + offsets[each.source] + swing(each)) // unit_us * unit_us, unit_us=unit_us)
        for each in record.observations
        if each.what not in missable or not draw.happens(f"line {each.line} is missing", missing)
    ]
    return Record(record.file, tuple(sorted(kept, key=lambda each: (each.at_us, each.line))))


def _seen(result: Result, looks_us: tuple[int, ...], cuts: bool) -> Iterator[Observation]:
    scenario, trace = result.scenario, result.trace
    clocks = Clocks(scenario)
    names = trace.nodes

    def line(true_us: int, source: str, what: What, **told: object) -> Observation:
        host = SERVER if source == NETWORK else source
        return Observation(
            line=0,
            at_us=clocks.wall_us(host, true_us),
            unit_us=1,
            source=source,
            what=what,
            **told,  # type: ignore[arg-type]
        )

    asked = {(each.node, each.number): Kind(each.kind) for each in trace.exchanges}
    for row in trace.failures:
        code, kind = Code(row.code), asked.get((row.node, row.number))
        tried = None if kind is Kind.POLL else kind
        how = "" if tried is None else f" ({tried.name.lower()})"
        yield replace(
            line(
                row.at_us,
                names[row.node],
                What.FAILED,
                code=code,
                asked=tried,
                text=f"{code.label or code.shown_name}{how}",
            ),
            at_us=row.wall_us,
        )
    for each in trace.exchanges:
        if each.kind == Kind.REGISTER and each.outcome == Outcome.POSITIVE:
            yield line(each.ended_us, names[each.node], What.REGISTERED)
        elif each.kind == Kind.UNBIND and each.verdict == Verdict.GRANTED:
            # Whoever gave the slot back knows it, whether the answer came or not.
            yield line(each.ended_us if each.ended_us != NEVER else each.sent_us, names[each.node], What.UNBOUND)
    away: dict[str, list[tuple[int, bool]]] = {}
    for edge in trace.edges:
        source = SERVER if edge.host == SERVER_HOST else names[edge.host] if edge.host >= 0 else None
        if source is None or not edge.done:
            continue
        if edge.what == EdgeKind.MOVED and source != SERVER:
            yield line(edge.at_us, source, What.ADDRESS, address=edge.value)
        if source == SERVER and edge.what in (EdgeKind.SUSPENDED, EdgeKind.HUNG, EdgeKind.RESUMED):
            away.setdefault(source, []).append((edge.at_us, edge.what != EdgeKind.RESUMED))
            if cuts:
                what = What.STARTED if edge.what == EdgeKind.RESUMED else What.STOPPED
                yield line(edge.at_us, NETWORK, what, text="the server does not answer")
        elif edge.what in _AWAY or edge.what in _BACK:
            gone = edge.what in _AWAY
            away.setdefault(source, []).append((edge.at_us, gone))
            text = "destroyed" if edge.what == EdgeKind.DESTROYED else ""
            yield line(edge.at_us, source, What.STOPPED if gone else What.STARTED, text=text)
    for event in scenario.events:
        if event.verb is Verb.CLOCK_STEP and event.host is not None and _right(clocks, scenario, event):
            yield line(event.at_us, event.host, What.CLOCK, by_us=event.by_us)
        if cuts and event.verb in _CUTS:
            yield line(event.at_us, NETWORK, What.STOPPED, nodes=event.nodes)
            if event.until_us is not None and event.until_us <= scenario.duration_us:
                yield line(event.until_us, NETWORK, What.STARTED, nodes=event.nodes)
    for look_us in looks_us:
        at = format_duration(look_us)
        for name in names:
            if not _away(away.get(name, []), look_us):
                yield line(look_us, name, What.STATUS, status=Status[str(result.status(name, at=at)).upper()])
        if not _away(away.get(SERVER, []), look_us) and isinstance(live := result.registered(at=at), int):
            yield line(look_us, SERVER, What.STATUS, count=live)


def _right(clocks: Clocks, scenario: Scenario, event: Event) -> bool:
    """Tell whether a step makes a clock right: only then does somebody call it a correction."""
    assert event.host is not None, "a step is that of a host"
    return abs(clocks.wall_us(event.host, event.at_us) - scenario.start_us - event.at_us) < 1_000_000


def _away(edges: list[tuple[int, bool]], true_us: int) -> bool:
    """Tell whether a host was away after everything at an instant."""
    gone = [gone for at_us, gone in edges if at_us <= true_us]
    return bool(gone) and gone[-1]
