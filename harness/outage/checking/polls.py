"""Checks of the rhythm: a poll every two hours, and a row for each failure (Note 11)."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from typing import NamedTuple

from harness.outage.checking.evidence import Evidence, NodeEvidence, asks_for_register, asks_for_unbind
from harness.outage.checking.findings import Notes
from harness.outage.checking.judging import checks
from harness.outage.checking.seen import PERIOD_US, Seen, longest, shortest
from harness.outage.record import What
from harness.trace import Status
from reference_server.codes import Code

__all__: list[str] = []

_ASKED = "what was asked of the node then (a register, an unbind) or its start"
#: With more than so many lines from which the next poll may be reckoned, nothing can be said of it.
_UNCLEAR = 16
_TURNED = (Status.INTERRUPTED, Status.REJECTED, Status.LAPSED)


class _Anchor(NamedTuple):
    """Something after which a node polls two hours later. With ``resets``, what was before it counts no more."""

    first_us: int
    last_us: int
    line: Seen
    resets: bool = False


@checks("R031", wanted="two failures of one node in a row")
def polls_every_two_hours(evidence: Evidence, notes: Notes) -> None:
    """Every failure row, against what came before it at that node: it has to be 2 h later, or a multiple (polls that
    were answered add no row).

    A row at another time is that of a register or an unbind, of a poll at a start or a resumption or after one, or of
    the lapse itself, so it contradicts the rule only in a record that is complete. What comes at a multiple by chance
    cannot be told from what comes by rhythm.
    """
    for node in evidence.nodes:
        _judge_rhythm(evidence, node, notes)


def _judge_rhythm(evidence: Evidence, node: NodeEvidence, notes: Notes) -> None:
    anchors: list[_Anchor] = []
    doubtful: Seen | None = None  # a "/" off the beat, which may be the lapse if no poll follows
    for each in _by_time(node):
        if len(anchors) > _UNCLEAR:
            anchors = []
        anchor = _anchor(evidence, each)
        if each.it.what is not What.FAILED or not _is_routine(each):
            anchors = [*anchors, anchor]
            continue
        if doubtful is not None:
            again = (lane.any_around(doubtful.first_us, each.last_us) for lane in (node.registered, node.unbound))
            if not any(again):
                _off_beat(notes, doubtful)
                anchors = [_anchor(evidence, doubtful)]
            doubtful = None
        # At one time in the file, what was written last may have happened first.
        resets = [place for place, each_ in enumerate(anchors) if each_.resets and each_.last_us < each.first_us]
        anchors = anchors[resets[-1] :] if resets else anchors
        fitting = [each_ for each_ in anchors if _fits(evidence, each_, each)]
        if fitting and fitting[-1] is anchors[-1]:
            notes.obeyed("a failure 2 h, or a multiple, after the one before", fitting[-1].line, each)
            anchors = []
        elif anchors and not fitting and not node.just_started(each):
            if each.it.code is not Code.NO_CONNECTION:
                _off_beat(notes, each)
                anchors = []
            elif not evidence.reading.lapsed_node_polls:
                doubtful = each
        # What is not on the last beat may leave it as it was: the lapse, or what was under way in a frozen machine.
        anchors = [*anchors, anchor]


def _is_routine(row: Seen) -> bool:
    """Tell whether a row may be that of a poll: nobody asked, and it is not the expiry, which ends no request."""
    return not asks_for_register(row) and not asks_for_unbind(row) and row.it.code is not Code.LICENSE_EXPIRED


def _off_beat(notes: Notes, row: Seen) -> None:
    notes.unless(_ASKED, "a failure that is not 2 h, nor a multiple, after the register or poll before it", row)


def _by_time(node: NodeEvidence) -> Iterator[Seen]:
    lanes = (node.rows, node.registered, node.unbound, node.started)
    return merge(*lanes, key=lambda each: (each.it.at_us, each.line))


def _anchor(evidence: Evidence, each: Seen) -> _Anchor:
    # An unbind leaves the rhythm as it is, unless it came while a register was under way.
    resets = each.it.what is What.REGISTERED or (each.it.what is What.FAILED and asks_for_register(each))
    # What ends a request is written down when it ends.
    return _Anchor(each.first_us - evidence.timeout_us, each.last_us, each, resets)


def _fits(evidence: Evidence, anchor: _Anchor, row: Seen) -> bool:
    """Tell whether a row may be a poll's that was sent a multiple of 2 h after ``anchor``."""
    least_us = row.first_us - evidence.timeout_us - anchor.last_us
    most_us = row.last_us - anchor.first_us
    periods = max(-(-least_us // longest(PERIOD_US)), 1)
    return periods * shortest(PERIOD_US) <= most_us


@checks("R036", "R037", wanted="a failure of a node")
def failures_are_listed(evidence: Evidence, notes: Notes) -> None:
    """Every failure row: it has a time and a reason. And every status that a failure brings about has a row of it.

    A row that somebody copied without its reason proves nothing of the page. A status without a row contradicts the
    rule in a complete record, if the node was registered since the record began.
    """
    for node in evidence.nodes:
        for row in node.rows:
            if row.it.code is None:
                notes.open("a failure without its reason", "the reason, as the page shows it", row)
            else:
                notes.obeyed("a failure with its time and its reason", row)
        for status in node.statuses:
            register = node.registered.last_before(status.first_us)
            if register is None or status.it.status not in _TURNED:
                continue
            if not node.rows.any_around(register.first_us - evidence.timeout_us, status.last_us):
                said = f"the node turned {status.it.status.name.lower()}, and no failure of it is listed"
                notes.unless("that failure", said, register, status)
