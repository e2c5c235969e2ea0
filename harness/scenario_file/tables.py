"""The tables of a scenario file: the keys of each, what they mean and what may stand there.

Pydantic checks them, and the JSON Schema that editors use is generated from them: the docstrings and
descriptions below are what an editor shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from fake_fdl_nodes.fleet import NodeSetup, fleet
from harness.durations import format_duration
from harness.problems import Mistake, one_of, shown
from harness.scenario_file import values
from harness.scenario_file.events import Events
from harness.scenario_file.keys import (
    Address,
    Count,
    Duration,
    FailureShown,
    HostName,
    Instant,
    LastDay,
    Lasting,
    NodeName,
    Nodes,
    Port,
    Ranges,
    ReadingName,
    ReadingNames,
    Registration,
    Rule,
    Start,
    Status,
    Text,
    Timeout,
    Use,
    Zone,
    ZoneName,
    frame_of,
)
from harness.scenario_file.table import Table

__all__ = [
    "ExpectTable",
    "FileTable",
    "LicenceTable",
    "NetworkTable",
    "NodesTable",
    "ServerTable",
    "schema",
]

# The tables.


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


class ServerTable(Table):
    """The server's machine: where it listens, and what happens to its program without an administrator."""

    model_config = ConfigDict(title="server")

    address: Address = Field(0xAC103F83, description="Its address.", json_schema_extra={"default": "172.16.63.131"})
    port: Port = Field(8081, description="Its port.")
    name: HostName = Field("fdl.example.com", description="Its name in the DNS.")
    ttl: Duration = Field(
        300_000_000,
        description="How long a node keeps what the DNS answered.",
        json_schema_extra={"default": "5m"},
    )
    autostart: bool = Field(False, description="Whether the program starts with the machine.")
    nohup: bool = Field(True, description="Whether the program outlives the session in which it was started.")
    use: Use | None = Field(
        None,
        description="What makes the server under test, as package.module:factory. Left out: the reference server.",
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
    by_name: bool = Field(False, description="Whether the Server Address of the node is the server's name in the DNS.")
    clone_of: NodeName | None = Field(
        None, description="The node from whose machine this one is copied, at a node.clone; until then it is off."
    )
    use: Use | None = Field(
        None, description="What makes the nodes under test, as package.module:factory. Left out: the reference node."
    )

    @classmethod
    def not_together(cls, keys: Mapping[str, object]) -> Iterator[Mistake]:
        if "spread" in keys and "spread_over" in keys:
            yield Mistake("spread and spread_over", "only one of them", key="spread_over")
        if "clone_of" in keys and "count" in keys:
            yield Mistake("clone_of and count", "only one of them: a machine is copied one at a time", key="clone_of")
        if "clone_of" in keys and ("spread" in keys or "spread_over" in keys):
            yield Mistake(
                "clone_of and a spread", "only one of them: a machine is copied one at a time", key="clone_of"
            )
        if "clone_of" in keys and "register" in keys:
            yield Mistake("clone_of and register", "only one of them: node.clone gives it its state", key="register")

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
        names = frame_of(info).names
        if self.clone_of is not None and names is not None:
            originals = [name for name in names if name not in frame_of(info).clones]
            if self.clone_of not in originals:
                raise Mistake(shown(self.clone_of), one_of(originals, self.clone_of), key="clone_of")
        return self

    def nodes(self) -> tuple[NodeSetup, ...]:
        """Return the nodes, in order."""
        return fleet(
            self.name,
            address=self.address,
            application=self.application,
            count=self.count,
            register_us=None if self.clone_of else self.register_,
            spread_us=self.spread or 0,
            spread_over_us=self.spread_over,
            cluster=self.cluster,
            domain=self.domain,
            port=self.port,
            version=self.version,
            by_name=self.by_name,
            clone_of=self.clone_of,
            zone=self.zone,
        )


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
    server: ServerTable = Field(default_factory=ServerTable, description="The server's machine.")
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
