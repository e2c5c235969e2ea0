"""Rules of addresses: ranges, moves and translation on the way (Notes 1, 7 and 9)."""

from __future__ import annotations

from collections.abc import Iterator

from harness.rulebook.checks import CLONE_US, Due, beyond, due, in_ranges, reaches
from harness.rulebook.history import History, NodeView
from harness.rulebook.judging import judges
from harness.rulebook.verdicts import Tally
from harness.trace import NEVER, EdgeKind, Exchange, Outcome, Verdict
from reference_server.protocol import Code, Kind

__all__: list[str] = []


def _first_after_moves(history: History) -> Iterator[tuple[NodeView, int, Exchange]]:
    """Yield, for each move of a node, its new address and its first register or poll from there."""
    for node in history.nodes:
        for edge in node.edges:
            if edge.what != EdgeKind.MOVED:
                continue
            asked = next(
                (
                    each.it
                    for each in node.exchanges
                    if each.it.sent_us >= edge.at_us and each.it.source == edge.value and each.it.kind != Kind.UNBIND
                ),
                None,
            )
            later = [other for other in node.edges if other.what == EdgeKind.MOVED and other.at_us > edge.at_us]
            if asked is not None and not (later and later[0].at_us <= asked.sent_us):
                yield node, edge.value, asked


def _judged_moves(history: History) -> Iterator[tuple[NodeView, int, Due]]:
    by_request = {(each.exchange.node, each.exchange.number): each for each in due(history)}
    for node, address, asked in _first_after_moves(history):
        judged = by_request.get((asked.node, asked.number))
        if judged is not None:
            yield node, address, judged


@judges("R011", "R020", boundary="1 h 45 min between the last accepted request from the old address and the first poll")
def a_move_is_harmless(history: History, tally: Tally) -> None:
    """The first register or poll after each move to a licensed address, where every check passes: it is granted, and
    nobody had to ask the issuer for anything.
    """
    for node, address, each in _judged_moves(history):
        comes_anew = each.exchange.kind == Kind.POLL and each.view.live and each.view.address != address
        if comes_anew and reaches(each, "clone"):
            tally.side(each.view.age_us - CLONE_US)
        if not in_ranges(history, address, each.exchange.arrived_us) or each.verdict != Verdict.GRANTED:
            continue
        if each.exchange.verdict == Verdict.GRANTED:
            tally.passed()
        else:
            tally.broken(each.exchange.arrived_us, node.name, "refused after a move within the licensed addresses")


@judges("R021", boundary="an end of a licensed range of several; within it is below, outside is above")
def a_range_is_licensed(history: History, tally: Tally) -> None:
    """Every request from an address within a licensed range of several: it is not refused for its address."""

    def within(address: int, true_us: int, count: int = 1) -> bool:
        ranges = [(first, last) for first, last in history.licence(true_us).ranges if first < last]
        if not ranges:
            return False
        outside_by = beyond(ranges, address)
        tally.side(outside_by, count)
        return outside_by <= 0

    for each in due(history):
        asked = each.exchange
        if not each.fresh or asked.source != asked.reported or not within(asked.source, asked.arrived_us):
            continue
        if asked.verdict == Code.LICENSE_IP_ERROR:
            tally.broken(asked.arrived_us, history.nodes[asked.node].name, "refused within a licensed range")
        else:
            tally.passed()
    tally.passed(
        sum(beat.polls for beat in history.trace.beats if within(beat.address, beat.first_sent_us, beat.polls))
    )


@judges("R022")
def a_move_needs_the_network(history: History, tally: Tally) -> None:
    """The first register or poll after each move, where the network is cut: it registers nobody."""
    for node, _, asked in _first_after_moves(history):
        up = history.cut(node, "requests", asked.sent_us)
        if not up and not (asked.arrived_us != NEVER and history.cut(node, "answers", asked.arrived_us)):
            continue
        if asked.outcome == Outcome.POSITIVE or node.registered_by_failure(asked):
            tally.broken(asked.ended_us, node.name, "registered after a move to where the server is out of reach")
        elif asked.outcome != Outcome.OPEN:
            tally.passed()


@judges("R023", boundary="an end of a licensed range; within it is below, outside is above")
def a_move_stays_in_range(history: History, tally: Tally) -> None:
    """The first register or poll after each move to an address that is not licensed: it is refused with 30003."""
    for node, address, each in _judged_moves(history):
        if reaches(each, "address") and each.exchange.source == each.exchange.reported:
            tally.side(beyond(history.licence(each.exchange.arrived_us).ranges, address))
        if in_ranges(history, address, each.exchange.arrived_us) or each.verdict != Code.LICENSE_IP_ERROR:
            continue
        if each.exchange.verdict == Code.LICENSE_IP_ERROR:
            tally.passed()
        else:
            tally.broken(each.exchange.arrived_us, node.name, "not refused at an address that is not licensed")


@judges("R025")
def no_translation(history: History, tally: Tally) -> None:
    """Every request whose packet comes from another address than the node reports: it is not granted, and refused with
    30003 unless a check before fails.
    """
    for each in due(history):
        asked = each.exchange
        if asked.form or asked.source == asked.reported:
            continue
        due_but_not_given = each.verdict == Code.LICENSE_IP_ERROR != asked.verdict
        if asked.verdict == Verdict.GRANTED or due_but_not_given:
            name = history.nodes[asked.node].name
            tally.broken(asked.arrived_us, name, "not refused although its address was translated on the way")
        else:
            tally.passed()
