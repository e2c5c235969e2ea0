"""A node's pages as lines of text, with their buttons in brackets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from fake_fdl_nodes.failures import FailureRow, described
from fake_fdl_nodes.node import OPEN
from fake_fdl_nodes.page import Attempt, Button, Member, Page, Screen, buttons

__all__ = ["date", "lines"]


def lines(page: Page, members: Sequence[Member]) -> list[str]:
    """Return what ``page`` shows: its title, what it is about, and its buttons.

    :param members: the nodes that it is about.
    """
    there = buttons(page, members)
    last = " ".join(f"[{each.text}]" for each in there if not each.node)
    return [page.screen.value, *_body(page, members, there), *filter(None, [last])]


def date(wall_us: int) -> str:
    """Return an instant of the wall clock, in microseconds since the Unix epoch, to the nearest second."""
    # What was reckoned from two clocks may be a few microseconds off.
    return datetime.fromtimestamp((wall_us + 500_000) // 1_000_000, UTC).isoformat()


def _body(page: Page, members: Sequence[Member], there: Sequence[Button]) -> Iterator[str]:
    if page.screen is Screen.REGISTRATION:
        yield from _registration(members, there)
    elif page.screen is Screen.VERSION:
        yield "FineDataLink, " + ("registered" if all(each.status in OPEN for each in members) else "not registered")
    elif page.screen is Screen.FORM:
        yield from _rows([("Authentication Method", page.method or "-"), ("Server Address", page.server or "-")])
        yield from filter(None, [page.complaint])
    elif page.screen is Screen.RESULT:
        for member in members:
            yield from _rows([*_named(member.name, members), *_registration_of(member)])
    elif page.screen is Screen.PROMPT:
        yield from _prompt(page.attempts)
    elif page.screen is Screen.DETAILS:
        for name, failure in _viewed(page, members):
            yield from _rows([*_named(name, members), *_details(failure)])


def _named(name: str, members: Sequence[Member]) -> list[tuple[str, str]]:
    """Return the row that says which node it is, where there are several."""
    return [("node", name)] if len(members) > 1 else []


def _registration_of(member: Member) -> Iterator[tuple[str, str]]:
    yield "status", member.status.value
    if member.capacity is not None:
        yield "Max Connections", str(member.capacity)


def _registration(members: Sequence[Member], there: Sequence[Button]) -> Iterator[str]:
    """What Registration Management shows: what each node is, why it fails, and when each has failed (R036)."""
    yield "Registration Information"
    rows = []
    for each in members:
        failure = [] if each.failing is None else [described(each.failing), _link(there, each.name)]
        rows.append([each.name, each.status.value, *failure])
    yield from _rows(rows)
    failures = [(row.wall_us, each.name, described(row.code)) for each in members for row in each.rows]
    if failures:
        yield "Failures"
    # Of several at one instant the nodes' order is kept.
    failures.sort(key=lambda failure: failure[0])
    yield from _rows([(date(at), *([name] if len(members) > 1 else []), why) for at, name, why in failures])


def _link(there: Sequence[Button], node: str) -> str:
    """Return the button that is about ``node``, empty if there is none."""
    return next((f"[{each.text}]" for each in there if each.node == node), "")


def _prompt(attempts: Sequence[Attempt]) -> Iterator[str]:
    reasons = ["registered" if each.failure is None else described(each.failure.code) for each in attempts]
    if len(attempts) == 1:
        yield from reasons
    else:
        yield from _rows([(each.name, reason) for each, reason in zip(attempts, reasons, strict=True)])


def _viewed(page: Page, members: Sequence[Member]) -> list[tuple[str, FailureRow]]:
    """Return the failures of which the details are shown, each with its node."""
    shown = (
        [(each.name, each.failure) for each in members if each.name == page.node]
        if page.node
        else [(each.name, each.failure) for each in page.attempts]
    )
    return [(name, failure) for name, failure in shown if failure is not None]


def _details(failure: FailureRow) -> Iterator[tuple[str, str]]:
    """The columns of the table of reasons, and the time (R107 to R119)."""
    code = failure.code
    yield "time", date(failure.wall_us)
    yield "error code", code.label or "-"
    yield "error name", code.shown_name
    yield "reason", code.reason


def _rows(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows of a table, each cell but the last of a row as wide as the widest in its column."""
    width = [max(len(row[k]) for row in rows if len(row) > k) for k in range(max(map(len, rows), default=0))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(wide) for cell, wide in zip(row, width, strict=False)).rstrip()
