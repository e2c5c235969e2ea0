"""The lanes of a run: what its history and its plan have to tell of the server, the network and each node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

from harness.clock import HostClock
from harness.durations import format_duration
from harness.faults import plan
from harness.report.timeline.network import network_lane, path_strips
from harness.report.timeline.story import Lane, LaneKind, Mark, MarkKind, Piece, Run, Span, Strip
from harness.scenario import SERVER, Event, Scenario, Verb
from harness.trace import (
    COPY_HOST,
    SERVER_HOST,
    Edge,
    EdgeKind,
    Exchange,
    Failure,
    Outcome,
    Slot,
    SlotChange,
    Status,
    Trace,
    TransitionReason,
    Verdict,
)
from reference_server.protocol import Code, Kind, format_address

__all__ = ["AWAY", "BACK", "lanes_of", "pieces", "spans"]

#: What a host is called between such an edge and its next start.
AWAY = {
    EdgeKind.STOPPED: "stopped",
    EdgeKind.CRASHED: "crashed",
    EdgeKind.REBOOTED: "rebooting",
    EdgeKind.POWER_LOST: "without power",
    EdgeKind.SUSPENDED: "suspended",
    EdgeKind.HUNG: "hung",
    EdgeKind.DESTROYED: "destroyed",
}
BACK = (EdgeKind.STARTED, EdgeKind.RESUMED)

_BECAUSE = {
    TransitionReason.GRANTED: "a request was granted",
    TransitionReason.REFUSED: "a request was refused, or its grant did not pass",
    TransitionReason.UNANSWERED: "a request got no answer",
    TransitionReason.EXPIRED: "the licence expired by the node's own reckoning",
    TransitionReason.SILENCE: "too long without contact",
    TransitionReason.UNBOUND: "it was unbound",
    TransitionReason.COPIED: "another state took the place of its own",
}

_EDGES = {
    EdgeKind.STARTED: "started",
    EdgeKind.STOPPED: "stopped",
    EdgeKind.CRASHED: "crashed",
    EdgeKind.SUSPENDED: "suspended",
    EdgeKind.RESUMED: "resumed",
    EdgeKind.DESTROYED: "destroyed",
    EdgeKind.MOVED: "moved",
    EdgeKind.REGISTER_ASKED: "asked to register",
    EdgeKind.UNBIND_ASKED: "asked to unbind",
    EdgeKind.LICENCE_SUSPENDED: "licence suspended by the issuer",
    EdgeKind.LICENCE_RESUMED: "licence no longer suspended",
    EdgeKind.REBOOTED: "rebooted",
    EdgeKind.HUNG: "hung: it runs, and answers nothing",
    EdgeKind.ROLLED_BACK: "an earlier state was put back",
    EdgeKind.CLONED: "copied from another machine",
    EdgeKind.SECOND: "a second program was started",
    EdgeKind.DRIFTED: "the hardware is another one",
    EdgeKind.IDENTITY_RESTORED: "the hardware is the old one again",
    EdgeKind.POINTED: "the Server Address was changed",
    EdgeKind.DISK_FULL: "the disk is full",
    EdgeKind.DISK_CLEARED: "the disk has room again",
    EdgeKind.POWER_LOST: "lost power",
}

#: Events that a host's own edges do not tell of, and what they come to.
_BY_PLAN = {
    Verb.CLOCK_STEP: "the clock was set",
    Verb.CLOCK_DRIFT: "the clock drifts",
    Verb.CLOCK_SLEW: "the clock is slewed",
    Verb.CLOCK_FREEZE: "the clock stands still",
    Verb.CLOCK_THAW: "the clock goes on",
    Verb.SERVER_SLOW: "answers late",
    Verb.LICENCE_CHANGE: "a new licence file",
    Verb.TLS_USE: "presents another certificate",
    Verb.TLS_TRUST: "trusts another authority",
    Verb.ANSWER_SPOIL: "answers are spoilt",
    Verb.NODE_REPORT: "reports something else",
}

Row = TypeVar("Row")


def lanes_of(scenario: Scenario, trace: Trace, *, seed: int = 0) -> tuple[Lane, ...]:
    """Return the lanes of the run of ``scenario`` that left ``trace``.

    :param seed: what the chance of the run was drawn from.
    """
    planned = plan(scenario, seed=seed)
    end_us = scenario.duration_us
    edges = _by(trace.edges, lambda edge: edge.host)
    events = _events_by_host(scenario)
    server_clock = pieces(planned.server_clock, end_us)
    about = f"{format_address(scenario.server.address)}:{scenario.server.port}"
    lanes = [_server_lane("server", about, edges[SERVER_HOST], events, server_clock, end_us)]
    if edges[COPY_HOST]:
        copy = trace.host(COPY_HOST)
        lanes.append(_server_lane(copy, "a copy of the machine", edges[COPY_HOST], events, server_clock, end_us))
    lanes.append(network_lane(scenario))
    histories = _Histories(trace)
    faults = path_strips(scenario)
    for place, setup in enumerate(scenario.nodes):
        lanes.append(
            Lane(
                name=setup.name,
                kind=LaneKind.NODE,
                about=" · ".join(
                    each for each in (format_address(setup.address), setup.application, setup.cluster) if each
                ),
                zone=setup.zone,
                clock=pieces(planned.node_clocks[place], end_us),
                spans=spans([*histories.statuses(place)], [*_away(edges[place])], end_us),
                strips=(*histories.open(place, end_us), *faults[setup.name]),
                marks=_in_order([*histories.marks(place), *_edge_marks(edges[place]), *events[setup.name]]),
                runs=histories.runs(place),
            )
        )
    return tuple(lanes)


def pieces(clock: HostClock, end_us: int) -> tuple[Piece, ...]:
    """Return the stretches, from 0 to ``end_us``, in which the wall clock of ``clock`` runs evenly."""
    knots = [0, *(at_us for at_us in clock.turns() if 0 < at_us < end_us), end_us]
    return tuple(
        Piece(start_us, stop_us, clock.wall_us(start_us), clock.instant_before_steps(stop_us).wall_us)
        for start_us, stop_us in pairwise(knots)
    )


class Turn(NamedTuple):
    """From ``at_us`` on it is so."""

    at_us: int
    status: str
    because: str = ""


def spans(statuses: Sequence[Turn], away: Sequence[Turn], end_us: int) -> tuple[Span, ...]:
    """Return the spans of a lane from 0 to ``end_us``.

    :param statuses: its changes of status, the first one at 0; of several at one instant the last one counts.
    :param away: from when on its host does not run, and how that is called; an empty status ends it.
    """
    turns = sorted([(turn, 0) for turn in statuses] + [(turn, 1) for turn in away], key=lambda each: each[0].at_us)
    found: list[Span] = []
    status, hidden = Turn(0, ""), Turn(0, "")
    since_us = 0
    for turn, is_away in [*turns, (Turn(end_us, ""), 0)]:
        until_us = min(turn.at_us, end_us)
        if since_us < until_us:
            shown = hidden if hidden.status else status
            because = f"{status.status} before that" if hidden.status and status.status else shown.because
            found.append(Span(since_us, until_us, shown.status, because))
            since_us = until_us
        if is_away:
            hidden = turn
        else:
            status = turn
    return tuple(_joined(found))


def _joined(found: Iterable[Span]) -> Iterator[Span]:
    """Yield ``found``, of which neighbours that say the same are one."""
    last: Span | None = None
    for span in found:
        if last is not None and (last.status, last.because) == (span.status, span.because):
            last = last._replace(end_us=span.end_us)
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last


def _server_lane(
    name: str,
    about: str,
    edges: Sequence[Edge],
    events: dict[str, list[Mark]],
    clock: tuple[Piece, ...],
    end_us: int,
) -> Lane:
    # A copy is not there before it is made.
    running = [Turn(edge.at_us, "running") for edge in edges if edge.done and edge.what in (*BACK, EdgeKind.CLONED)]
    statuses = [Turn(0, "not there"), *running[:1]]
    return Lane(
        name=name,
        kind=LaneKind.SERVER,
        about=about,
        clock=clock,
        spans=spans(statuses, [*_away(edges)], end_us),
        marks=_in_order([*_edge_marks(edges), *(events[SERVER] if name == SERVER else ())]),
    )


def _away(edges: Iterable[Edge]) -> Iterator[Turn]:
    """Yield when a host's program was taken down, and when it came back."""
    for edge in edges:
        kind = EdgeKind(edge.what)
        if not edge.done:
            continue
        if kind in AWAY:
            yield Turn(edge.at_us, AWAY[kind])
        elif kind in BACK:
            yield Turn(edge.at_us, "")


def _edge_marks(edges: Iterable[Edge]) -> Iterator[Mark]:
    for edge in edges:
        kind = EdgeKind(edge.what)
        # What was asked and could be done is told by the request itself.
        if edge.done and kind in (EdgeKind.REGISTER_ASKED, EdgeKind.UNBIND_ASKED):
            continue
        words = _EDGES[kind]
        if kind in (EdgeKind.MOVED, EdgeKind.POINTED) and edge.value:
            words = f"{words} to {format_address(edge.value)}"
        yield Mark(edge.at_us, MarkKind.EVENT, words if edge.done else f"{words}, without effect")


def _events_by_host(scenario: Scenario) -> dict[str, list[Mark]]:
    marks: dict[str, list[Mark]] = defaultdict(list)
    for event in scenario.events:
        if event.verb not in _BY_PLAN or event.idle:
            continue
        hosts = (event.host,) if event.host is not None else event.nodes or (SERVER,)
        for host in hosts:
            marks[host].append(Mark(event.at_us, MarkKind.EVENT, _words(event)))
            if event.until_us is not None and event.until_us <= scenario.duration_us:
                marks[host].append(Mark(event.until_us, MarkKind.EVENT, f"over: {_BY_PLAN[event.verb]}"))
    return marks


def _words(event: Event) -> str:
    words = _BY_PLAN[event.verb]
    if event.verb in (Verb.CLOCK_STEP, Verb.CLOCK_SLEW):
        return f"{words} {'back' if event.by_us < 0 else 'forward'} by {format_duration(abs(event.by_us))}"
    if event.verb is Verb.CLOCK_DRIFT:
        return f"{words} by {event.ppm} ppm"
    return words


class _Histories:
    """What a trace has to tell of each node, in order of time."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._transitions = _by(trace.transitions, lambda row: row.node)
        self._access = _by(trace.access, lambda row: row.node)
        self._exchanges = _by(trace.exchanges, lambda row: row.node)
        self._beats = _by(trace.beats, lambda row: row.node)
        self._failures = _by(trace.failures, lambda row: row.node)
        self._slots = _by(trace.slots, lambda row: row.node)

    def statuses(self, node: int) -> Iterator[Turn]:
        yield Turn(0, Status.UNREGISTERED.name.lower())
        for row in sorted(self._transitions[node], key=lambda row: row.at_us):
            yield Turn(row.at_us, Status(row.after).name.lower(), _BECAUSE[TransitionReason(row.reason)])

    def open(self, node: int, end_us: int) -> Iterator[Strip]:
        """Yield the stretches in which access was open."""
        since_us: int | None = None
        for row in sorted(self._access[node], key=lambda row: row.at_us):
            if row.opened and since_us is None:
                since_us = row.at_us
            elif not row.opened and since_us is not None:
                if since_us < row.at_us:
                    yield Strip(since_us, row.at_us, "access open")
                since_us = None
        if since_us is not None and since_us < end_us:
            yield Strip(since_us, end_us, "access open")

    def marks(self, node: int) -> Iterator[Mark]:
        for exchange in self._exchanges[node]:
            kind = MarkKind[Kind(exchange.kind).name]
            yield Mark(exchange.sent_us, kind, f"{kind.value}: {_outcome(exchange)}")
        for failure in self._failures[node]:
            yield Mark(failure.at_us, MarkKind.FAILURE, _reason(failure))
        for slot in self._slots[node]:
            yield Mark(slot.at_us, MarkKind.SLOT, _slot(slot))
        for trouble in self._trace.troubles:
            if trouble.host == node:
                yield Mark(trouble.at_us, MarkKind.NOTE, trouble.what)

    def runs(self, node: int) -> tuple[Run, ...]:
        beats = sorted(self._beats[node], key=lambda beat: beat.first_sent_us)
        return tuple(
            Run(beat.first_sent_us, beat.last_sent_us, beat.polls, MarkKind.POLL, "poll: granted") for beat in beats
        )


def _outcome(exchange: Exchange) -> str:
    outcome = Outcome(exchange.outcome)
    if outcome is Outcome.POSITIVE:
        return "granted"
    if outcome is Outcome.NEGATIVE:
        if exchange.verdict < 0:
            return "granted, and the grant did not pass"
        code = Code.shown_for(exchange.verdict)
        return f"refused, {f'{code.label} {code.shown_name}'.strip()}"
    if outcome is Outcome.UNANSWERED:
        if exchange.verdict == Verdict.CONNECTION_REFUSED and not exchange.answer_lost:
            return "no answer, the connection was refused"
        lost = "request" if exchange.lost else "answer" if exchange.answer_lost else ""
        return f"no answer, the {lost} was lost" if lost else "no answer"
    return "abandoned" if outcome is Outcome.ABANDONED else "not answered yet"


def _reason(failure: Failure) -> str:
    code = Code(failure.code)
    name = f"{code.label} {code.shown_name}".strip() if code > 0 else code.shown_name
    return f"{name}: {code.reason}"


def _slot(slot: Slot) -> str:
    live = "1 is live" if slot.live == 1 else f"{slot.live} are live"
    where = " at the copy" if slot.server else ""
    return f"slot {SlotChange(slot.change).name.lower()}{where}, {live}"


def _by(rows: Iterable[Row], key: Callable[[Row], int]) -> dict[int, list[Row]]:
    groups: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def _in_order(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    return tuple(sorted(marks, key=lambda mark: mark.at_us))
