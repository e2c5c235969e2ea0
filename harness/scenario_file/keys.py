"""What may stand at a key: the kinds of values of a scenario file, as pydantic and JSON Schema know them.

Each kind is read by a function of `harness.scenario_file.values`; the schema beside it is what an editor
checks and completes, which is less.
"""

from __future__ import annotations

from datetime import date, tzinfo
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainValidator, ValidationInfo, WithJsonSchema

from harness.durations import DURATION_PATTERN
from harness.scenario_file import values
from harness.scenario_file.frame import Frame
from reference_server.readings import READINGS

__all__ = [
    "Address",
    "Count",
    "DriftPercent",
    "Duration",
    "FailureShown",
    "HostName",
    "Hosts",
    "Instant",
    "LastDay",
    "Lasting",
    "NodeName",
    "Nodes",
    "Percent",
    "Port",
    "Ppm",
    "Ranges",
    "ReadingName",
    "ReadingNames",
    "Registration",
    "Rule",
    "SlewRate",
    "Start",
    "Status",
    "Step",
    "Text",
    "Timeout",
    "Use",
    "WallInstant",
    "Zone",
    "ZoneName",
    "frame_of",
]


def frame_of(info: ValidationInfo) -> Frame:
    """Return the frame with which a table is being validated."""
    frame = info.context
    assert isinstance(frame, Frame), "the tables are validated with their frame as the context"
    return frame


def _instant(value: object, info: ValidationInfo) -> int:
    frame = frame_of(info)
    return values.instant(value, start_us=frame.start_us, duration_us=frame.duration_us)


def _registration(value: object, info: ValidationInfo) -> int | None:
    return values.registration(value, duration_us=frame_of(info).duration_us)


def _matching_nodes(value: object, info: ValidationInfo) -> tuple[str, ...]:
    return values.nodes_matching(value, frame_of(info).names)


def _matching_hosts(value: object, info: ValidationInfo) -> tuple[str, ...]:
    return values.hosts_matching(value, frame_of(info).names)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


_DURATION_SCHEMA = {"type": "string", "pattern": DURATION_PATTERN, "examples": ["5ms", "4.5s", "1d 1h 30m"]}
_ADDRESS_SCHEMA = {"type": "string", "format": "ipv4", "examples": ["192.168.100.25"]}
_READING_SCHEMA = {"type": "string", "enum": list(READINGS)}
_FAILURES_SCHEMA = {
    "type": ["integer", "string"],
    "examples": [30003, "/", "Incorrect License Format", "none"],
}
_ZONE_SCHEMA = {"type": "string", "examples": ["UTC", "Asia/Shanghai", "UTC+08:00"]}
_PATTERN_SCHEMA = {"type": "string", "minLength": 1, "examples": ["fdl-1", "fdl-*"]}

Text = Annotated[str, PlainValidator(values.text), WithJsonSchema({"type": "string", "minLength": 1})]
NodeName = Annotated[str, PlainValidator(values.node_name), WithJsonSchema({"type": "string", "minLength": 1})]
HostName = Annotated[str, PlainValidator(values.host_name), WithJsonSchema({"type": "string", "minLength": 1})]
Use = Annotated[
    str, PlainValidator(values.use), WithJsonSchema({"type": "string", "examples": ["package.module:factory"]})
]
Port = Annotated[int, Field(ge=1, le=65_535)]
Rule = Annotated[
    str,
    PlainValidator(values.rule),
    WithJsonSchema({"type": "string", "pattern": "^R(00[1-9]|0[1-9][0-9]|1[01][0-9]|12[0-9])$"}),
]
ReadingName = Annotated[str, PlainValidator(values.reading), WithJsonSchema(_READING_SCHEMA)]
ReadingNames = Annotated[
    list[ReadingName],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [_READING_SCHEMA, {"type": "array", "items": _READING_SCHEMA}]}),
]
Duration = Annotated[int, PlainValidator(values.duration), WithJsonSchema(_DURATION_SCHEMA)]
Lasting = Annotated[int, PlainValidator(values.lasting), WithJsonSchema(_DURATION_SCHEMA)]
Timeout = Annotated[int, PlainValidator(values.timeout), WithJsonSchema(_DURATION_SCHEMA)]
Step = Annotated[int, PlainValidator(values.step), WithJsonSchema({"type": "string", "examples": ["-1h", "90s"]})]
Start = Annotated[
    int,
    PlainValidator(values.start),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-01T00:00:00Z"]}),
]
Instant = Annotated[int, PlainValidator(_instant), WithJsonSchema({"type": "string", "examples": ["1d 1h 30m"]})]
Registration = Annotated[
    int | None,
    PlainValidator(_registration),
    WithJsonSchema({"type": "string", "examples": ["0s", "1h 40m", "never"]}),
]
LastDay = Annotated[date, PlainValidator(values.expiry_date), WithJsonSchema({"type": "string", "format": "date"})]
Zone = Annotated[tzinfo, PlainValidator(values.zone), WithJsonSchema(_ZONE_SCHEMA)]
ZoneName = Annotated[str, PlainValidator(values.zone_name), WithJsonSchema(_ZONE_SCHEMA)]
Address = Annotated[int, PlainValidator(values.address), WithJsonSchema(_ADDRESS_SCHEMA)]
Ranges = Annotated[
    tuple[tuple[int, int], ...],
    PlainValidator(values.application_ranges),
    WithJsonSchema({"type": "string", "examples": ["192.168.100.25 - 192.168.100.40", "192.168.0.1"]}),
]
Count = Annotated[
    int,
    PlainValidator(values.count),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": values.MOST_NODES}),
]
Nodes = Annotated[tuple[str, ...], PlainValidator(_matching_nodes), WithJsonSchema(_PATTERN_SCHEMA)]
Hosts = Annotated[tuple[str, ...], PlainValidator(_matching_hosts), WithJsonSchema(_PATTERN_SCHEMA)]
Ppm = Annotated[Fraction, PlainValidator(values.drift), WithJsonSchema({"type": "number", "examples": [-1, 50]})]
Percent = Annotated[
    Fraction,
    PlainValidator(values.percent),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 100}),
]
WallInstant = Annotated[
    int,
    PlainValidator(values.start),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2027-03-01T00:00:00Z"]}),
]
DriftPercent = Annotated[
    Fraction, PlainValidator(values.drift_percent), WithJsonSchema({"type": "number", "examples": [-5, 0.01]})
]
SlewRate = Annotated[
    Fraction, PlainValidator(values.slew_rate), WithJsonSchema({"type": "number", "examples": [500, 83333.3]})
]
FailureShown = Annotated[int | str, PlainValidator(values.failure), WithJsonSchema(_FAILURES_SCHEMA)]
Status = Literal["unregistered", "registered", "interrupted", "rejected", "lapsed"]
