"""A node's pages as lines of text, with their buttons in brackets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fake_fdl_nodes.failures import FailureRow, described, shown_date
from fake_fdl_nodes.node import OPEN
from fake_fdl_nodes.page import Attempt, Button, Member, Page, Screen, buttons, failures, granted, viewed

__all__ = ["lines"]


def lines(page: Page, members: Sequence[Member]) -> list[str]:
    """Return what ``page`` shows: its title, what it is about, and its buttons.

    :param members: the nodes that it is about.
    """
    there = buttons(page, members)
    last = " ".join(f"[{each.text}]" for each in there if not each.node)
    return [page.screen.value, *_body(page, members, there), *filter(None, [last])]


def _body(page: Page, members: Sequence[Member], there: Sequence[Button]) -> Iterator[str]:
    if page.screen is Screen.REGISTRATION:
        yield from _registration(members, there)
        yield from _failures(page, members)
    elif page.screen is Screen.VERSION:
        yield "FineDataLink, " + ("registered" if all(each.status in OPEN for each in members) else "not registered")
    elif page.screen is Screen.FORM:
        yield from _rows([("Authentication Method", page.method or "-"), ("Server Address", page.server or "-")])
        yield from [] if page.complaint is None else [str(page.complaint)]
    elif page.screen is Screen.RESULT:
        for member in members:
            yield from _rows([*_named(member.name, members), *_registration_of(member)])
    elif page.screen is Screen.UNBIND:
        yield from _rows([(each.name, each.status.value) for each in members if each.name == page.node])
        yield from [] if page.complaint is None else [str(page.complaint)]
    elif page.screen is Screen.UNBOUND:
        unbound = [attempt.name for attempt in page.attempts]
        yield from _rows([(each.name, each.status.value) for each in members if each.name in unbound])
    elif page.screen in (Screen.PROMPT, Screen.NOT_UNBOUND):
        yield from _prompt(page.attempts)
    elif page.screen is Screen.DETAILS:
        for name, failure in viewed(page, members):
            yield from _rows([*_named(name, members), *_details(failure)])


def _named(name: str, members: Sequence[Member]) -> list[tuple[str, str]]:
    """Return the row that says which node it is, where there are several."""
    return [("node", name)] if len(members) > 1 else []


def _registration_of(member: Member) -> Iterator[tuple[str, str]]:
    yield "status", member.status.value
    if member.capacity is not None:
        yield "Max Connections", str(member.capacity)
    if member.grant is not None:
        for item in granted(member.grant):
            yield item.label, ", ".join(item.values) or item.otherwise


def _registration(members: Sequence[Member], there: Sequence[Button]) -> Iterator[str]:
    """What Registration Information shows: what each node is, why it fails, and what can be done about it."""
    yield "Registration Information"
    rows = []
    for each in members:
        failure = [] if each.failing is None else [described(each.failing)]
        links = " ".join(f"[{button.text}]" for button in there if button.node == each.name)
        rows.append([each.name, each.status.value, *failure, *filter(None, [links])])
    yield from _rows(rows)


def _failures(page: Page, members: Sequence[Member]) -> Iterator[str]:
    found = failures(page, members)
    if found:
        yield "Failures"
    several = len(members) > 1
    yield from _rows(
        [(shown_date(row.wall_us), *([name] if several else []), described(row.code)) for name, row in found]
    )


def _prompt(attempts: Sequence[Attempt]) -> Iterator[str]:
    reasons = ["registered" if each.failure is None else described(each.failure.code) for each in attempts]
    if len(attempts) == 1:
        yield from reasons
    else:
        yield from _rows([(each.name, reason) for each, reason in zip(attempts, reasons, strict=True)])


def _details(failure: FailureRow) -> Iterator[tuple[str, str]]:
    """The columns of the table of reasons, and the time (R107 to R119)."""
    code = failure.code
    yield "time", shown_date(failure.wall_us)
    yield "error code", code.label or "-"
    yield "error name", code.shown_name
    yield "reason", code.reason


def _rows(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows of a table, each cell but the last of a row as wide as the widest in its column."""
    width = [max(len(row[k]) for row in rows if len(row) > k) for k in range(max(map(len, rows), default=0))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(wide) for cell, wide in zip(row, width, strict=False)).rstrip()
