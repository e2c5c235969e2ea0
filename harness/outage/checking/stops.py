"""Checks of the stops of the server: what they show while they last, and what they leave (Note 10, "Auto-Startup")."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from harness.durations import format_duration
from harness.outage.checking.evidence import Cut, Evidence, NodeEvidence, Stop
from harness.outage.checking.findings import Notes
from harness.outage.checking.judging import checks
from harness.outage.checking.seen import DAY_US, PERIOD_US, Lane, Seen, longest
from harness.trace import Status
from reference_server.codes import Code

__all__: list[str] = []

_ALIVE = (Status.REGISTERED, Status.INTERRUPTED, Status.REJECTED)
_FAR_US = 1 << 62
_A_STOP = "when the server was stopped and when it was started again"
_MINUTE_US = 60_000_000


@checks(
    "R026", "R029", "R030", "R034", "R081", wanted=f"{_A_STOP}, more than 24 h later, and what nodes showed after that"
)
def a_day_down_loses_all(evidence: Evidence, notes: Notes) -> None:
    """Every stop that surely took more than 24 h (26 h under `thirteenth-miss`), and every node of which something is
    seen after it: no slot outlives it at the server, so nobody is registered, interrupted or rejected until an
    administrator registers the node, and the server counts nobody else.

    That the register was not written down, or a start in between, explains each of these; a complete record has both.
    A stop of up to 24 h loses those whose last contact was too long ago, which R028 and R033 look at.
    """
    for stop, following in _with_next(evidence.stops):
        if stop.ended is None or stop.shortest_us <= evidence.lease_us:
            continue
        until_us = _FAR_US if following is None else following.begun.first_us
        for node in evidence.nodes:
            _judge_after_a_day(evidence, node, stop, until_us, notes)
        _judge_counts(evidence, stop, until_us, notes)


def _judge_after_a_day(evidence: Evidence, node: NodeEvidence, stop: Stop, until_us: int, notes: Notes) -> None:
    assert stop.ended is not None, "a stop that lasts loses nobody yet"
    back_us = stop.ended.last_us
    # By count, a node that had fewer than twelve failures meanwhile is not lapsed yet.
    alive = (Status.REGISTERED,) if evidence.reading.lapse_by_count else _ALIVE
    register = next(node.registered.around(stop.begun.first_us, until_us), None)
    register_us = until_us if register is None else min(until_us, register.first_us)
    shown = [
        each
        for each in node.statuses.around(back_us, register_us)
        if back_us + evidence.timeout_us < each.first_us and each.last_us < register_us and not node.just_started(each)
    ]
    wrong = next((each for each in shown if each.it.status in alive), None)
    if wrong is not None:
        assert wrong.it.status is not None, "it is a status that was shown"
        status = wrong.it.status.name.lower()
        said = f"{node.name} is {status} after a stop of {_length(stop)}, without having been registered again"
        notes.unless(f"the register of {node.name}, or a start of the server in between", said, *stop.lines, wrong)
        return
    lost = [each for each in shown if each.it.status is Status.LAPSED][:1]
    again = [] if register is None or register.first_us <= back_us else [register]
    if lost or again:
        lines = (*stop.lines, *lost, *again)
        notes.obeyed(f"a node was lost over a stop of {_length(stop)}, until it was registered again", *lines)


def _judge_counts(evidence: Evidence, stop: Stop, until_us: int, notes: Notes) -> None:
    assert stop.ended is not None, "a stop that lasts loses nobody yet"
    firsts = sorted(
        register.first_us
        for node in evidence.nodes
        if (register := next(node.registered.around(stop.begun.first_us, until_us), None)) is not None
    )
    for count in evidence.counts.around(stop.ended.last_us, until_us):
        if not stop.ended.last_us < count.first_us <= count.last_us < until_us:
            continue
        assert count.it.count is not None, "it is a line that counts"
        registered = bisect_right(firsts, count.last_us)
        if count.it.count > registered:
            counted = f"the server counts {count.it.count} nodes after a stop of {_length(stop)}"
            said = f"{counted}, and {registered} were registered again"
            notes.unless("each register after the stop, or a start in between", said, *stop.lines, count)
        else:
            notes.obeyed("the server counts only those that were registered after the stop", *stop.lines, count)


@checks("R027", wanted=f"{_A_STOP}, and failures or statuses of nodes in between")
def the_stop_shows(evidence: Evidence, notes: Notes) -> None:
    """Every stop of the server, and every node that is known of meanwhile: it lists a "/" and does not show
    `registered` once it has polled, which is 2 h after the stop began at the latest.

    A node without a failure may have been stopped itself, its rows may be lost, or the server was started in between.
    In a complete record a node that was registered, and to which nothing happened since, must have a row.
    """
    for stop in evidence.stops:
        for node in evidence.nodes:
            _judge_shown(evidence, node, stop, notes)


def _judge_shown(evidence: Evidence, node: NodeEvidence, stop: Stop, notes: Notes) -> None:
    after_us = longest(PERIOD_US) + evidence.timeout_us
    until_us = _FAR_US if stop.ended is None else stop.ended.first_us
    row = next((each for each in _within(node.rows, stop) if each.it.code is Code.NO_CONNECTION), None)
    if row is not None:
        notes.obeyed('a node lists the stop of the server as "/"', *stop.lines, row)
    for status in node.shown_registered.around(stop.again.last_us + after_us, until_us):
        if stop.surely_spans(status, after_us) and not node.started.any_around(stop.begun.first_us, status.last_us):
            said = f"{node.name} shows that it is registered, and the server was stopped more than 2 h before"
            notes.unless(f"a start of the server, or of {node.name}, in between", said, *stop.lines, status)
            return
    if row is not None or stop.ended is None or stop.shortest_us <= after_us:
        return
    known = node.registered.last_before(stop.begun.first_us)
    if known is None or not len(node.rows):
        return
    lanes: tuple[Lane, ...] = (node.rows, node.restarts, node.unbound)
    # It asked nothing else of it: what is registered polls every two hours.
    if any(lane.any_around(known.first_us - evidence.timeout_us, stop.ended.last_us) for lane in lanes):
        return
    said = f"{node.name} lists no failure, and the server was down for {_length(stop)}"
    notes.unless(f"that failure, or for what kept {node.name} from polling", said, known, *stop.lines)


@checks("R028", wanted=f"{_A_STOP}, less than 24 h later, failures of nodes in between, and their status after it")
def a_short_stop_recovers(evidence: Evidence, notes: Notes) -> None:
    """Every stop that surely took less than 24 h, and every node that has a "/" in it: it is registered again by itself
    if its last contact was less than 24 h before its next poll.

    A node that is lapsed after the stop, and was in contact less than 24 h before, contradicts the rule. That is
    proven by a register, or by its status in a complete record. Where the stop took 20 to 24 h, it is the phase of its
    polls that decides, so that both outcomes may be allowed.
    """
    for stop, following in _with_next(evidence.stops):
        if stop.ended is None or stop.longest_us >= DAY_US:
            continue
        until_us = min(_FAR_US if following is None else following.begun.first_us, stop.ended.last_us + DAY_US)
        for node in evidence.nodes:
            _judge_recovery(evidence, node, stop, until_us, notes)


def _judge_recovery(evidence: Evidence, node: NodeEvidence, stop: Stop, until_us: int, notes: Notes) -> None:
    assert stop.ended is not None, "it is over"
    row = next(iter(_within(node.rows, stop)), None)
    back_us = stop.ended.last_us
    shown = [each for each in node.statuses.around(back_us, until_us) if back_us < each.first_us]
    lapsed = next((each for each in shown if each.it.status is Status.LAPSED), None)
    if lapsed is not None and not evidence.reading.lapse_by_count:
        contact = evidence.contact_since(node, lapsed)
        if contact is not None and evidence.surely_within_a_day(contact[0], lapsed):
            said = f"{node.name} has lapsed after a stop of {_length(stop)}, and had an answer less than 24 h before"
            notes.broken(said, *contact[1], *stop.lines, lapsed)
            return
    if row is None:
        return
    well = next((each for each in shown if each.it.status is Status.REGISTERED), None)
    if well is not None and not node.registered.any_around(stop.begun.first_us, well.last_us):
        notes.obeyed("a node recovers by itself from a stop of less than 24 h", row, stop.ended, well)
    elif lapsed is None and not node.registered.any_around(back_us, until_us):
        said = "what became of a node after a stop of less than 24 h is not recorded"
        notes.open(said, "a status of the node, or its register, after the server's return", row)


@checks("R082", wanted=f"{_A_STOP}, and what nodes showed after that")
def closing_the_server(evidence: Evidence, notes: Notes) -> None:
    """Every stop, and every node that is seen registered more than 2 h after it, without having been registered again:
    so its slot outlived the stop. Under `windows-close` no slot does; under the others each does for up to 24 h.

    A register that was not written down explains it, too. That a slot was lost cannot be seen: what a poll is refused
    with then, "Incorrect License Format", has other reasons as well.
    """
    for stop, following in _with_next(evidence.stops):
        if stop.ended is None or stop.shortest_us > evidence.lease_us:
            continue
        until_us = _FAR_US if following is None else following.begun.first_us
        after_us = stop.ended.last_us + longest(PERIOD_US) + evidence.timeout_us
        for node in evidence.nodes:
            register = next(node.registered.around(stop.begun.first_us, until_us), None)
            last_us = until_us if register is None else min(until_us, register.first_us)
            shown = (each for each in node.shown_registered.around(after_us, last_us) if after_us < each.first_us)
            status = next((each for each in shown if each.last_us < last_us and not node.just_started(each)), None)
            if status is None:
                continue
            if evidence.reading.stop_voids_slots:
                said = f"{node.name} is registered after a stop of the server, without having been registered again"
                notes.unless(f"the register of {node.name}", said, *stop.lines, status)
            else:
                notes.obeyed("a registration outlives a stop of the server", *stop.lines, status)


@checks("R097", wanted=f"{_A_STOP}, and registers of nodes")
def registers_reach_the_server(evidence: Evidence, notes: Notes) -> None:
    """Every register that succeeded: the server was running, as far as its stops are recorded.

    Where it was stopped, only a start that was not written down explains it. After the server was destroyed, R125 says
    more.
    """
    begun = [stop.begun.first_us for stop in evidence.stops]
    for node in evidence.nodes:
        for register in node.registered:
            stop = _stop_at(evidence.stops, begun, register)
            if stop is None:
                if evidence.stops:
                    notes.obeyed("a node was registered while the server ran", register)
            elif stop.surely_spans(register, evidence.timeout_us) and not stop.destroyed:
                said = f"{node.name} was registered while the server was stopped"
                notes.unless("a start of the server before", said, *stop.lines, register)


@checks("R119", wanted='a failure "/" of a node')
def no_connection_is_a_slash(evidence: Evidence, notes: Notes) -> None:
    """Every failure while the server was stopped or the network cut: it is a "/". A code is an answer, and a stopped
    server gives none (30000 aside, which a node finds by itself).

    A "/" at another time has a cause that is not recorded.
    """
    begun = [stop.begun.first_us for stop in evidence.stops]
    # Of the cuts that have begun at a time, the one that lasts longest; they are in order of their beginnings.
    cuts_by_node = _cuts_by_node(evidence)
    for node in evidence.nodes:
        starts, ends, lines = cuts_by_node[node.name]
        for row in node.rows:
            stop = _stop_at(evidence.stops, begun, row)
            place = bisect_right(starts, row.first_us) - 1
            if row.it.code is not Code.NO_CONNECTION:
                known = row.it.code not in (None, Code.LICENSE_EXPIRED)
                if known and stop is not None and stop.surely_spans(row, evidence.timeout_us):
                    said = f"{node.name} lists an answer of the server while the server was stopped"
                    notes.unless("a start of the server before", said, *stop.lines, row)
            elif stop is not None and stop.surely_spans(row):
                notes.obeyed('a failure while the server was stopped is a "/"', stop.begun, row)
            elif place >= 0 and row.last_us < ends[place]:
                notes.obeyed('a failure while the network was cut is a "/"', lines[place], row)
            else:
                notes.open(
                    'a "/" when neither a stop of the server nor a cut of the network is surely recorded',
                    "what stood between the node and the server then",
                    row,
                )


def _cuts_by_node(evidence: Evidence) -> dict[str, tuple[list[int], list[int], list[Seen]]]:
    """Return for each node since when cuts concern it, until when those that have begun last, and their lines."""
    found: dict[str, tuple[list[int], list[int], list[Seen]]] = {}
    for node in evidence.nodes:
        concerned = [cut for cut in evidence.cuts if not cut[3] or node.name in cut[3]]
        lasting: list[Cut] = list(accumulate(concerned, _longer))
        found[node.name] = ([cut[0] for cut in concerned], [cut[1] for cut in lasting], [cut[2] for cut in lasting])
    return found


@checks("R125", wanted='a stop of the server with the word "destroyed", and what came after it')
def nothing_is_granted_after_a_destroy(evidence: Evidence, notes: Notes) -> None:
    """Every node, after the server was stopped with the word "destroyed": none is registered any more.

    A server that was authorized anew, here or elsewhere, explains a register after that, if its start may have been
    left out.
    """
    for stop in evidence.stops:
        if not stop.destroyed:
            continue
        begun = stop.again
        for node in evidence.nodes:
            later = node.registered.around(begun.last_us, _FAR_US)
            register = next((each for each in later if begun.last_us < each.first_us - evidence.timeout_us), None)
            if register is None:
                if any(begun.last_us < each.first_us for each in node.rows):
                    notes.obeyed("nothing is granted any more once the server is destroyed", begun, node.rows[-1])
            elif evidence.server_starts.any_around(begun.first_us, register.last_us):
                said = "a node was registered after the server was destroyed, when a server was started again"
                notes.open(said, "whether that server was authorized anew", begun, register)
            else:
                said = f"{node.name} was registered although the server was destroyed"
                notes.unless("the start of a server that was authorized anew", said, begun, register)


def _longer(one: Cut, other: Cut) -> Cut:
    return one if one[1] >= other[1] else other


def _within(lane: Lane, stop: Stop) -> Iterator[Seen]:
    """Yield the lines that surely fall into a stop."""
    until_us = _FAR_US if stop.ended is None else stop.ended.first_us
    return (each for each in lane.around(stop.again.last_us, until_us) if stop.surely_spans(each))


def _with_next(stops: list[Stop]) -> Iterator[tuple[Stop, Stop | None]]:
    """Yield each stop and the one that follows."""
    for place, stop in enumerate(stops):
        yield stop, stops[place + 1] if place + 1 < len(stops) else None


def _stop_at(stops: list[Stop], begun: list[int], each: Seen) -> Stop | None:
    """Return the last stop that may have begun when a line was written, if it may last still."""
    place = bisect_right(begun, each.last_us) - 1
    if place < 0:
        return None
    stop = stops[place]
    return None if stop.ended is not None and stop.ended.last_us < each.first_us else stop


def _length(stop: Stop) -> str:
    """Return how long a stop took by the times that were written down."""
    assert stop.ended is not None, "it is over"
    us = stop.ended.it.at_us - stop.begun.it.at_us
    return format_duration(us // _MINUTE_US * _MINUTE_US)
