"""The tables of a scenario file: the keys of each, what they mean and what may stand there.

Pydantic checks them, and the JSON Schema that editors use is generated from them: the docstrings and
descriptions below are what an editor shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from fake_fdl_nodes.fleet import NodeSetup, fleet
from harness.durations import format_duration
from harness.problems import Mistake
from harness.scenario import Direction
from harness.scenario_file import values
from harness.scenario_file.keys import (
    Address,
    Count,
    Duration,
    FailureShown,
    HostName,
    Hosts,
    Instant,
    LastDay,
    Lasting,
    NodeName,
    Nodes,
    Percent,
    Port,
    Ppm,
    Ranges,
    ReadingName,
    ReadingNames,
    Registration,
    Rule,
    SlewRate,
    Start,
    Status,
    Step,
    Text,
    Timeout,
    Zone,
    ZoneName,
    frame_of,
)

__all__ = [
    "EVENTS",
    "EventTable",
    "Events",
    "ExpectTable",
    "FileTable",
    "LicenceTable",
    "NetworkTable",
    "NodesTable",
    "Table",
    "UnknownEvent",
    "schema",
]

# The tables.


class Table(BaseModel):
    """Any table."""

    model_config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)

    @classmethod
    def not_together(cls, keys: Mapping[str, object]) -> Iterator[Mistake]:
        """Yield what is wrong with which ``keys`` are there, whatever their values."""
        yield from ()


class LicenceTable(Table):
    """What was licensed."""

    model_config = ConfigDict(title="licence")

    capacity: Annotated[int, Field(ge=1, le=values.MOST_NODES)] = Field(
        1, description="How many nodes may be registered at the same time."
    )
    addresses: list[Ranges] = Field(
        min_length=1,
        description="The node addresses that may register: single ones, or ranges with both ends included.",
    )
    applications: list[Text] = Field([], description="The application names that may register. Left out: any.")
    domains: list[HostName] = Field([], description="The access domains that may register. Left out: any.")
    ports: list[Port] = Field([], description="The access ports that may register. Left out: any.")
    version: Text = Field("FineDataLink", description="The licensed product and major version.")
    function_points: list[Text] = Field(["FineDataLink"], description="The function points that are granted.")
    expires: LastDay | None = Field(None, description="The last licensed day, valid to its end. Left out: never.")
    zone: Zone | None = Field(
        None,
        description="The time zone in which that day ends: an IANA name or an offset. Left out: UTC.",
        json_schema_extra={"default": "UTC"},
    )


class NetworkTable(Table):
    """The network between the nodes and the server."""

    model_config = ConfigDict(title="network")

    latency: Duration = Field(
        5_000, description="How long a packet travels, each way.", json_schema_extra={"default": "5ms"}
    )
    timeout: Timeout = Field(
        30_000_000,
        description="How long a node waits for an answer; below 2h.",
        json_schema_extra={"default": "30s"},
    )


class NodesTable(Table):
    """One node, or with a count a fleet of them."""

    model_config = ConfigDict(title="nodes", json_schema_extra={"not": {"required": ["spread", "spread_over"]}})

    name: NodeName = Field(description="The name of the node; with a count, of the fleet: name-1, name-2, ...")
    count: Count | None = Field(None, description="How many nodes. Left out: one, with the plain name.")
    address: Address = Field(description="The IPv4 address of the first node; each next one has the one above.")
    application: Text = Field(description="The application (project) name that the node reports.")
    register_: Registration = Field(
        0,
        alias="register",
        description='When the administrator registers the first node, from the start, or "never".',
        json_schema_extra={"default": "0s"},
    )
    spread: Duration | None = Field(None, description="How much later each next node is registered.")
    spread_over: Duration | None = Field(
        None, description="The stretch of time over which the registrations are spread evenly."
    )
    cluster: Text | None = Field(None, description="The cluster that the nodes belong to. Left out: standalone.")
    domain: HostName | None = Field(None, description="The access domain under which users reach the node.")
    port: Port | None = Field(None, description="The access port under which users reach the node.")
    version: Text = Field("FineDataLink", description="The product and major version that the node reports.")
    zone: ZoneName = Field(
        "UTC",
        description="The time zone in which the node shows the dates of its failures: an IANA name or an offset.",
    )

    @classmethod
    def not_together(cls, keys: Mapping[str, object]) -> Iterator[Mistake]:
        if "spread" in keys and "spread_over" in keys:
            yield Mistake("spread and spread_over", "only one of them", key="spread_over")

    @model_validator(mode="after")
    def _fits(self, info: ValidationInfo) -> NodesTable:
        try:
            nodes = self.nodes()
        except ValueError as error:
            raise Mistake(str(error), "addresses up to 255.255.255.255", key="address") from None
        end_us = frame_of(info).duration_us
        for node in nodes:
            if end_us is not None and node.register_us is not None and node.register_us > end_us:
                key = "spread" if self.spread else "spread_over"
                found = f"{node.name} registered at {format_duration(node.register_us)}, after the end"
                raise Mistake(found, f"registrations within {format_duration(end_us)}", key=key)
        return self

    def nodes(self) -> tuple[NodeSetup, ...]:
        """Return the nodes, in order."""
        return fleet(
            self.name,
            address=self.address,
            application=self.application,
            count=self.count,
            register_us=self.register_,
            spread_us=self.spread or 0,
            spread_over_us=self.spread_over,
            cluster=self.cluster,
            domain=self.domain,
            port=self.port,
            version=self.version,
            zone=self.zone,
        )


class EventTable(Table):
    """Something that happens."""

    at: Instant = Field(description="When: a duration from the start, or an offset date-time.")


_LASTS = Field(None, description="How long it lasts. Left out: until undone.")
_ONLY = Field(None, description="Only those of the nodes that have this status when it happens.")
_NODE = Field(description="The name of a node, or a pattern with * and ?.")
_HOST = Field(description='The host whose clock it is: "server", or the name or pattern of a node.')
_DO = Field(description="What happens.")


class ServerFault(EventTable):
    """The server stops (ended in order), crashes or is suspended, and its clocks may stand still."""

    model_config = ConfigDict(title="server fault")

    do: Literal["server.stop", "server.crash", "server.suspend"] = _DO
    lasts: Lasting | None = _LASTS


class ServerAction(EventTable):
    """The server starts, is resumed, or is destroyed with -destroy."""

    model_config = ConfigDict(title="server action")

    do: Literal["server.start", "server.resume", "server.destroy"] = _DO


class NodeFault(EventTable):
    """Nodes stop, crash or are suspended."""

    model_config = ConfigDict(title="node fault")

    do: Literal["node.stop", "node.crash", "node.suspend"] = _DO
    node: Nodes = _NODE
    only: Status | None = _ONLY
    lasts: Lasting | None = _LASTS


class NodeAction(EventTable):
    """Nodes start, are resumed, or are registered or unbound by their administrator."""

    model_config = ConfigDict(title="node action")

    do: Literal["node.start", "node.resume", "node.register", "node.unbind"] = _DO
    node: Nodes = _NODE
    only: Status | None = _ONLY


class NodeMove(EventTable):
    """Nodes move to other addresses."""

    model_config = ConfigDict(title="node move")

    do: Literal["node.move"] = _DO
    node: Nodes = _NODE
    address: Address = Field(description="The new address of the first node; each next one has the one above.")
    only: Status | None = _ONLY

    @field_validator("address")
    @classmethod
    def _fits(cls, address: int, info: ValidationInfo) -> int:
        count = len(info.data.get("node", ()))
        if address + count - 1 > values.HIGHEST_ADDRESS:
            raise Mistake(f"{count} addresses from there on", "addresses up to 255.255.255.255")
        return address


class NetworkCut(EventTable):
    """Packets between nodes and the server are lost."""

    model_config = ConfigDict(title="network cut")

    do: Literal["network.cut"] = _DO
    node: Nodes = Field("*", validate_default=True, description="The nodes that are cut off. Left out: all.")
    direction: Direction = Field("both", description="Which packets are lost.")
    lasts: Lasting | None = _LASTS


class NetworkHeal(EventTable):
    """Every cut of these nodes and this direction ends."""

    model_config = ConfigDict(title="network heal")

    do: Literal["network.heal"] = _DO
    node: Nodes = Field("*", validate_default=True, description="The nodes that are connected. Left out: all.")
    direction: Direction = Field("both", description="Which packets pass again.")


class ClockStep(EventTable):
    """The wall clock of a host is set forward or back."""

    model_config = ConfigDict(title="clock step")

    do: Literal["clock.step"] = _DO
    host: Hosts = _HOST
    by: Step = Field(description="By how much; with a minus sign, back.")


class ClockDrift(EventTable):
    """All clocks of a host run too fast or too slow."""

    model_config = ConfigDict(
        title="clock drift",
        json_schema_extra={"oneOf": [{"required": ["ppm"]}, {"required": ["percent"]}]},
    )

    do: Literal["clock.drift"] = _DO
    host: Hosts = _HOST
    ppm: Ppm | None = Field(None, description="By how many millionths too fast; negative, too slow.")
    percent: Percent | None = Field(None, description="The same in hundredths.")
    lasts: Lasting | None = _LASTS

    @classmethod
    def not_together(cls, keys: Mapping[str, object]) -> Iterator[Mistake]:
        if "ppm" in keys and "percent" in keys:
            yield Mistake("ppm and percent", "only one of them", key="percent")
        elif "ppm" not in keys and "percent" not in keys:
            yield Mistake("neither ppm nor percent", "one of them")


class ClockSlew(EventTable):
    """The wall clock of a host is moved gradually, as NTP does it."""

    model_config = ConfigDict(title="clock slew")

    do: Literal["clock.slew"] = _DO
    host: Hosts = _HOST
    by: Step = Field(description="By how much in all; with a minus sign, back.")
    ppm: SlewRate = Field(
        Fraction(500),
        description="By how many microseconds in each second of the host's clocks.",
        json_schema_extra={"default": 500},
    )


class ClockFreeze(EventTable):
    """The wall clock of a host stands still; its other clocks go on."""

    model_config = ConfigDict(title="clock freeze")

    do: Literal["clock.freeze"] = _DO
    host: Hosts = _HOST
    lasts: Lasting | None = _LASTS


class ClockThaw(EventTable):
    """The wall clock of a host goes on, from where it stood."""

    model_config = ConfigDict(title="clock thaw")

    do: Literal["clock.thaw"] = _DO
    host: Hosts = _HOST


class LicenceSuspend(EventTable):
    """The issuer suspends the licence."""

    model_config = ConfigDict(title="licence suspend")

    do: Literal["licence.suspend"] = _DO
    lasts: Lasting | None = _LASTS


class LicenceResume(EventTable):
    """The issuer resumes the licence."""

    model_config = ConfigDict(title="licence resume")

    do: Literal["licence.resume"] = _DO


AnyEvent = (
    ServerFault
    | ServerAction
    | NodeFault
    | NodeAction
    | NodeMove
    | NetworkCut
    | NetworkHeal
    | ClockStep
    | ClockDrift
    | ClockSlew
    | ClockFreeze
    | ClockThaw
    | LicenceSuspend
    | LicenceResume
)


#: All events of a file, each checked by the table of its verb.
Events = list[Annotated[AnyEvent, Field(discriminator="do")]]

#: The table of each verb.
EVENTS: dict[str, type[EventTable]] = {
    verb: table for table in get_args(AnyEvent) for verb in get_args(table.model_fields["do"].annotation)
}


class UnknownEvent(EventTable):
    """An event whose verb is wrong: its other keys are checked as far as that goes without it."""

    do: Any = None
    node: Nodes | None = None
    only: Status | None = None
    address: Address | None = None
    direction: Direction | None = None
    host: Hosts | None = None
    by: Step | None = None
    ppm: Ppm | None = None
    percent: Percent | None = None
    lasts: Lasting | None = None


class ExpectTable(Table):
    """What must hold, at an instant or over a stretch of time."""

    model_config = ConfigDict(
        title="expect",
        json_schema_extra={
            "oneOf": [{"required": ["at"]}, {"required": ["between", "hold"]}],
            "anyOf": [{"required": [key]} for key in ("status", "access", "failure", "registered")],
            "dependentRequired": {
                "hold": ["between"],
                **{key: ["node"] for key in ("status", "access", "failure")},
            },
        },
    )

    at: Instant | None = Field(None, description="When it must hold, after everything else at that instant.")
    between: Annotated[list[Instant], Field(min_length=2, max_length=2)] | None = Field(
        None, description="The first and the last instant of the stretch of time over which it must hold."
    )
    hold: Literal["always", "ever"] | None = Field(
        None, description="Whether it must hold always between them, or at least once."
    )
    node: Nodes | None = Field(None, description="The node it is about, or a pattern: then each of them.")
    status: Status | None = Field(None, description="The status of the node.")
    access: bool | None = Field(None, description="Whether users have access to the node.")
    failure: FailureShown | None = Field(
        None, description='The code of the failure that the node shows, "none" if it never listed one.'
    )
    registered: Annotated[int, Field(ge=0)] | None = Field(None, description="The number of live slots.")
    reading: ReadingNames | None = Field(
        None, description="Only under this reading, or these. Left out: under the scenario's own."
    )

    @field_validator("between")
    @classmethod
    def _in_order(cls, between: list[int] | None) -> list[int] | None:
        if between is not None and between[0] > between[1]:
            first, last = map(format_duration, between)
            raise Mistake(f"an end ({last}) before its beginning ({first})", "the earlier instant first")
        return between

    @classmethod
    def not_together(cls, keys: Mapping[str, object]) -> Iterator[Mistake]:
        if "at" in keys and "between" in keys:
            yield Mistake("at and between", "only one of them", key="between")
        elif "at" not in keys and "between" not in keys:
            yield Mistake("neither at nor between", "one of them")
        if "between" in keys and "hold" not in keys:
            yield Mistake("between without hold", 'hold = "always" or "ever"')
        if "hold" in keys and "between" not in keys:
            yield Mistake("hold without between", "hold only where between is", key="hold")
        of_node = [key for key in ("status", "access", "failure") if key in keys]
        if not of_node and "registered" not in keys:
            yield Mistake("nothing that must hold", "at least one of status, access, failure, registered")
        if of_node and "node" not in keys:
            yield Mistake(f"{of_node[0]} without node", "the node that it is about", key=of_node[0])


class FileTable(Table):
    """One scenario of FineDataLink private-cloud licensing: what exists, what happens, and what must hold."""

    model_config = ConfigDict(title="fdl-harness scenario")

    title: Text = Field(description="What the scenario is about, in a sentence.")
    rules: list[Rule] = Field([], description="The documented rules that it is meant to exercise, R001 to R129.")
    start: Start = Field(description="The instant at which it starts.")
    duration: Lasting = Field(description="How long it runs.")
    reading: ReadingName | None = Field(None, description="The reading to run under. Left out: the caller's.")
    licence: LicenceTable = Field(description="What was licensed.")
    network: NetworkTable = Field(
        default_factory=NetworkTable, description="The network between the nodes and the server."
    )
    nodes: list[NodesTable] = Field(min_length=1, description="The nodes.")
    events: Events = Field([], description="What happens.")
    expect: list[ExpectTable] = Field([], description="What must hold.")


class _TomlSchema(GenerateJsonSchema):
    """Writes the schema as TOML needs it: there is no null, an optional key is one that is left out."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        written = super().default_schema(schema)
        if written.get("default", "") is None:
            del written["default"]
        return written


def schema() -> dict[str, Any]:
    """Return the JSON Schema of scenario files, as ``harness/scenario.schema.json`` holds it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **FileTable.model_json_schema(schema_generator=_TomlSchema),
    }
