"""Rules of the failure table ("Failure Reason"): each code when it is due and only then, and what nodes show."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator

from harness.rulebook.checks import Due, beyond, due, reaches
from harness.rulebook.history import History, NodeView
from harness.rulebook.judging import Rule, judges
from harness.rulebook.validation import validation
from harness.rulebook.verdicts import Tally
from harness.trace import NEVER, EdgeKind, Failure, Outcome, Verdict
from reference_server.protocol import Code, Kind

__all__: list[str] = []


def _code(
    rule: str, code: Code, when: str, boundary: str = "", sides: Callable[[History, Tally], None] | None = None
) -> Rule:
    """Make the judge of one row of the table.

    :param sides: tells the tally on which side of the ``boundary`` each register and poll lay that came to the check.
    """

    def judge_code(history: History, tally: Tally) -> None:
        if sides is not None:
            sides(history, tally)
        for each in due(history):
            given, expected = each.exchange.verdict == code, each.verdict == code
            if given and expected:
                tally.passed()
            elif given or expected:
                name = history.nodes[each.exchange.node].name
                tally.broken(each.exchange.arrived_us, name, _wrong(each, code))

    judge_code.__doc__ = f"Every request {when}: it is answered with {int(code)}, and no other request is."
    return judges(rule, boundary=boundary)(judge_code)


def _before_or_after_the_end(history: History, tally: Tally) -> None:
    for each in due(history):
        expires_us = history.licence(each.exchange.arrived_us).expires_us
        if expires_us is not None and reaches(each, "expiry"):
            tally.side(each.view.date_us - expires_us)
    for beat in history.trace.beats:
        if history.licence(beat.first_sent_us).expires_us is not None:
            tally.side(-1, beat.polls)


def _within_or_outside(history: History, tally: Tally) -> None:
    for each in due(history):
        asked = each.exchange
        if asked.source == asked.reported and reaches(each, "address"):
            tally.side(beyond(history.licence(asked.arrived_us).ranges, asked.source))
    for beat in history.trace.beats:
        tally.side(beyond(history.licence(beat.first_sent_us).ranges, beat.address), beat.polls)


def _free_or_full(history: History, tally: Tally) -> None:
    for each in due(history):
        asked, view = each.exchange, each.view
        if asked.kind == Kind.REGISTER and not view.live and not view.unit_live and reaches(each, "capacity"):
            tally.side(view.live_units - history.licence(asked.arrived_us).capacity)


def _wrong(each: Due, code: Code) -> str:
    if each.verdict == code:
        return f"{_shown(each.exchange.verdict)} where {int(code)} is due"
    return f"{int(code)} where {_shown(each.verdict)} is due"


def _shown(verdict: int) -> str:
    if verdict == Verdict.GRANTED:
        return "a grant"
    if verdict == Verdict.NONE:
        return "no answer"
    return str(verdict) if verdict else Code.INCORRECT_LICENSE_FORMAT.shown_name


_code("R109", Code.JSON_PARSER_ERROR, "that is no JSON object")
_code("R110", Code.PARAM_INPUT_ERROR, "with a missing or wrong parameter")
_code("R111", Code.DO_NOT_NEED_DEACTIVATE, "to unbind a node that holds no slot")
_code(
    "R112",
    Code.LICENSE_EXPIRED,
    "that arrives when the licence has expired by the server's date",
    "00:00 after the licence's last day, by the server's date at the arrival",
    _before_or_after_the_end,
)
_code("R113", Code.REPORT_VERSION_ERROR, "of another version than the licensed one, which passes the checks before")
_code(
    "R114", Code.ACCOUNT_STATUS_ERROR, "under a licence that the issuer has suspended, which passes the checks before"
)
_code(
    "R115",
    Code.LICENSE_IP_ERROR,
    "from an address that is not licensed or was translated, which passes the checks before",
    "an end of a licensed range; within it is below, outside is above",
    _within_or_outside,
)
_code("R116", Code.LICENSE_DOMAIN_ERROR, "with an access domain that is not licensed, which passes the checks before")
_code(
    "R117", Code.LICENSE_APPNAME_ERROR, "with an application name that is not licensed, which passes the checks before"
)
_code(
    "R118",
    Code.REGISTER_OUT_OF_LIMIT,
    "to register when every slot is taken, which passes the checks before",
    "the capacity, against the slots that are live when a register comes that needs one",
    _free_or_full,
)


@judges("R066")
def listed_applications_alone(history: History, tally: Tally) -> None:
    """Every request of an application that is not on a list of licensed ones: it is not granted."""
    for each in due(history):
        asked = each.exchange
        applications = history.licence(asked.arrived_us).applications
        setup = history.scenario.nodes[asked.node]
        unlisted = bool(applications) and setup.application not in applications
        if not unlisted or not each.fresh or asked.form or asked.kind == Kind.UNBIND:
            continue
        if asked.verdict == Verdict.GRANTED:
            tally.broken(asked.arrived_us, setup.name, f"granted to the application {setup.application!r}")
        else:
            tally.passed()


@judges("R067")
def any_application(history: History, tally: Tally) -> None:
    """Every register and poll under a licence that lists no application names: none is refused for its name."""
    for each in due(history):
        asked = each.exchange
        if not each.fresh or asked.form or asked.kind == Kind.UNBIND or history.licence(asked.arrived_us).applications:
            continue
        if asked.verdict == Code.LICENSE_APPNAME_ERROR:
            name = history.nodes[asked.node].name
            tally.broken(asked.arrived_us, name, "refused for its application although any is licensed")
        else:
            tally.passed()
    tally.passed(
        sum(beat.polls for beat in history.trace.beats if not history.licence(beat.first_sent_us).applications)
    )


@judges("R101")
def a_failure_tells_its_reason(history: History, tally: Tally) -> None:
    """Every register that fails: its own reason is there as soon as that is known, whatever failed before."""
    for node in history.nodes:
        for _, asked in node.exchanges:
            if asked.kind != Kind.REGISTER or asked.outcome not in (Outcome.NEGATIVE, Outcome.UNANSWERED):
                continue
            reason: int | None = Code.NO_CONNECTION
            if asked.outcome == Outcome.NEGATIVE:
                granted = asked.verdict == Verdict.GRANTED
                reason = validation(history, asked) if granted else Code.shown_for(asked.verdict)
            if [row.code for row in node.rows_of(asked)] == [reason]:
                tally.passed()
            else:
                tally.broken(asked.ended_us, node.name, "the reason of a failed register is not shown")


@judges("R105")
def each_member_its_reason(history: History, tally: Tally) -> None:
    """Every failed request of a cluster member: that member lists its own row with the reason that it was given."""
    for node in history.nodes:
        if node.setup.cluster is None:
            continue
        for _, asked in node.exchanges:
            if asked.outcome != Outcome.NEGATIVE or asked.verdict == Verdict.GRANTED:
                continue
            if [row.code for row in node.rows_of(asked)] == [Code.shown_for(asked.verdict)]:
                tally.passed()
            else:
                tally.broken(asked.ended_us, node.name, "the member does not list its own reason")


@judges("R107")
def unlisted_is_generic(history: History, tally: Tally) -> None:
    """Every refusal for a reason that the table does not list: the node shows "Incorrect License Format".

    Such a reason (an access port that is not licensed, a poll without a slot or from a clone) refuses all the same, and
    nothing else is refused without a code of the table.
    """
    for each in due(history):
        given, unlisted = each.exchange.verdict, each.verdict == Code.INCORRECT_LICENSE_FORMAT
        name = history.nodes[each.exchange.node].name
        if unlisted and given == Verdict.GRANTED:
            tally.broken(each.exchange.arrived_us, name, f"granted although the check of its {each.failing[0]} fails")
        elif not unlisted and given >= 0 and Code.shown_for(given) is Code.INCORRECT_LICENSE_FORMAT:
            message = f"refused for no reason of the table where {_shown(each.verdict)} is due"
            tally.broken(each.exchange.arrived_us, name, message)
    for asked in history.exchanges:
        if asked.outcome != Outcome.NEGATIVE or asked.verdict < 0:
            continue
        if Code.shown_for(asked.verdict) is not Code.INCORRECT_LICENSE_FORMAT:
            continue
        node = history.nodes[asked.node]
        rows = node.rows_of(asked)
        if [row.code for row in rows] == [Code.INCORRECT_LICENSE_FORMAT]:
            tally.passed()
        else:
            tally.broken(asked.ended_us, node.name, "an unlisted reason is not shown as the generic text")


@judges("R108")
def only_the_first_reason(history: History, tally: Tally) -> None:
    """Every request that fails several checks, or that a reading shows by an earlier failure: the first one counts.

    The answer carries the first failing check's code, and the node shows that one. Where the reading keeps the first
    failure in time, the failure shown stays that of the first since the last success.
    """
    for each in due(history):
        asked = each.exchange
        if len(each.failing) < 2:
            continue
        node = history.nodes[asked.node]
        if asked.verdict != each.verdict:
            given = f"{_shown(asked.verdict)} where {_shown(each.verdict)} fails first"
            tally.broken(asked.arrived_us, node.name, given)
        else:
            tally.passed()
    for node in history.nodes:
        first: int | None = None
        backs = [
            edge.at_us for edge in node.edges if edge.done and edge.what in (EdgeKind.ROLLED_BACK, EdgeKind.CLONED)
        ]
        for row, succeeded, success_us in _with_successes(node):
            if any(success_us < back_us <= row.at_us for back_us in backs):
                continue  # Which failure a state that was put there shows is its own matter, up to the next success.
            kept = history.reading.first_failure_stays and not succeeded and first is not None
            if not kept:
                first = row.code
            if row.shown != first:
                tally.broken(row.at_us, node.name, f"{_shown(row.shown)} is shown, which is not the first failure")
            elif kept:
                tally.passed()


def _with_successes(node: NodeView) -> Iterator[tuple[Failure, bool, int]]:
    """Yield each failure row of a node, whether a request succeeded since the row before it, and when the last one did.

    That is `NEVER` where none had.
    """
    # At one instant requests end in the order of their numbers; a row that ends none comes before them.
    successes = [(each.it.ended_us, each.it.number) for each in node.exchanges if each.it.outcome == Outcome.POSITIVE]
    passed = 0
    for row in node.failures:
        since, passed = passed, bisect_left(successes, (row.at_us, row.number), lo=passed)
        yield row, passed > since, successes[passed - 1][0] if passed else NEVER


@judges("R119", boundary="the time that a node waits for its answer, on its boot-time clock")
def no_connection_is_a_slash(history: History, tally: Tally) -> None:
    """Every request without an answer, or to a port that refused: a "/" row, which no answered request ever gets."""
    timeout_us = history.scenario.network.timeout_us
    for asked in history.exchanges:
        node = history.nodes[asked.node]
        if asked.delivered_us != NEVER:
            waited_us = history.clocks.boot_us(node.name, asked.delivered_us) - asked.sent_boot_us
            tally.side(waited_us - timeout_us)
        codes = [row.code for row in node.rows_of(asked)]
        if asked.outcome == Outcome.UNANSWERED:
            if codes == [Code.NO_CONNECTION]:
                tally.passed()
            else:
                tally.broken(asked.ended_us, node.name, 'an unanswered request is not listed as "/"')
        elif asked.outcome == Outcome.NEGATIVE and Code.NO_CONNECTION in codes:
            tally.broken(asked.ended_us, node.name, 'an answered request is listed as "/"')
    # Nobody cruises whose round trips take as long as it waits.
    tally.side(-1, sum(history.trace.beats.column("polls")))


@judges("R120")
def no_such_code(history: History, tally: Tally) -> None:
    """Every refusal: none carries 30006, which the table does not have."""
    for each in due(history):
        if each.exchange.verdict == 30006:
            name = history.nodes[each.exchange.node].name
            tally.broken(each.exchange.arrived_us, name, "refused with 30006, which is no code of the table")
        elif each.exchange.verdict >= 0:
            tally.passed()
