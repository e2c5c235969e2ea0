"""Checks of the twenty-four hours at the node: when it lapses, and what brings it back (Note 11)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from harness.durations import format_duration
from harness.outage.checking.evidence import Evidence, NodeEvidence, asks_for_register, asks_for_unbind
from harness.outage.checking.findings import Notes
from harness.outage.checking.judging import checks
from harness.outage.checking.seen import DAY_US, PERIOD_US, Lane, Seen, longest, shortest
from harness.trace import Status
from reference_server.codes import Code

__all__: list[str] = []

_STRIKES = 12
_ALIVE = (Status.REGISTERED, Status.INTERRUPTED, Status.REJECTED)
_MINUTE_US = 60_000_000


class _Drought(NamedTuple):
    """Failures of one node in a row, between which no poll can have succeeded if the record is complete.

    ``since_us`` is the latest instant at which the node can have had its last contact, as ``proof`` shows.
    """

    rows: list[Seen]
    since_us: int
    proof: Seen

    @property
    def polls(self) -> list[Seen]:
        return [row for row in self.rows if _is_poll(row)]

    @property
    def lines(self) -> tuple[Seen, ...]:
        return (self.proof, self.rows[0], self.rows[-1])


@checks("R033", wanted="a status of a node, such as lapsed, after its failures")
def a_day_of_silence_lapses(evidence: Evidence, notes: Notes) -> None:
    """Every status `lapsed`: the last contact of the node has to be 24 h before. And every row of failures 2 h apart
    that is longer than 24 h: the node has to lapse then, and to send no poll any more.

    A register that succeeded is a contact that the record proves, so a node that lapsed sooner is wrong. That polls
    between two rows all failed is proven in a complete record only, and so is what follows from it. Under
    `twelve-strikes` it is the number of failures that counts, under `revive` a lapsed node goes on polling.
    """
    for node in evidence.nodes:
        droughts = list(_droughts(evidence, node))
        begun = [drought.rows[0].it.at_us for drought in droughts]
        for status in node.statuses:
            if status.it.status is Status.LAPSED:
                place = bisect_right(begun, status.it.at_us) - 1
                _judge_lapse(evidence, node, status, droughts[place] if place >= 0 else None, notes)
        for drought in droughts:
            _judge_drought(evidence, node, drought, notes)


def _judge_lapse(evidence: Evidence, node: NodeEvidence, status: Seen, drought: _Drought | None, notes: Notes) -> None:
    contact = evidence.contact_since(node, status)
    if evidence.reading.lapse_by_count:
        _judge_strikes(node, status, notes)
        return
    if contact is not None and evidence.surely_within_a_day(contact[0], status):
        since_us, proof = contact
        ago = format_duration(-(-(status.last_us - since_us) // _MINUTE_US) * _MINUTE_US)
        notes.broken(f"{node.name} is lapsed, and had an answer at most {ago} before", *proof, status)
        return
    if drought is not None and status.first_us - drought.rows[0].first_us > shortest(DAY_US - PERIOD_US):
        notes.obeyed("a node without an answer for 24 h has lapsed", *drought.lines, status)
        return
    notes.open(
        "a node has lapsed, and what came of its polls in the 24 h before is not recorded",
        "its failures of those 24 h",
        status,
    )


def _judge_strikes(node: NodeEvidence, status: Seen, notes: Notes) -> None:
    register = node.registered.last_before(status.first_us)
    if register is None:
        return
    rows = list(node.rows.around(register.first_us, status.last_us))
    if len(rows) < _STRIKES:
        said = f"{node.name} has lapsed, and fewer than {_STRIKES} failures of it are listed"
        notes.unless("the other failures", said, register, *rows[-1:], status)
    else:
        notes.obeyed(f"a node has lapsed after {_STRIKES} failures or more", register, rows[-1], status)


def _judge_drought(evidence: Evidence, node: NodeEvidence, drought: _Drought, notes: Notes) -> None:
    """Judge what a node did once its time was up."""
    late = _too_late(evidence, drought)
    if late is not None:
        said = f"{node.name} still polls when it has had no answer for more than 24 h: it should have lapsed"
        notes.unless("what was answered in between, or was asked of the node", said, *drought.lines, late)
        return
    lapsed_us = _lapsed_us(evidence, node, drought)
    if lapsed_us is None:
        return
    until_us = _revived_us(node, drought.rows[-1])
    for status in node.statuses.around(lapsed_us, until_us):
        if lapsed_us < status.first_us and status.last_us < until_us and status.it.status in (_ALIVE[1:]):
            said = f"{node.name} has had no answer for more than 24 h and is not lapsed"
            notes.unless("what was answered in between, or was asked of the node", said, *drought.lines, status)


@checks("R035", wanted="a status of a node after it has lapsed")
def only_a_register_helps(evidence: Evidence, notes: Notes) -> None:
    """Every node that was seen `lapsed`, or that must have lapsed by its failures: it is not seen registered,
    interrupted or rejected, and has no further failures, until an administrator registers it.

    The register may just not have been written down, so only a complete record contradicts. Under `revive` a lapsed
    node may come back by itself.
    """
    if evidence.reading.lapsed_node_polls:
        return
    for node in evidence.nodes:
        for status in node.statuses:
            if status.it.status is Status.LAPSED:
                _judge_lapsed(node, status.first_us, status.last_us, (status,), notes)
        for drought in _droughts(evidence, node):
            lapsed_us = _lapsed_us(evidence, node, drought)
            if lapsed_us is not None:
                _judge_lapsed(node, drought.rows[-1].first_us, lapsed_us, drought.lines, notes, rows=False)


def _judge_lapsed(
    node: NodeEvidence, from_us: int, lapsed_us: int, proof: tuple[Seen, ...], notes: Notes, *, rows: bool = True
) -> None:
    """Judge what is seen of a node that is lapsed at ``lapsed_us``, where registers count from ``from_us`` on."""
    register = next(node.registered.around(from_us, _FAR_US), None)
    until_us = _FAR_US if register is None else register.first_us
    alive = [
        each
        for each in node.statuses.around(lapsed_us, until_us)
        if lapsed_us < each.first_us and each.last_us < until_us and each.it.status in _ALIVE
    ]
    tried = [
        each
        for each in (node.rows.around(lapsed_us, until_us) if rows else ())
        if lapsed_us < each.first_us and each.last_us < until_us and _is_poll(each)
    ]
    missing = f"the register of {node.name}"
    if alive:
        shown = alive[0].it.status
        assert shown is not None, "only a status is alive"
        notes.unless(missing, f"{node.name} had lapsed and is {shown.name.lower()} again", *proof, alive[0])
    elif tried:
        notes.unless(missing, f"{node.name} had lapsed and goes on polling", *proof, tried[0])
    elif register is not None:
        notes.obeyed("a lapsed node came back by a register", *proof, register)


_FAR_US = 1 << 62


def _is_poll(row: Seen) -> bool:
    return not asks_for_register(row) and not asks_for_unbind(row)


def _revived_us(node: NodeEvidence, row: Seen) -> int:
    """Return when after a row a node may first have been registered or unbound."""
    lanes: tuple[Lane, ...] = (node.registered, node.unbound)
    firsts = [each.first_us for lane in lanes if (each := next(lane.around(row.first_us, _FAR_US), None)) is not None]
    return min(firsts, default=_FAR_US)


def _too_late(evidence: Evidence, drought: _Drought) -> Seen | None:
    """Return a poll that a node sent although it had to be lapsed, if there is one."""
    reading = evidence.reading
    if reading.lapsed_node_polls:
        return None
    if reading.lapse_by_count:
        polls = drought.polls
        return polls[_STRIKES] if len(polls) > _STRIKES else None
    more_us = evidence.lease_us - DAY_US
    limit_us = drought.since_us + evidence.most_day_us + longest(more_us) + evidence.timeout_us
    return next((row for row in drought.polls if row.first_us > limit_us), None)


def _lapsed_us(evidence: Evidence, node: NodeEvidence, drought: _Drought) -> int | None:
    """Return when a node must have lapsed at the latest, ``None`` if it may be alive."""
    reading, last = evidence.reading, drought.rows[-1]
    if reading.lapsed_node_polls:
        return None
    if reading.lapse_by_count:
        return polls[_STRIKES - 1].last_us if len(polls := drought.polls) >= _STRIKES else None
    if reading.lapse_needs_later_miss:
        missed = last.first_us - evidence.timeout_us - drought.since_us > evidence.most_day_us
        return last.last_us if missed else None
    due_us = last.first_us - evidence.timeout_us + shortest(PERIOD_US)
    if due_us <= drought.since_us + evidence.most_day_us:
        return None
    lapsed_us = drought.since_us + evidence.most_day_us + evidence.timeout_us
    if node.restarts.any_around(last.first_us, lapsed_us):
        return None
    return lapsed_us


def _droughts(evidence: Evidence, node: NodeEvidence) -> Iterator[_Drought]:
    """Yield the rows of failures of a node, one poll after the other."""
    rows: list[Seen] = []
    for row in node.rows:
        if asks_for_unbind(row) or row.it.code is Code.LICENSE_EXPIRED:
            continue
        if rows and not _follows(evidence, node, rows[-1], row):
            yield _drought(evidence, node, rows)
            rows = []
        # A register may be that of a node that holds no registration; a poll never is.
        if rows or _is_poll(row):
            rows.append(row)
    if rows:
        yield _drought(evidence, node, rows)


def _follows(evidence: Evidence, node: NodeEvidence, one: Seen, other: Seen) -> bool:
    """Tell whether no poll can have been sent between two rows, whatever was asked of the node having been recorded."""
    # A poll that failed is the next one, if there is no time for two; a register may come when one has succeeded.
    polls = 2 if _is_poll(other) else 1
    if other.last_us - one.first_us + evidence.timeout_us >= polls * shortest(PERIOD_US):
        return False
    lanes: tuple[Lane, ...] = (node.registered, node.unbound, node.restarts)
    return not any(lane.any_around(one.first_us - evidence.timeout_us, other.last_us) for lane in lanes)


def _drought(evidence: Evidence, node: NodeEvidence, rows: list[Seen]) -> _Drought:
    """Return a drought; what comes after a register within 2 h is the first poll after it."""
    first = rows[0]
    register = node.registered.last_before(first.first_us)
    if register is not None and first.last_us - register.first_us + evidence.timeout_us < 2 * shortest(PERIOD_US):
        lanes: tuple[Lane, ...] = (node.restarts, node.unbound)
        if not any(lane.any_around(register.first_us, first.last_us) for lane in lanes):
            return _Drought(list(rows), register.last_us, register)
    return _Drought(list(rows), first.last_us, first)
