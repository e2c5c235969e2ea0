"""Rules of contact: the poll of every two hours, the 24 hours at both ends, and the failure list (Note 11)."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise

from harness.rulebook.checks import due
from harness.rulebook.history import History, NodeView
from harness.rulebook.judging import judges
from harness.rulebook.ledger import GONE, NEVER_SEEN, ExpectedSlot, Ledger
from harness.rulebook.nodelaw import NodeLaws
from harness.rulebook.verdicts import Tally
from harness.scenario import SERVER
from harness.trace import NEVER, Copy, EdgeKind, Exchange, Outcome, Slot, SlotChange, Status, TransitionReason, Verdict
from reference_server.protocol import Code, Kind

__all__: list[str] = []

_CHANGES = (*GONE, SlotChange.RESTORED, SlotChange.FOUND)
_BACK = (SlotChange.TAKEN, SlotChange.RESTORED, SlotChange.FOUND)


@judges("R031", boundary="2 h since the last register or poll was sent, on the node's boot-time clock")
def polls_every_two_hours(history: History, tally: Tally) -> None:
    """Every poll, and every instant at which one is due: 2 h after the last register or poll was sent, on the node's
    boot-time clock; at once after a start, and after a resumption if one fell due; none by a node that does not poll.
    """
    for law in history.once(NodeLaws).of:
        tally.passed(law.polls_tested - len(law.poll_findings))
        for late_us, polls in law.intervals.items():
            tally.side(late_us, polls)
        for finding in law.poll_findings:
            tally.broken(finding.at_us, law.node.name, finding.message)


@judges("R032")
def the_server_replies(history: History, tally: Tally) -> None:
    """Every request that reaches a running server is answered, once; what does not reach one is not. A request that
    reaches it a second time gets the same answer again.

    A node gives each of its requests a number of its own, or nobody could tell which one an answer is for. Where an
    earlier state was put back, it counts on from there.
    """
    for node in history.nodes:
        backs = [edge.at_us for edge in node.edges if edge.what == EdgeKind.ROLLED_BACK and edge.done]
        used = [(each.it.number, each.it.number, each.it.sent_us) for each in node.exchanges]
        used += [(beat.first_number, beat.first_number + beat.polls - 1, beat.first_sent_us) for beat in node.beats]
        numbers = sorted((bisect_right(backs, at_us), first, last, at_us) for first, last, at_us in used)
        for (era, _, last, _), (later, first, _, at_us) in pairwise(numbers):
            if era == later and first <= last:
                tally.broken(at_us, node.name, f"the number {first} was used twice")
    for again, known, at_us in _seen_twice(history):
        if _answer_of(history, again) == _answer_of(history, known):
            tally.passed()
        else:
            name = history.nodes[known.node].name
            tally.broken(at_us, name, "a request that was seen twice got two answers")
    for place, exchange in enumerate(history.exchanges):
        name = history.nodes[exchange.node].name
        if exchange.arrived_us == NEVER:
            if exchange.verdict not in (Verdict.NONE, Verdict.REJECTED):
                tally.broken(exchange.sent_us, name, f"request {exchange.number} was answered but never arrived")
            continue
        down = history.server_downtime(exchange.arrived_us, exchange.server) is not None
        if place in history.crashed_by or exchange.verdict in (Verdict.UNTRUSTED, Verdict.BROKEN):
            continue  # The server ended in the midst of it, or the connection did.
        if down and exchange.verdict != Verdict.CONNECTION_REFUSED:
            if _answered_before_a_crash(history, exchange):
                continue
            tally.broken(exchange.arrived_us, name, f"request {exchange.number} was answered by a stopped server")
        elif not down and exchange.verdict in (Verdict.NONE, Verdict.CONNECTION_REFUSED):
            tally.broken(exchange.arrived_us, name, f"request {exchange.number} got no answer from a running server")
        else:
            tally.passed(not down)
    for beat in history.trace.beats:
        passed_us = history.beat_into_downtime(beat)
        tally.passed(beat.polls - (passed_us is not None))
        if passed_us is not None:
            tally.broken(passed_us, history.nodes[beat.node].name, "a poll was answered by a stopped server")


def _seen_twice(history: History) -> Iterator[tuple[Exchange | Copy, Exchange, int]]:
    """Yield each request that the server knew, with the first one like it and the instant at which it came again."""
    ledger = history.once(Ledger)
    for copy, seen in ledger.copies:
        if seen != NEVER_SEEN:
            yield copy, history.exchanges[copy.place], copy.arrived_us
    for place, view in ledger.before.items():
        if view.first != NEVER:
            yield history.exchanges[place], history.exchanges[view.first], history.exchanges[place].arrived_us


def _answer_of(history: History, told: Exchange | Copy) -> tuple[object, ...]:
    """Return everything that an answer says."""
    trace = history.trace
    content = None if told.content == NEVER else trace.contents[told.content]
    signature = None if told.signature == NEVER else trace.signatures[told.signature]
    return told.verdict, told.server_time_us, content, signature


def _answered_before_a_crash(history: History, exchange: Exchange) -> bool:
    """Tell whether a later request of the same instant crashed the server."""
    tie = (exchange.sent_us, exchange.node, exchange.number)
    for place, edge in history.crashed_by.items():
        other = history.exchanges[place]
        if edge.at_us == exchange.arrived_us and tie < (other.sent_us, other.node, other.number):
            return True
    return False


@judges(
    "R033", boundary="24 h since last contact, of each further contact and each lapse, on the node's boot-time clock"
)
def silence_lapses_the_node(history: History, tally: Tally) -> None:
    """Every lapse, due or recorded: a node lapses 24 h after its last contact, as soon as no request sent in time can
    still be answered, and at no other instant (`revive` and the readings about the last poll move it as they say).
    """
    for law in history.once(NodeLaws).of:
        for late_us, times in law.silences.items():
            tally.side(late_us, times)
        expected = Counter(each.at_us for each in law.transitions if each.after == Status.LAPSED)
        recorded = Counter(each.at_us for each in law.node.transitions if each.after == Status.LAPSED)
        tally.passed((expected & recorded).total())
        for at_us in sorted((expected - recorded).elements()):
            tally.broken(at_us, law.node.name, "the node had to lapse here, and did not")
        for at_us in sorted((recorded - expected).elements()):
            tally.broken(at_us, law.node.name, "the node lapsed here, and had no reason to")


@judges("R034", boundary="24 h since the last accepted request arrived, of each poll and each slot that is void")
def silence_voids_the_slot(history: History, tally: Tally) -> None:
    """Every slot that is lost or restored, which takes 24 h of silence, a start's look at the wall clock, an unbind or
    the server's own end; and every poll decided by the age of its slot.

    A slot is void at the first microsecond beyond 24 h since its last accepted request arrived. Where a node still has
    access although its slot is void, the overlap is noted with its length and what explains it. Where the slots cannot
    be seen, their number has to be right whenever the server is asked for it.
    """
    if history.trace.sees_slots:
        _judge_changes(history, tally)
    else:
        _judge_counts(history, tally)
    ledger = history.once(Ledger)
    limit_us = ledger.lease_us
    tally.side(1, sum(each.change is SlotChange.VOID for each in ledger.expected))
    for each in due(history):
        asked = each.exchange
        name = history.nodes[asked.node].name
        if asked.kind != Kind.POLL or asked.form:
            continue
        if each.view.live and each.fresh:
            tally.side(each.view.age_us - limit_us)
        if asked.verdict == Verdict.GRANTED and not each.view.live:
            tally.broken(asked.arrived_us, name, "a poll was granted although its slot was void")
        elif each.verdict == Verdict.GRANTED and asked.verdict == Code.INCORRECT_LICENSE_FORMAT:
            tally.broken(asked.arrived_us, name, "a poll was refused although its slot was live")
        else:
            tally.passed()
    beats = sum(history.trace.beats.column("polls"))
    tally.passed(beats)
    # Nobody cruises whose slot becomes void between two polls.
    tally.side(-1, beats)
    _note_overlaps(history, tally)


def _judge_changes(history: History, tally: Tally) -> None:
    """Every change is there that has to be, and no other."""
    recorded: Counter[tuple[int, int, int, int]] = Counter(
        (slot.at_us, slot.node, slot.change, slot.server) for slot in history.trace.slots if slot.change in _CHANGES
    )
    ledger = history.once(Ledger)
    expected = Counter((each.at_us, each.node, int(each.change), each.server) for each in ledger.expected)
    tally.passed((expected & recorded).total())
    for at_us, node, change, _ in sorted((expected - recorded).elements()):
        name = history.nodes[node].name
        tally.broken(at_us, name, f"the slot had to be {SlotChange(change).name.lower()} here, and was not")
    for at_us, node, change, _ in sorted((recorded - expected).elements()):
        name = history.nodes[node].name
        tally.broken(at_us, name, f"the slot was {SlotChange(change).name.lower()} here, without a reason")


def _judge_counts(history: History, tally: Tally) -> None:
    """Whenever the server was asked, as many slots were live as had to be; each change before was put to the test.

    A number that stays wrong is one mistake.
    """
    ledger = history.once(Ledger)
    off, last_us = [0, 0], [NEVER, NEVER]
    for at_us, live, server in history.trace.counts:
        if live == NEVER:
            continue  # It could not be asked.
        was_off, off[server] = off[server], live - ledger.live_at(at_us, server)
        last_us[server] = at_us
        if off[server] not in (0, was_off):
            tally.broken(at_us, None, f"{live} slots were live, where {live - off[server]} had to be")
    tally.passed(sum(change.at_us <= last_us[change.server] for change in ledger.expected))


def _note_overlaps(history: History, tally: Tally) -> None:
    """Note where users still get in although the slot is gone, with how long and why."""
    timeout_us = history.scenario.network.timeout_us
    trace = history.trace
    seen: Iterable[Slot | ExpectedSlot] = trace.slots if trace.sees_slots else history.once(Ledger).changes
    # From the last change back to the first, when a slot is there again is always known.
    back_us: dict[int, int] = {}
    gone: list[tuple[Slot | ExpectedSlot, int]] = []
    for slot in sorted(seen, key=lambda change: change.at_us)[::-1]:
        if slot.change in _BACK:
            back_us[slot.node] = slot.at_us
        elif slot.change in GONE:
            gone.append((slot, back_us.get(slot.node, history.end_us)))
    for slot, until_us in reversed(gone):
        node = history.nodes[slot.node]
        if not node.open(slot.at_us):
            continue
        closed = (access.at_us for access in node.access if access.at_us > slot.at_us and not access.opened)
        length_us = min(until_us, next(closed, until_us)) - slot.at_us
        if length_us:
            cause = (
                "grace: its last poll may still be answered"
                if length_us <= timeout_us
                else _cause(history, node, slot.change)
            )
            tally.note(slot.at_us, node.name, f"access outlives the slot by {length_us} us ({cause})")


def _cause(history: History, node: NodeView, change: int) -> str:
    if change == SlotChange.FREED:
        return "the slot was given back by an unbind"
    if change == SlotChange.DROPPED:
        return "the server was destroyed, or lost its slots at a stop"
    if change == SlotChange.LOST:
        return "an earlier state of the server was put back"
    if history.clocks.wall_set(SERVER, 0, history.end_us):
        return "the server's wall clock was set"
    if history.clocks.drifts(SERVER) or history.clocks.drifts(node.name):
        return "the clocks of the two hosts drift apart"
    return "the reading lets a node outlive its slot, or a program is wrong"


@judges("R035")
def only_a_register_brings_back(history: History, tally: Tally) -> None:
    """Every return of a lapsed node to a registration, and every poll without a live slot.

    It takes an administrator's register to bring either back (in `revive` a poll revives a node whose slot is held).
    """
    for node in history.nodes:
        for change in node.transitions:
            if change.before != Status.LAPSED or change.after not in (Status.REGISTERED, Status.INTERRUPTED):
                continue
            if change.reason == TransitionReason.COPIED:
                continue  # Somebody put an earlier state back, in which it had not lapsed.
            ended = [each.it for each in node.exchanges if each.it.ended_us == change.at_us]
            granted = [asked for asked in ended if asked.outcome == Outcome.POSITIVE]
            registered = any(asked.kind == Kind.REGISTER and node.asked_by_administrator(asked) for asked in granted)
            revived = history.reading.lapsed_node_polls and any(asked.kind == Kind.POLL for asked in granted)
            if registered or revived:
                tally.passed()
            else:
                tally.broken(change.at_us, node.name, "a lapsed node came back without being registered again")
    for each in due(history):
        asked = each.exchange
        if asked.kind == Kind.POLL and not asked.form and not each.view.live:
            if asked.verdict == Verdict.GRANTED:
                name = history.nodes[asked.node].name
                tally.broken(asked.arrived_us, name, "a poll brought a slot back that a register has to bring back")
            else:
                tally.passed()


@judges("R036")
def every_failure_is_listed(history: History, tally: Tally) -> None:
    """Every failed attempt, lapse and expiry adds one row with the node's wall-clock time and the reason.

    Nothing else adds a row.
    """
    for law in history.once(NodeLaws).of:
        expected = Counter((row.at_us, int(row.code), row.number, row.wall_us) for row in law.rows)
        recorded = Counter((row.at_us, row.code, row.number, row.wall_us) for row in law.node.failures)
        tally.passed((expected & recorded).total())
        for at_us, code, _, wall_us in sorted((expected - recorded).elements()):
            tally.broken(at_us, law.node.name, f"a row {_shown(code)} is missing, or not dated {wall_us} us")
        for at_us, code, _, wall_us in sorted((recorded - expected).elements()):
            tally.broken(at_us, law.node.name, f"a row {_shown(code)}, dated {wall_us} us, has no reason")


def _rows_up_to(history: History, node: NodeView, before_us: int) -> list[tuple[int, int]]:
    """Return the (date, code) of the rows that the list of ``node`` had to hold just before an instant."""
    brought: list[tuple[int, int]] = []
    since_us = -1
    for edge in node.edges:
        if edge.at_us < before_us and edge.done and edge.what in (EdgeKind.ROLLED_BACK, EdgeKind.CLONED):
            cloned = edge.what == EdgeKind.CLONED
            of, to_us = (history.nodes[edge.value], edge.at_us) if cloned else (node, edge.value)
            brought, since_us = _rows_up_to(history, of, to_us), edge.at_us
    return brought + [(row.wall_us, row.code) for row in node.failures if since_us <= row.at_us < before_us]


def _shown(code: int) -> str:
    return Code(code).label or Code(code).shown_name


@judges("R037")
def rows_survive(history: History, tally: Tally) -> None:
    """Each row that was ever added is still in the node's list at the end, in order, whatever came after.

    An earlier state that is put back, or copied from another node, brings its own rows.
    """
    for node in history.nodes:
        added = _rows_up_to(history, node, history.end_us + 1)
        kept = list(history.trace.final_lists[node.place])
        if added == kept:
            tally.passed(len(added))
        else:
            lost = Counter(added) - Counter(kept)
            at_us = next((row.at_us for row in node.failures if (row.wall_us, row.code) in lost), history.end_us)
            tally.broken(at_us, node.name, f"the list at the end has {len(kept)} rows of the {len(added)} added")
