"""Reading a scenario file: its text becomes a document, the document tables, the tables a `Scenario`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from harness.faults import timeline_problems
from harness.problems import Complaint, Loc, Mistake, Problem, ScenarioError
from harness.scenario import Between, Event, Expect, LicenceSpec, NetworkSpec, Scenario, Verb
from harness.scenario_file.checking import checked, checked_events
from harness.scenario_file.document import Document, Given
from harness.scenario_file.frame import Frame
from harness.scenario_file.tables import EventTable, ExpectTable, FileTable, LicenceTable
from reference_server.licence import expiry_us

__all__ = ["from_mapping", "load", "loads"]


def load(path: str | Path) -> Scenario:
    """Return the scenario in the TOML file at ``path``.

    :raises ScenarioError: if the file cannot be read, or holds mistakes.
    """
    file = str(path)
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # A path with a NUL character is a ValueError.
        found = (getattr(error, "strerror", None) or str(error)).lower()
        raise ScenarioError([Problem(file=file, found=found, expected="a scenario file")]) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        raise ScenarioError(
            [
                Problem(
                    file=file,
                    line=before.count(b"\n") + 1,
                    column=error.start - before.rfind(b"\n"),
                    found=f"the byte 0x{data[error.start]:02x}",
                    expected="text in UTF-8",
                )
            ]
        ) from None
    return loads(text, file=file)


def loads(text: str, *, file: str = "<string>") -> Scenario:
    """Return the scenario that the TOML ``text`` describes. ``file`` is its name in messages.

    :raises ScenarioError: if it holds mistakes; all of them at once.
    """
    return _read(Document(text, file))


def from_mapping(data: dict[str, Any], *, file: str = "<python>") -> Scenario:
    """Return the scenario that ``data`` describes: what a file would hold, as Python values.

    :raises ScenarioError: if it holds mistakes; all of them at once, by their keys.
    """
    return _read(Given(data, file))


def _read(document: Document | Given) -> Scenario:
    frame = Frame.of(document.data)
    tables = checked(document.data, frame)
    complaints = tables if isinstance(tables, list) else []
    event_tables = checked_events(document.data, frame) if isinstance(tables, list) else tables.events
    events = () if event_tables is None else _events(event_tables, document)
    complaints = complaints + list(_timeline_complaints(events))
    if isinstance(tables, list) or complaints:
        raise ScenarioError(map(document.problem, complaints))
    return _scenario(tables, events, document)


def _timeline_complaints(events: tuple[Event, ...]) -> Iterator[Complaint]:
    told: set[Loc] = set()
    for problem in timeline_problems(events):
        # A pattern of hosts makes several events of one; its mistake is told once.
        loc = ("events", problem.event.index, problem.key)
        if loc not in told:
            told.add(loc)
            yield Complaint(loc, Mistake(problem.found, problem.expected))


def _scenario(tables: FileTable, events: tuple[Event, ...], document: Document | Given) -> Scenario:
    return Scenario(
        title=tables.title,
        file=document.file,
        rules=tuple(tables.rules),
        start_us=tables.start,
        duration_us=tables.duration,
        reading=tables.reading,
        licence=_licence(tables.licence),
        network=NetworkSpec(latency_us=tables.network.latency, timeout_us=tables.network.timeout),
        nodes=tuple(node for table in tables.nodes for node in table.nodes()),
        events=events,
        expects=tuple(
            _expect(table, index, document.place(("expect", index))[0]) for index, table in enumerate(tables.expect)
        ),
    )


def _licence(table: LicenceTable) -> LicenceSpec:
    return LicenceSpec(
        capacity=table.capacity,
        ranges=tuple(pair for item in table.addresses for pair in item),
        applications=tuple(table.applications),
        domains=tuple(table.domains),
        ports=tuple(table.ports),
        function_points=tuple(table.function_points),
        version=table.version,
        expires_us=None if table.expires is None else expiry_us(table.expires, table.zone or UTC),
    )


def _events(tables: Sequence[EventTable], document: Document | Given) -> tuple[Event, ...]:
    return tuple(
        event
        for index, table in enumerate(tables)
        for event in _event(table, index, document.place(("events", index))[0])
    )


def _event(table: EventTable, index: int, line: int) -> Iterator[Event]:
    """Yield the event of one table: one for each host if it is about clocks."""
    keys = dict(table)  # Each verb has keys of its own; those that it has not keep the defaults of `Event`.
    at_us, lasts_us = keys.pop("at"), keys.pop("lasts", None)
    renamed = {"do": "verb", "node": "nodes", "by": "by_us"}
    fields = {renamed.get(key, key): value for key, value in keys.items() if key != "host"}
    fields["verb"] = Verb(keys["do"])
    percent = fields.pop("percent", None)
    if percent is not None:
        fields["ppm"] = percent
    for host in keys.get("host", (None,)):
        until_us = None if lasts_us is None else at_us + lasts_us
        yield Event(index=index, line=line, at_us=at_us, until_us=until_us, host=host, **fields)


def _expect(table: ExpectTable, index: int, line: int) -> Expect:
    between = None
    if table.between is not None and table.hold is not None:
        between = Between(first_us=table.between[0], last_us=table.between[1], hold=table.hold)
    return Expect(
        index=index,
        line=line,
        at_us=table.at,
        between=between,
        nodes=table.node or (),
        status=table.status,
        access=table.access,
        failure=table.failure,
        registered=table.registered,
        readings=tuple(table.reading or ()),
    )
