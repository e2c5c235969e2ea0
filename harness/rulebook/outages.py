"""Rules of outages: what a stop of the server does to the registrations (Note 10)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.rulebook.checks import due, due_by_node
from harness.rulebook.history import DOWN, Downtime, History, NodeView
from harness.rulebook.judging import judges
from harness.rulebook.ledger import DAY_US, GONE, PERIOD_US, ExpectedSlot, Ledger
from harness.rulebook.nodelaw import NodeLaws
from harness.rulebook.verdicts import Tally
from harness.scenario import SERVER
from harness.trace import NEVER, EdgeKind, Exchange, Outcome, Slot, SlotChange, Status, TransitionReason, Verdict
from reference_server.protocol import Code, Kind

__all__: list[str] = []


def _stops(history: History) -> Iterator[Downtime]:
    """Yield the stops and crashes of the server's program; a suspension is none."""
    yield from (each for each in history.server_away[0] if each.what in DOWN)


class _Ended(NamedTuple):
    """A stop that has ended, when it did, and the nodes that held a slot, by what the server had granted."""

    stop: Downtime
    back_us: int
    holders: list[NodeView]


def _ended_stops(history: History) -> list[_Ended]:
    ledger = history.once(Ledger)
    return [
        _Ended(stop, stop.end_us, [history.nodes[place] for place in ledger.holders_before(stop.start_us)])
        for stop in _stops(history)
        if stop.end_us is not None
    ]


_A_DAY = "24 h down, for each slot that was held when a stop began that has ended"


def _judged_stops(history: History, tally: Tally) -> Iterator[_Ended]:
    """Yield the ended stops that lose every registration, by the reading's limit. All are told by the side of that
    limit on which they lie.

    A wall clock that was set since the last request that a slot may still live from changes what the start makes of
    it, so such a stop proves nothing. Nor does one in which an earlier state was put back, or where a copy of the
    server grants as well.
    """
    if history.copied_at_us is not None or history.clocks.drifts(SERVER):
        return
    limit_us = DAY_US + (PERIOD_US if history.reading.lapse_needs_later_miss else 0)
    for ended in history.once(_ended_stops):
        stop, back_us, holders = ended
        wall_set = history.clocks.wall_set(SERVER, stop.start_us - limit_us, back_us)
        put_back = any(
            edge.what == EdgeKind.ROLLED_BACK and stop.start_us <= edge.at_us <= back_us
            for edge in history.server_edges
        )
        if wall_set or put_back:
            continue
        over_us = back_us - stop.start_us - limit_us
        tally.side(over_us, len(holders))
        if over_us > 0:
            yield ended


def _registered_again(node: NodeView, back_us: int) -> int | None:
    """Return when a register that an administrator asked for first succeeded from ``back_us`` on."""
    registers = (each.it for each in node.exchanges if each.it.kind == Kind.REGISTER and each.it.ended_us >= back_us)
    succeeded = (asked for asked in registers if asked.outcome == Outcome.POSITIVE)
    return next((asked.ended_us for asked in succeeded if node.asked_by_administrator(asked)), None)


@judges("R026", "R081", boundary=_A_DAY)
def no_slot_survives_a_day(history: History, tally: Tally) -> None:
    """Every slot that was held when the server was stopped for more than 24 h: it is gone when the server is back.

    Where the slots cannot be seen, the number of them has to be that of those taken since, and a poll is refused.
    """
    for stop, back_us, holders in _judged_stops(history, tally):
        for node in holders:
            gone = _is_gone(history, node, stop, back_us)
            if gone:
                tally.passed()
            elif gone is not None:
                tally.broken(back_us, node.name, "the slot survived a stop of more than 24 h")


def _is_gone(history: History, node: NodeView, stop: Downtime, back_us: int) -> bool | None:
    """Tell whether a slot was lost over a stop, ``None`` if nothing tells."""
    if history.trace.sees_slots:
        # At the very instant of the return a register may already have taken it anew, which is no survival.
        told = [*GONE, SlotChange.RESTORED]
        changes = [slot.change for slot in node.slots if stop.start_us <= slot.at_us <= back_us and slot.change in told]
        return bool(changes) and changes[-1] in GONE
    counted = _counted(history, back_us)
    if counted is not None:
        return counted <= history.once(Ledger).live_at(back_us)
    for each in due(history):
        asked = each.exchange
        if history.owner[asked.node] == node.place and asked.arrived_us >= back_us and asked.kind != Kind.UNBIND:
            return None if asked.kind == Kind.REGISTER else asked.verdict != Verdict.GRANTED
    return None


def _counted(history: History, true_us: int) -> int | None:
    """Return how many slots were live at ``true_us``, as the program said, ``None`` if it was not asked."""
    counted = (count.live for count in history.trace.counts if count.at_us == true_us and count.live != NEVER)
    return next(counted, None)


def _refused(history: History) -> list[tuple[Exchange, Downtime]]:
    """Return the registers and polls that found the server's program stopped, each with that stop."""
    found = []
    for asked in history.exchanges:
        if asked.kind == Kind.UNBIND or asked.outcome != Outcome.UNANSWERED or asked.arrived_us == NEVER:
            continue
        stop = history.server_downtime(asked.arrived_us, asked.server)
        if stop is not None and stop.what in DOWN:
            found.append((asked, stop))
    return found


@judges("R027", boundary="24 h since the server went down, of each request that its port refuses")
def the_node_shows_the_outage(history: History, tally: Tally) -> None:
    """Every register or poll that a server down for under 24 h refuses: the node lists it and is not `registered`.

    The node cannot tell a stop from a cut (Q19), so it has to turn `interrupted` whenever a request finds no answer.
    """
    for turn in history.once(NodeLaws).wrong_turns:
        if turn.after == Status.INTERRUPTED:
            tally.broken(turn.at_us, history.nodes[turn.node].name, turn.message)
    for asked, stop in history.once(_refused):
        tally.side(asked.sent_us - stop.start_us - DAY_US)
        if asked.sent_us - stop.start_us >= DAY_US:
            continue
        node = history.nodes[asked.node]
        if not any(row.code == Code.NO_CONNECTION for row in node.rows_of(asked)):
            tally.broken(asked.ended_us, node.name, "the failed request is not listed")
        elif node.registered_despite(asked):
            tally.broken(asked.ended_us, node.name, "the node still shows that it is registered")
        else:
            tally.passed()


@judges("R028", boundary="24 h since last contact, on the node's boot-time clock, of the next poll after the return")
def the_registration_recovers(history: History, tally: Tally) -> None:
    """Every node that is `interrupted` when the server returns from a stop of under 24 h, where the law keeps its
    registration at both ends until its next poll: that poll has to be sent, granted, and make it `registered`.
    """
    verdicts = {each.place: each.verdict for each in due(history)}
    for stop in _stops(history):
        back_us = stop.end_us
        if back_us is None or back_us - stop.start_us >= DAY_US:
            continue
        for node in history.nodes:
            if node.status(back_us) is Status.INTERRUPTED and node.awake(back_us):
                _judge_recovery(history, tally, node, back_us, verdicts)


def _judge_recovery(history: History, tally: Tally, node: NodeView, back_us: int, verdicts: dict[int, int]) -> None:
    asked = [each for each in node.exchanges if each.it.kind != Kind.UNBIND]
    # A poll that is on its way when the server returns is served, if it arrives when the server is up.
    served_from_us = back_us - history.scenario.network.latency_us
    earlier = [each.it for each in asked if each.it.sent_us < served_from_us]
    if not earlier or earlier[-1].ended_us == NEVER or earlier[-1].ended_us > back_us:
        return
    due_boot_us = earlier[-1].sent_boot_us + PERIOD_US
    # A poll that fell due while the node was suspended is sent on its resumption, which may be this very instant.
    due_us = max(back_us, history.clocks.true_us(node.name, due_boot_us))
    contact_us = _contact(node, back_us)
    if contact_us is None:
        return
    tally.side(due_boot_us - contact_us - DAY_US)
    if due_boot_us > contact_us + DAY_US or due_us > history.end_us:
        return
    if not node.awake_throughout(back_us, due_us):
        return
    if history.disturbed(node, back_us, due_us + history.scenario.network.timeout_us):
        return
    following = next((each for each in asked if each.it.sent_us >= served_from_us), None)
    if following is None or following.it.sent_us > due_us:
        if node.status_before(due_us) is not Status.INTERRUPTED:
            return  # Unbound, say: there is nothing to reconnect for.
        tally.broken(due_us, node.name, "the node did not try to reconnect within two hours of the server's return")
        return
    place, poll = following
    clean = (
        poll.kind == Kind.POLL
        and verdicts.get(place) == Verdict.GRANTED
        and not poll.answer_lost
        and poll.arrived_us + history.scenario.network.latency_us <= history.end_us
        and node.awake_throughout(poll.sent_us, poll.arrived_us + history.scenario.network.latency_us)
    )
    if not clean or poll.outcome in (Outcome.OPEN, Outcome.ABANDONED):
        return
    expires_us = history.licence(poll.arrived_us).expires_us
    if expires_us is not None and history.once(Ledger).date_at(poll.arrived_us) > expires_us - PERIOD_US:
        return
    if poll.outcome == Outcome.POSITIVE and node.status(poll.ended_us) is Status.REGISTERED:
        tally.passed()
    elif poll.verdict == Verdict.GRANTED and not NEVER < poll.delivered_us <= poll.ended_us:
        return  # The answer came too late: the network is slower than the node's patience.
    else:
        tally.broken(poll.sent_us, node.name, "the next poll after a short stop did not restore the registration")


def _contact(node: NodeView, before_us: int) -> int | None:
    """Return the last contact before ``before_us``, on the node's boot-time clock."""
    contacts = [
        each.it.sent_boot_us
        for each in node.exchanges
        if each.it.outcome == Outcome.POSITIVE and each.it.kind != Kind.UNBIND and each.it.ended_us < before_us
    ]
    contacts += [
        beat.first_sent_boot_us + (beat.polls - 1) * PERIOD_US for beat in node.beats if beat.last_sent_us < before_us
    ]
    return max(contacts, default=None)


@judges("R082")
def closed_is_not_registered(history: History, tally: Tally) -> None:
    """Every register or poll that finds the server's program closed: its node does not go on showing `registered`. And
    every slot that was held when it was closed, once it has been started again.

    Whether that slot outlives the closing is a question of the reading (Q02): `windows-close` lets every one go, the
    others let it live for as long as the 24 hours do. Where the slots cannot be seen, their number at the start has to
    tell, and else the next poll.
    """
    for asked, _ in history.once(_refused):
        node = history.nodes[asked.node]
        if node.registered_despite(asked):
            tally.broken(asked.ended_us, node.name, "the server is closed, and the node shows that it is registered")
        else:
            tally.passed()
    for _, back_us, holders in history.once(_ended_stops):
        for node in holders:
            lives, has_to = _lives(history, node, back_us)
            if lives == has_to:
                tally.passed()
            elif lives is not None:
                message = "did not outlive" if has_to else "outlived"
                tally.broken(back_us, node.name, f"its slot {message} the closing of the server")


def _lives(history: History, node: NodeView, back_us: int) -> tuple[bool | None, bool]:
    """Tell whether a slot is live at the server's return, ``None`` if nothing tells, and whether it has to be."""
    has_to = _live_after(history.once(_changes_due)[node.place], back_us)
    if history.trace.sees_slots:
        return _live_after([slot for slot in node.slots if slot.server == 0], back_us), has_to
    counted = _counted(history, back_us)
    if counted is not None:
        return has_to == (counted == history.once(Ledger).live_at(back_us)), has_to
    for each in due(history):
        asked = each.exchange
        if history.owner[asked.node] == node.place and asked.arrived_us >= back_us and asked.kind != Kind.UNBIND:
            # Only a poll that nothing else refuses tells the one from the other.
            told = asked.kind == Kind.POLL and each.failing in ((), ("slot",))
            return (asked.verdict == Verdict.GRANTED if told else None), each.verdict == Verdict.GRANTED
    return None, has_to


def _live_after(changes: Sequence[Slot | ExpectedSlot], true_us: int) -> bool:
    """Tell whether a slot with these changes is live after everything at ``true_us``."""
    place = bisect_right(changes, true_us, key=lambda change: change.at_us)
    return bool(place and changes[place - 1].change not in GONE)


def _changes_due(history: History) -> dict[int, list[ExpectedSlot]]:
    """Return the changes that the slots of the server itself had to undergo, by node."""
    by_node: dict[int, list[ExpectedSlot]] = {}
    for each in history.once(Ledger).changes:
        if each.server == 0:
            by_node.setdefault(each.node, []).append(each)
    return by_node


@judges("R029", boundary=_A_DAY)
def running_it_again_is_not_enough(history: History, tally: Tally) -> None:
    """Every node that held a slot when the server was stopped for more than 24 h: the server's return alone does not
    make it `registered` again.
    """
    for _, back_us, holders in _judged_stops(history, tally):
        for node in holders:
            registered_us = _registered_again(node, back_us)
            back = [
                change.at_us
                for change in node.transitions
                if change.at_us >= back_us
                and change.after == Status.REGISTERED
                and change.reason != TransitionReason.COPIED
            ]
            if back and (registered_us is None or back[0] < registered_us):
                tally.broken(back[0], node.name, "registered again after more than 24 h, without a register")
            else:
                tally.passed()


@judges("R030", boundary=_A_DAY)
def only_a_register_after_a_day(history: History, tally: Tally) -> None:
    """Every request of a node that held a slot when the server was stopped for more than 24 h, up to its first register
    after the return: a poll is refused, the register is what succeeds.
    """
    for _, back_us, holders in _judged_stops(history, tally):
        for node in holders:
            for each in due_by_node(history).get(node.place, ()):
                asked, verdict = each.exchange, each.verdict
                if asked.arrived_us < back_us:
                    continue
                if asked.kind == Kind.REGISTER:
                    if not node.asked_by_administrator(asked):
                        continue
                    if verdict == Verdict.GRANTED:
                        ok = asked.verdict == Verdict.GRANTED
                        tally.passed() if ok else tally.broken(
                            asked.arrived_us, node.name, "the register after a long stop was refused"
                        )
                    break
                if asked.verdict == Verdict.GRANTED:
                    tally.broken(asked.arrived_us, node.name, "a poll was granted after a stop of more than 24 h")
                else:
                    tally.passed()
