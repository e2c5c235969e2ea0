"""Rules of the grant: what it hands over, and that the node decides ("Function Description", Note 2)."""

from __future__ import annotations

from dataclasses import fields
from functools import cache

from harness.rulebook.history import History
from harness.rulebook.judging import judges
from harness.rulebook.ledger import NEVER_SEEN, Ledger
from harness.rulebook.nodelaw import HOLDING, OPEN, NodeLaws
from harness.rulebook.validation import validation
from harness.rulebook.verdicts import Tally
from harness.scenario import LicenceSpec, Verb
from harness.trace import NEVER, Exchange, Outcome, Spoilt, Status, TransitionReason, Verdict
from reference_server.protocol import Details, Kind

__all__: list[str] = []


@judges("R005")
def five_items(history: History, tally: Tally) -> None:
    """Every grant of a register or poll: its five items are as licensed, and there is nothing more.

    They are function points, access domain, access port, application name and expiry; the expiry means nothing to the
    node without the server's date, which has to be that of the request's arrival.
    """
    assert len(fields(Details)) == 5
    # What was answered before gets the same answer again, with its date.
    fresh = {place: view for place, view in history.once(Ledger).before.items() if view.seen == NEVER_SEEN}
    for place, exchange in enumerate(history.exchanges):
        if exchange.verdict != Verdict.GRANTED:
            continue
        name = history.nodes[exchange.node].name
        licensed = _details(history.licence(exchange.arrived_us))
        if exchange.kind == Kind.UNBIND:
            if place in fresh and exchange.server_time_us != fresh[place].date_us:
                tally.broken(exchange.arrived_us, name, "the date of a release is not the server's")
        elif exchange.content == NEVER:
            tally.broken(exchange.arrived_us, name, "the grant carries no licence data")
        elif place in fresh and history.trace.contents[exchange.content][1] != licensed:
            tally.broken(exchange.arrived_us, name, "the grant differs from what is licensed")
        elif place in fresh and exchange.server_time_us != fresh[place].date_us:
            off_us = exchange.server_time_us - fresh[place].date_us
            tally.broken(exchange.arrived_us, name, f"the grant's date is {off_us} us off the server's")
        else:
            tally.passed()
    tally.passed(sum(history.trace.beats.column("polls")))


@cache
def _details(licence: LicenceSpec) -> Details:
    """Return the five items of a licence."""
    return Details(
        function_points=licence.function_points,
        access_domains=licence.domains,
        access_ports=licence.ports,
        application_names=licence.applications,
        expires_us=licence.expires_us,
    )


@judges("R006")
def the_node_decides(history: History, tally: Tally) -> None:
    """Every grant that reaches the node that asked: it counts as positive if the node's own validation of signature,
    function points, access domain, access port, application name and expiry passes, else as negative. So does the
    answer to an unbind, of which the signature is validated.

    Nothing else counts as positive, neither a refusal nor silence.
    """
    for exchange in history.exchanges:
        name, positive = history.nodes[exchange.node].name, exchange.outcome == Outcome.POSITIVE
        granted = exchange.verdict == Verdict.GRANTED and NEVER < exchange.delivered_us <= exchange.ended_us
        granted = granted and exchange.spoilt in (Spoilt.NO, Spoilt.FOREIGN, Spoilt.FORGED)
        if positive and not granted:
            tally.broken(exchange.ended_us, name, "the node took for a grant what was none")
        if not granted or exchange.outcome not in (Outcome.POSITIVE, Outcome.NEGATIVE):
            continue
        bad = validation(history, exchange)
        if (bad is None) == positive:
            tally.passed()
        else:
            taken = "accepted" if positive else "turned down"
            reason = "" if bad is None else f" that fails validation ({bad.shown_name})"
            tally.broken(exchange.ended_us, name, f"the node {taken} a grant{reason}")
    tally.passed(sum(history.trace.beats.column("polls")))


@judges("R007")
def passing_opens(history: History, tally: Tally) -> None:
    """Every register or poll that ended positively: the node is `registered`, and its access is open.

    Access stays open as long as the status says so and the program runs.
    """
    for turn in history.once(NodeLaws).wrong_turns:
        if turn.after == Status.REGISTERED:
            tally.broken(turn.at_us, history.nodes[turn.node].name, turn.message)
    for at_us, place, opened in history.once(_wrong_access):
        if not opened:
            tally.broken(at_us, history.nodes[place].name, "entitled, and yet access is closed")
    for asked, shows in history.once(_successes):
        if shows:
            tally.passed()
        else:
            name = history.nodes[asked.node].name
            tally.broken(asked.ended_us, name, "granted and valid, and yet not registered")
    tally.passed(sum(history.trace.beats.column("polls")))


def _successes(history: History) -> list[tuple[Exchange, bool]]:
    """Return the registers and polls that ended positively, and whether the node then showed that it is registered."""
    expired = {(turn.node, turn.at_us) for turn in history.trace.transitions if turn.reason == TransitionReason.EXPIRED}
    found = []
    for asked in history.exchanges:
        if asked.kind == Kind.UNBIND or asked.outcome != Outcome.POSITIVE:
            continue
        node, at_us = history.nodes[asked.node], asked.ended_us
        if (node.place, at_us) not in expired and node.awake(at_us):
            shows = node.status(at_us) is Status.REGISTERED or node.turned_at(at_us, Status.REGISTERED)
            found.append((asked, shows))
    return found


@judges("R098")
def success_shows(history: History, tally: Tally) -> None:
    """Every register that succeeds: from then on the node shows that it is `registered`."""
    for asked, shows in history.once(_successes):
        if asked.kind != Kind.REGISTER:
            continue
        if shows:
            tally.passed()
        else:
            name = history.nodes[asked.node].name
            tally.broken(asked.ended_us, name, "a register succeeded, and the node does not show it")


@judges("R008")
def failing_closes(history: History, tally: Tally) -> None:
    """Every register or poll that ended negatively: the node is not authorized, and its access is closed.

    It stays `rejected` until a request passes, and access stays closed while the status or a stopped program says so.
    Where a reading treats a refusal as silence, it is no longer `registered`, and that is all.
    """
    for turn in history.once(NodeLaws).wrong_turns:
        if Status.REJECTED in (turn.before, turn.after) and turn.after != Status.LAPSED:
            tally.broken(turn.at_us, history.nodes[turn.node].name, turn.message)
    for at_us, place, opened in history.once(_wrong_access):
        if opened:
            tally.broken(at_us, history.nodes[place].name, "not entitled, and yet access is open")
    for exchange in history.exchanges:
        if exchange.kind == Kind.UNBIND or exchange.outcome != Outcome.NEGATIVE:
            continue
        node, at_us = history.nodes[exchange.node], exchange.ended_us
        before = node.found_at(at_us)
        lenient = history.reading.refusal_is_silence and before in HOLDING
        if node.status(at_us) is Status.REGISTERED:
            tally.broken(at_us, node.name, "refused, and yet registered")
        elif node.open(at_us) and not lenient:
            tally.broken(at_us, node.name, "refused, and yet access is open")
        else:
            tally.passed()


def _wrong_access(history: History) -> list[tuple[int, int, bool]]:
    """Return (instant, node, whether it is open) for each change that leaves access other than it has to be."""
    entitled = (Status.REGISTERED,) if history.reading.silence_closes_access else OPEN
    wrong: list[tuple[int, int, bool]] = []
    for node in history.nodes:
        instants = {change.at_us for change in node.transitions} | {edge.at_us for edge in node.edges}
        for at_us in sorted(instants | {access.at_us for access in node.access}):
            opened = node.open(at_us)
            if opened != (node.awake(at_us) and node.status(at_us) in entitled):
                wrong.append((at_us, node.place, opened))
    return wrong


def _slow(history: History, true_us: int) -> bool:
    """Tell whether the server may be slow at ``true_us``."""
    return any(
        event.verb is Verb.SERVER_SLOW
        and event.at_us <= true_us
        and (event.until_us is None or true_us < event.until_us)
        for event in history.scenario.events
    )


@judges("R013", "R097")
def nothing_passes_a_cut(history: History, tally: Tally) -> None:
    """Every request or answer sent into a cut: it does not arrive, and nobody is registered by it."""
    for place, exchange in enumerate(history.exchanges):
        node = history.nodes[exchange.node]
        up = history.cut(node, "requests", exchange.sent_us)
        answered = exchange.arrived_us != NEVER
        down = answered and history.cut(node, "answers", exchange.arrived_us)
        if down and (place in history.copies or _slow(history, exchange.arrived_us)):
            continue  # The answer left at another instant than its request arrived.
        if not up and not down:
            continue
        if up and answered:
            tally.broken(exchange.sent_us, node.name, "a request passed a cut")
        elif exchange.delivered_us != NEVER:
            tally.broken(exchange.arrived_us, node.name, "an answer passed a cut")
        elif exchange.outcome == Outcome.POSITIVE or node.registered_by_failure(exchange):
            tally.broken(exchange.ended_us, node.name, "registered although the server cannot be reached")
        else:
            tally.passed()
    for beat in history.trace.beats:
        at_us = history.beat_into_cut(beat)
        if at_us is not None:
            tally.broken(at_us, history.nodes[beat.node].name, "a poll passed a cut")
