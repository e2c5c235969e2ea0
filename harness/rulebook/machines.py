"""Rules of the server's machine and of the way to it: its identity, its one program, its end, its certificate."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from harness.rulebook.checks import due
from harness.rulebook.history import History
from harness.rulebook.judging import judges
from harness.rulebook.verdicts import Tally
from harness.scenario import Verb
from harness.trace import NEVER, Edge, EdgeKind, Outcome, Verdict
from reference_server.protocol import Code

__all__ = ["a_foreign_machine_serves_nobody"]

_REBOOTS = (Verb.SERVER_REBOOT, Verb.SERVER_POWER_LOSS)


@judges("R010", "R012")
def a_foreign_machine_serves_nobody(history: History, tally: Tally) -> None:
    """Every request, and every start of the program, while the machine's identity is not the licensed one: the request
    is refused with "Incorrect License Format", unless it is no request, and the program refuses to start.
    """
    for each in due(history):
        if "integrity" not in each.failing:
            continue
        asked = each.exchange
        if asked.verdict == Code.INCORRECT_LICENSE_FORMAT:
            tally.passed()
        else:
            name = history.nodes[asked.node].name
            tally.broken(asked.arrived_us, name, "answered on a foreign machine as if on the licensed one")
    drifted = False
    for edge in history.server_edges:
        if edge.what in (EdgeKind.DRIFTED, EdgeKind.IDENTITY_RESTORED):
            drifted = edge.what == EdgeKind.DRIFTED
        elif edge.what == EdgeKind.STARTED and drifted:
            if edge.done:
                tally.broken(edge.at_us, None, "the program started on a foreign machine")
            else:
                tally.passed()


@judges("R014")
def one_program_a_machine(history: History, tally: Tally) -> None:
    """Every attempt to start a second program beside the one that runs: it does not run."""
    for edge in history.server_edges:
        if edge.what != EdgeKind.SECOND:
            continue
        if edge.done:
            tally.broken(edge.at_us, None, "a second program runs on the machine")
        elif history.server_downtime(edge.at_us) is None:
            tally.passed()


@judges("R086")
def it_runs_for_as_long_as_the_machine_does(history: History, tally: Tally) -> None:
    """Every start of the program, but for the first, where nothing is in its way (the licensed machine, room on its
    disk, no destroy): it runs from then on, until something ends it.
    """
    for edge in _unhindered_starts(history):
        if not edge.done:
            tally.broken(edge.at_us, None, "the program did not start, though nothing was in its way")
        elif edge is not history.server_edges[0]:
            tally.passed()


def _unhindered_starts(history: History) -> Iterator[Edge]:
    """Yield the starts of the program at which nothing is in its way."""
    in_the_way: set[EdgeKind] = set()
    begins = {EdgeKind.DRIFTED: EdgeKind.IDENTITY_RESTORED, EdgeKind.DISK_FULL: EdgeKind.DISK_CLEARED}
    ends = {end: begin for begin, end in begins.items()}
    for edge in history.server_edges:
        kind = EdgeKind(edge.what)
        if kind in begins or kind is EdgeKind.DESTROYED:
            in_the_way.add(kind)
        elif kind in ends:
            in_the_way.discard(ends[kind])
        elif kind is EdgeKind.STARTED and not in_the_way:
            yield edge


@judges("R083")
def what_starts_with_the_machine(history: History, tally: Tally) -> None:
    """Every reboot of the server's machine, after a power loss too: a program that is set to start with it runs as soon
    as the machine does, unless something is in its way; one that is not waits for somebody to start it.
    """
    reboots = [edge for edge in history.server_edges if edge.what in (EdgeKind.REBOOTED, EdgeKind.POWER_LOST)]
    starts = [edge for edge in history.server_edges if edge.what == EdgeKind.STARTED]
    ends = {event.at_us: event.until_us for event in history.scenario.events if event.verb in _REBOOTS}
    by_hand = {event.at_us for event in history.scenario.events if event.verb is Verb.SERVER_START}
    failed = {edge.at_us for edge in _unhindered_starts(history) if not edge.done}
    for reboot, following in zip_longest(reboots, reboots[1:]):
        # What a later reboot or the end of the run cuts short tells nothing.
        until_us = history.end_us + 1 if following is None else following.at_us
        back_us = ends[reboot.at_us]
        next_us = next((edge.at_us for edge in starts if reboot.at_us < edge.at_us < until_us), None)
        if back_us is None:
            if next_us is not None and next_us not in by_hand:
                tally.broken(next_us, None, "the program started with the machine, which it was not set to do")
            elif next_us is not None or following is None:
                tally.passed()
        elif back_us < until_us and (next_us is None or next_us >= back_us):
            if next_us != back_us or back_us in failed:
                tally.broken(back_us, None, "the program was set to start with the machine, and did not")
            else:
                tally.passed()


@judges("R095")
def whom_a_node_trusts(history: History, tally: Tally) -> None:
    """Every request to a server whose certificate the node cannot trust (expired, not valid yet, for another name, of
    another authority): it registers nobody, and the node lists a failed connection.
    """
    for asked in history.exchanges:
        if asked.verdict != Verdict.UNTRUSTED or asked.outcome in (Outcome.OPEN, Outcome.ABANDONED):
            continue
        node = history.nodes[asked.node]
        if asked.outcome == Outcome.POSITIVE or node.registered_by_failure(asked):
            tally.broken(asked.ended_us, node.name, "registered with a server that cannot be trusted")
        elif [row.code for row in node.rows_of(asked)] != [Code.NO_CONNECTION]:
            tally.broken(asked.ended_us, node.name, "a certificate that fails is not listed as a failed connection")
        else:
            tally.passed()


@judges("R100")
def a_closed_port_registers_nobody(history: History, tally: Tally) -> None:
    """Every request while a firewall closes the server's port to the node: it registers nobody."""
    port = history.scenario.server.port
    closed = [
        event
        for event in history.scenario.events
        if event.verb in (Verb.FIREWALL_DROP, Verb.FIREWALL_REJECT)
        and event.port in (None, port)
        and event.direction != "answers"
        and event.percent == 100
    ]
    if not closed:
        return
    lifted = [event for event in history.scenario.events if event.verb is Verb.FIREWALL_LIFT]
    for asked in history.exchanges:
        node = history.nodes[asked.node]
        at_us = asked.sent_us
        for event in closed:
            ends = [
                lift.at_us
                for lift in lifted
                if lift.at_us > event.at_us and node.name in lift.nodes and lift.direction != "answers"
            ]
            ends += [] if event.until_us is None else [event.until_us]
            if node.name in event.nodes and event.at_us <= at_us < min(ends, default=at_us + 1):
                break
        else:
            continue
        if asked.arrived_us != NEVER:
            tally.broken(at_us, node.name, "a request passed a closed port")
        elif asked.outcome == Outcome.POSITIVE or node.registered_by_failure(asked):
            tally.broken(asked.ended_us, node.name, "registered although the port is closed")
        else:
            tally.passed()


@judges("R125")
def destroyed_for_ever(history: History, tally: Tally) -> None:
    """Every start of the program and every request after the server was destroyed: it neither runs nor answers."""
    destroyed: int | None = None
    for edge in history.server_edges:
        if edge.what == EdgeKind.DESTROYED:
            destroyed = edge.at_us
        elif edge.what == EdgeKind.STARTED and destroyed is not None:
            if edge.done:
                tally.broken(edge.at_us, None, "a destroyed server runs again")
            else:
                tally.passed()
    for asked in history.exchanges:
        if destroyed is None or asked.arrived_us < destroyed or asked.server:
            continue
        if asked.verdict == Verdict.CONNECTION_REFUSED:
            tally.passed()
        else:
            name = history.nodes[asked.node].name
            tally.broken(asked.arrived_us, name, "a destroyed server answered")
