"""Reading a scenario file: its text becomes a document, the document tables, the tables a `Scenario`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from harness.faults import timeline_problems
from harness.problems import Complaint, Loc, Mistake, Problem, ScenarioError
from harness.scenario import (
    Between,
    Certificate,
    Event,
    Expect,
    LicenceSpec,
    NetworkSpec,
    NodeUse,
    Scenario,
    ServerSpec,
    Verb,
)
from harness.scenario_file.checking import checked, checked_events
from harness.scenario_file.document import Document, Given
from harness.scenario_file.events import EventTable
from harness.scenario_file.frame import Frame
from harness.scenario_file.tables import ExpectTable, FileTable, LicenceTable, ServerTable
from reference_server.licence import expiry_us

__all__ = ["from_mapping", "load", "loads", "read", "scenario_of"]


def load(path: str | Path) -> Scenario:
    """Return the scenario in the TOML file at ``path``.

    :raises ScenarioError: if the file cannot be read, or holds mistakes.
    """
    return scenario_of(read(path))


def read(path: str | Path) -> Document:
    """Return what stands in the TOML file at ``path``, which need not make a scenario.

    :raises ScenarioError: if the file cannot be read, or is not TOML.
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
    return Document(text, file)


def loads(text: str, *, file: str = "<string>") -> Scenario:
    """Return the scenario that the TOML ``text`` describes. ``file`` is its name in messages.

    :raises ScenarioError: if it holds mistakes; all of them at once.
    """
    return scenario_of(Document(text, file))


def from_mapping(data: dict[str, Any], *, file: str = "<python>") -> Scenario:
    """Return the scenario that ``data`` describes: what a file would hold, as Python values.

    :raises ScenarioError: if it holds mistakes; all of them at once, by their keys.
    """
    return scenario_of(Given(data, file))


def scenario_of(document: Document | Given) -> Scenario:
    """Return the scenario that ``document`` describes.

    :raises ScenarioError: if it holds mistakes; all of them at once.
    """
    frame = Frame.of(document.data)
    tables = checked(document.data, frame)
    complaints = tables if isinstance(tables, list) else []
    event_tables = checked_events(document.data, frame) if isinstance(tables, list) else tables.events
    events = () if event_tables is None else _events(event_tables, document, frame)
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
        server=_server(tables.server, document),
        nodes=tuple(node for table in tables.nodes for node in table.nodes()),
        node_uses=tuple(_node_uses(tables, document)),
        events=events,
        expects=tuple(
            _expect(table, index, document.place(("expect", index))[0]) for index, table in enumerate(tables.expect)
        ),
    )


def _node_uses(tables: FileTable, document: Document | Given) -> Iterator[NodeUse]:
    for index, table in enumerate(tables.nodes):
        if table.use is not None:
            names = tuple(node.name for node in table.nodes())
            yield NodeUse(index=index, nodes=names, use=table.use, place=document.place(("nodes", index, "use")))


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


def _server(table: ServerTable, document: Document | Given) -> ServerSpec:
    return ServerSpec(
        address=table.address,
        port=table.port,
        name=table.name,
        ttl_us=table.ttl,
        autostart=table.autostart,
        nohup=table.nohup,
        use=table.use,
        place=(0, 0) if table.use is None else document.place(("server", "use")),
    )


def _events(tables: Sequence[EventTable], document: Document | Given, frame: Frame) -> tuple[Event, ...]:
    return tuple(
        event
        for index, table in enumerate(tables)
        for event in _event(table, index, document.place(("events", index))[0], frame)
    )


def _changes(keys: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of the licence that a new file changes."""
    for key in ("capacity", "applications", "domains", "ports"):
        if keys[key] is not None:
            yield key, tuple(keys[key]) if isinstance(keys[key], list) else keys[key]
    if keys["addresses"] is not None:
        yield "ranges", tuple(pair for item in keys["addresses"] for pair in item)
    if keys["expires"] is not None:
        yield "expires_us", expiry_us(keys["expires"], keys["zone"] or UTC)


#: What an event's key is called in a `harness.scenario.Event`, if not the same.
_FIELDS = {"do": "verb", "node": "nodes", "by": "by_us", "jitter": "jitter_us", "to": "to_us"}


def _event(table: EventTable, index: int, line: int, frame: Frame) -> Iterator[Event]:
    """Yield the event of one table: one for each host if it is about clocks."""
    keys = dict(table)  # Each verb has keys of its own; those that it has not keep the defaults of `Event`.
    at_us, lasts_us = keys.pop("at"), keys.pop("lasts", None)
    fields = {_FIELDS.get(key, key): value for key, value in keys.items() if key != "host"}
    verb = fields["verb"] = Verb(keys["do"])
    if verb is Verb.TLS_USE:
        validity = {f"{end}_us": fields.pop(f"valid_{end}") for end in ("from", "until")}
        fields["certificate"] = Certificate(ca=fields["ca"], name=fields.pop("name"), **validity)
    elif verb is Verb.NODE_CLONE:
        fields["of"] = frame.clones.get(keys["node"])
        fields["nodes"] = (keys["node"],)
    elif verb is Verb.LICENCE_CHANGE:
        fields = {"verb": verb, "changes": tuple(_changes(keys))}
    elif verb is Verb.SERVER_LOGOUT:
        fields["idle"] = frame.nohup
    elif verb is Verb.CLOCK_DRIFT:
        percent_as_ppm = fields.pop("percent")
        fields["ppm"] = fields["ppm"] if percent_as_ppm is None else percent_as_ppm
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
