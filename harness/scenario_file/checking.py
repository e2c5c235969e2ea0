"""From the content of a file to its tables, or to everything that is wrong with it.

All tables are checked in one pass, so that one mistake does not hide another, and pydantic's complaints
are put in our words: what was found, what was expected, and the way to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from re import findall
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from harness.problems import Complaint, Loc, Mistake, one_of, shown
from harness.scenario_file.events import EVENTS, Events, EventTable, UnknownEvent
from harness.scenario_file.frame import Frame
from harness.scenario_file.table import Table
from harness.scenario_file.tables import (
    ExpectTable,
    FileTable,
    LicenceTable,
    NetworkTable,
    NodesTable,
    ServerTable,
)

__all__ = ["checked", "checked_events"]


def checked(data: dict[str, Any], frame: Frame) -> FileTable | list[Complaint]:
    """Return the tables of a file's content, or everything that is wrong with them."""
    complaints = [*frame.shared(), *_not_together(data)]
    try:
        tables = FileTable.model_validate(data, context=frame)
    except ValidationError as error:
        return complaints + list(_complaints(error, frame))
    return complaints or tables


def checked_events(data: dict[str, Any], frame: Frame) -> list[EventTable] | None:
    """Return the event tables of a file in which other things may be wrong, ``None`` if one of them is, too.

    ``None`` also if an instant or a node could not be checked, since what that depends on is unknown.
    """
    if frame.start_us is None or frame.duration_us is None or frame.names is None:
        return None
    try:
        return list(_EVENTS.validate_python(data.get("events", []), context=frame))
    except ValidationError:
        return None


def _not_together(data: dict[str, Any]) -> Iterator[Complaint]:
    for name in ("nodes", "events", "expect"):
        found = data.get(name)
        for index, keys in enumerate(found if isinstance(found, list) else ()):
            table = EVENTS.get(str(keys.get("do"))) if name == "events" and isinstance(keys, dict) else _TABLES[name]
            for mistake in table.not_together(keys) if isinstance(keys, dict) and table is not None else ():
                loc: Loc = (name, index) if mistake.key is None else (name, index, mistake.key)
                yield Complaint(loc, mistake)


_EVENTS: TypeAdapter[Events] = TypeAdapter(Events)
_TABLES: dict[str | int, type[Table]] = {
    "licence": LicenceTable,
    "server": ServerTable,
    "network": NetworkTable,
    "nodes": NodesTable,
    "events": UnknownEvent,
    "expect": ExpectTable,
}


def _complaints(error: ValidationError, frame: Frame) -> Iterator[Complaint]:
    for details in error.errors(include_url=False):
        loc = details["loc"]
        if loc[0] != "events" or len(loc) < 2:
            yield _complaint(details, loc, _TABLES.get(loc[0], FileTable) if len(loc) > 1 else FileTable)
        elif len(loc) > 2:
            # The verb is in it too, as the tag by which pydantic chose the table.
            verb = str(loc[2])
            yield _complaint(details, loc[:2] + loc[3:], EVENTS[verb], verb)
        elif not isinstance(details["input"], dict):
            yield Complaint(loc, Mistake(shown(details["input"]), "a table"))
        else:
            keys = details["input"]
            found = shown(keys["do"]) if "do" in keys else "nothing"
            yield Complaint((*loc, "do"), Mistake(found, one_of(EVENTS, keys.get("do"))))
            try:
                UnknownEvent.model_validate(keys, context=frame)
            except ValidationError as inner:
                for each in inner.errors(include_url=False):
                    yield _complaint(each, (*loc, *each["loc"]), UnknownEvent)


def _complaint(details: ErrorDetails, loc: Loc, table: type[Table], verb: str = "") -> Complaint:
    """Return one of pydantic's complaints in our words."""
    kind, context = details["type"], details.get("ctx", {})
    if kind == "value_error" and isinstance(context["error"], Mistake):
        mistake = context["error"]
        return Complaint(loc if mistake.key is None else (*loc, mistake.key), mistake)
    if kind == "missing":
        needing = verb or f"every {'scenario' if table is FileTable else f'{loc[0]} table'}"
        return Complaint(loc, Mistake("nothing", f"this key, which {needing} needs"))
    if kind == "extra_forbidden":
        keys = [field.alias or name for name, field in table.model_fields.items()]
        found = f"a key that {verb} does not take" if verb else "an unknown key"
        return Complaint(loc, Mistake(found, one_of(keys, loc[-1])), at_key=True)
    if kind == "literal_error":
        expected = one_of(findall("'([^']+)'", context["expected"]), details["input"])
    elif kind in ("model_type", "dict_type"):
        expected = "a table"
    elif kind == "too_short":
        expected = f"a list of at least {context['min_length']}"
    elif kind == "too_long":
        expected = f"a list of at most {context['max_length']}"
    elif kind == "bool_type":
        expected = "true or false"
    else:
        expected = details["msg"].removeprefix("Input should be ")
        if expected.startswith(("greater", "less")):
            expected = f"a number {expected}"
    return Complaint(loc, Mistake(shown(details["input"]), expected))
