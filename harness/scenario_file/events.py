"""The events of a scenario file: the keys of each verb, what they mean and what may stand there.

What an event does is told in ``docs/write.md``; the docstrings and descriptions below are what an editor shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)

from harness.durations import format_duration
from harness.problems import Mistake, one_of, shown
from harness.scenario import Direction
from harness.scenario_file import values
from harness.scenario_file.keys import (
    Address,
    DriftPercent,
    Duration,
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
    SlewRate,
    Status,
    Step,
    Text,
    WallInstant,
    Zone,
    frame_of,
)
from harness.scenario_file.table import Table
from reference_server.protocol import ProtocolError, decode_request

__all__ = ["EVENTS", "EventTable", "Events", "UnknownEvent"]


class EventTable(Table):
    """Something that happens."""

    at: Instant = Field(description="When: a duration from the start, or an offset date-time.")


_LASTS = Field(None, description="How long it lasts. Left out: until undone.")
_ONLY = Field(None, description="Only those of the nodes that have this status when it happens.")
_NODE = Field(description="The name of a node, or a pattern with * and ?.")
_HOST = Field(description='The host whose clock it is: "server", or the name or pattern of a node.')
_DO = Field(description="What happens.")


class ServerFault(EventTable):
    """The server stops (ended in order), crashes, is suspended, or hangs."""

    model_config = ConfigDict(title="server fault")

    do: Literal["server.stop", "server.crash", "server.suspend", "server.hang"] = _DO
    lasts: Lasting | None = _LASTS


class ServerReboot(EventTable):
    """The server's machine is rebooted, or loses its power: then what its program wrote and did not sync is gone."""

    model_config = ConfigDict(title="server reboot")

    do: Literal["server.reboot", "server.power_loss"] = _DO
    lasts: Lasting | None = Field(
        None, description="When the program runs again that starts with the machine. Left out: when it is started."
    )

    @field_validator("lasts")
    @classmethod
    def _starts(cls, lasts: int | None, info: ValidationInfo) -> int | None:
        if lasts is not None and not frame_of(info).autostart:
            raise Mistake(
                "an end, though nothing starts the program", "autostart = true in [server], or a server.start"
            )
        return lasts


class ServerLogout(EventTable):
    """The session ends in which the program was started, and with it a program that was not started with nohup."""

    model_config = ConfigDict(title="server logout")

    do: Literal["server.logout"] = _DO


class ServerCrashAt(EventTable):
    """The server crashes at its next request, at the worst moments of it."""

    model_config = ConfigDict(title="server crash at a moment")

    do: Literal["server.crash_at"] = _DO
    moment: Literal["received", "stored", "answered"] = Field(
        "stored", description="Before anything of it is stored, after that but before the answer, or just after that."
    )


class ServerSlow(EventTable):
    """The server's answers leave it later."""

    model_config = ConfigDict(title="server slow")

    do: Literal["server.slow"] = _DO
    by: Lasting = Field(description="How much later.")
    lasts: Lasting | None = _LASTS


class ServerMove(EventTable):
    """The server's machine gets another address."""

    model_config = ConfigDict(title="server move")

    do: Literal["server.move"] = _DO
    address: Address = Field(description="The new address.")


def _earlier(to: int, info: ValidationInfo) -> int:
    at = info.data.get("at")
    if at is not None and to > at:
        raise Mistake(f"{format_duration(to)}, after the event itself", "an instant up to that of the event")
    return to


Earlier = Annotated[Instant, AfterValidator(_earlier)]
_TO = Field(description="The instant whose state comes back, as it was before anything happened at it.")


class ServerClone(EventTable):
    """The server's machine, with everything on it, is copied to another, whose program starts."""

    model_config = ConfigDict(title="server clone")

    do: Literal["server.clone"] = _DO
    address: Address = Field(description="The address of the copy, to which nodes can be pointed.")
    lasts: Lasting | None = Field(None, description="How long the copy runs. Left out: to the end.")


class Rollback(EventTable):
    """A snapshot of the server's disk is put back. The program must be stopped."""

    model_config = ConfigDict(title="server rollback")

    do: Literal["server.rollback"] = _DO
    to: Earlier = _TO


class NodeRollback(EventTable):
    """A snapshot of nodes' disks is put back. Their programs must be stopped."""

    model_config = ConfigDict(title="node rollback")

    do: Literal["node.rollback"] = _DO
    node: Nodes = _NODE
    to: Earlier = _TO


class NodeClone(EventTable):
    """The machine of one node is copied to that of another, whose program then starts."""

    model_config = ConfigDict(title="node clone")

    do: Literal["node.clone"] = _DO
    node: NodeName = Field(description="The node that is the copy; its table has clone_of.")

    @field_validator("node")
    @classmethod
    def _is_a_copy(cls, node: str, info: ValidationInfo) -> str:
        frame = frame_of(info)
        if node not in frame.clones:
            raise Mistake(shown(node), one_of(frame.clones, node) if frame.clones else "a node that has clone_of")
        return node


class MachineFault(EventTable):
    """The server's disk is full, or the hardware of its machine is another one."""

    model_config = ConfigDict(title="machine fault")

    do: Literal["disk.fill", "identity.drift"] = _DO
    lasts: Lasting | None = _LASTS


class MachineRepair(EventTable):
    """There is room on the disk again, or the licensed hardware is back."""

    model_config = ConfigDict(title="machine repair")

    do: Literal["disk.clear", "identity.restore"] = _DO


class ServerAction(EventTable):
    """The server starts, is resumed, is destroyed with -destroy, or is started a second time beside itself."""

    model_config = ConfigDict(title="server action")

    do: Literal["server.start", "server.resume", "server.destroy", "server.second"] = _DO


class NodeFault(EventTable):
    """Nodes stop, crash, are rebooted or are suspended."""

    model_config = ConfigDict(title="node fault")

    do: Literal["node.stop", "node.crash", "node.reboot", "node.suspend"] = _DO
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


_PATHS = Field("*", validate_default=True, description="The nodes whose paths these are. Left out: all.")
_DIRECTION: Direction = Field("both", description="Which packets it concerns.")
_PERCENT = Field(description="How many of a hundred packets it concerns, by chance.")


class PathFault(EventTable):
    """A fault of the paths between nodes and the server."""

    node: Nodes = _PATHS
    direction: Direction = _DIRECTION
    lasts: Lasting | None = _LASTS


class NetworkCut(PathFault):
    """Packets between nodes and the server are lost."""

    model_config = ConfigDict(title="network cut")

    do: Literal["network.cut"] = _DO


class NetworkDelay(PathFault):
    """Packets take longer than the latency, by a constant and a random amount."""

    model_config = ConfigDict(title="network delay")

    do: Literal["network.delay"] = _DO
    by: Duration = Field(0, description="How much longer.", json_schema_extra={"default": "0s"})
    jitter: Duration = Field(0, description="The measure of the random amount.", json_schema_extra={"default": "0s"})
    distribution: Literal["constant", "uniform", "normal", "exponential", "pareto"] = Field(
        "constant", description="How the random amount is distributed."
    )

    @classmethod
    def not_together(cls, keys: Mapping[str, object]) -> Iterator[Mistake]:
        random = keys.get("distribution", "constant") != "constant"
        if "by" not in keys and "jitter" not in keys:
            yield Mistake("neither by nor jitter", "at least one of them")
        elif "jitter" in keys and not random:
            yield Mistake("jitter without a distribution", "a distribution other than constant", key="jitter")
        elif random and "jitter" not in keys:
            yield Mistake("a distribution without jitter", "jitter, the measure of it", key="distribution")


class NetworkLoss(PathFault):
    """Some packets are lost."""

    model_config = ConfigDict(title="network loss")

    do: Literal["network.loss", "network.corrupt"] = _DO
    percent: Percent = _PERCENT


class NetworkLate(PathFault):
    """Some packets are held back or come twice."""

    model_config = ConfigDict(title="network reordering")

    do: Literal["network.reorder", "network.duplicate"] = _DO
    percent: Percent = _PERCENT
    by: Duration = Field(description="How much later they, or their copies, come.")


class Firewall(PathFault):
    """A firewall drops packets without a word, or rejects connections."""

    model_config = ConfigDict(title="firewall")

    do: Literal["firewall.drop", "firewall.reject"] = _DO
    port: Port | None = Field(None, description="The server's port that it is about. Left out: any.")


class NetworkHeal(EventTable):
    """Every fault of these paths and this direction ends, or every rule of a firewall."""

    model_config = ConfigDict(title="network heal")

    do: Literal["network.heal", "firewall.lift"] = _DO
    node: Nodes = _PATHS
    direction: Direction = _DIRECTION


class Nat(EventTable):
    """Source addresses are rewritten on the way to the server."""

    model_config = ConfigDict(title="nat")

    do: Literal["nat.add"] = _DO
    node: Nodes = _PATHS
    kind: Literal["masquerade", "one-to-one", "carrier", "proxy"] = Field(
        "masquerade",
        description="All behind one address, each behind its own, each request behind one of a pool, or a proxy.",
    )
    address: Address = Field(description="The address that the server sees: the first one, if there are several.")
    last_address: Address | None = Field(None, description="The last address of the pool of a carrier.")
    lasts: Lasting | None = _LASTS

    @model_validator(mode="after")
    def _fits(self) -> Nat:
        if self.last_address is not None and self.last_address < self.address:
            raise Mistake("an address before the first one", "the last address of the pool", key="last_address")
        if self.kind == "one-to-one" and self.address + len(self.node) - 1 > values.HIGHEST_ADDRESS:
            found = f"{len(self.node)} addresses from there on"
            raise Mistake(found, "addresses up to 255.255.255.255", key="address")
        return self

    @classmethod
    def not_together(cls, keys: Mapping[str, object]) -> Iterator[Mistake]:
        if "last_address" in keys and keys.get("kind") != "carrier":
            yield Mistake("last_address without a pool", 'last_address only with kind = "carrier"', key="last_address")
        if keys.get("kind") == "carrier" and "last_address" not in keys:
            yield Mistake("a carrier without last_address", "the last address of its pool", key="kind")


class NatRemove(EventTable):
    """Source addresses are rewritten no more."""

    model_config = ConfigDict(title="nat remove")

    do: Literal["nat.remove"] = _DO
    node: Nodes = _PATHS


class NodeUplink(EventTable):
    """Nodes send from another of their addresses, and go on reporting the one that they have always had."""

    model_config = ConfigDict(title="node uplink")

    do: Literal["node.uplink"] = _DO
    node: Nodes = _NODE
    address: Address = Field(description="The address from which their packets come.")
    lasts: Lasting | None = _LASTS


class Forward(EventTable):
    """A box in front of the server forwards connections to it."""

    model_config = ConfigDict(title="forward")

    do: Literal["forward.add"] = _DO
    address: Address = Field(description="The address of the box.")
    hairpin: bool = Field(False, description="Whether it puts its own address in place of the sender's.")
    lasts: Lasting | None = _LASTS


class ForwardRemove(EventTable):
    """Nothing forwards connections to the server any more."""

    model_config = ConfigDict(title="forward remove")

    do: Literal["forward.remove"] = _DO


class NodePoint(EventTable):
    """An administrator changes the Server Address of nodes."""

    model_config = ConfigDict(title="node point")

    do: Literal["node.point"] = _DO
    node: Nodes = _NODE
    address: Address | None = Field(None, description="An address. Left out: the server's name in the DNS.")


class NodeReport(EventTable):
    """Nodes report their address in another form, or another one, or send what is no request."""

    model_config = ConfigDict(title="node report")

    do: Literal["node.report"] = _DO
    node: Nodes = _NODE
    text: Text = Field(description="What they report as their address, be it one or not: IPv6, say.")
    whole: bool = Field(
        False, description="Whether it takes the place of all that they say, not of their address alone."
    )
    lasts: Lasting | None = _LASTS

    @model_validator(mode="after")
    def _is_no_request(self) -> Self:
        if self.whole:
            try:
                decode_request(self.text.encode())
            except ProtocolError:
                return self
            raise Mistake(shown(self.text), "a text that is no request", key="text")
        return self


class DnsChange(EventTable):
    """The DNS answers with another address for the server's name."""

    model_config = ConfigDict(title="dns change")

    do: Literal["dns.change"] = _DO
    address: Address = Field(description="The address, right or wrong.")
    lasts: Lasting | None = _LASTS


class DnsStop(EventTable):
    """The DNS does not answer."""

    model_config = ConfigDict(title="dns stop")

    do: Literal["dns.stop"] = _DO
    lasts: Lasting | None = _LASTS


class DnsStart(EventTable):
    """The DNS answers again."""

    model_config = ConfigDict(title="dns start")

    do: Literal["dns.start"] = _DO


class TlsUse(EventTable):
    """The server presents another certificate."""

    model_config = ConfigDict(title="tls use")

    do: Literal["tls.use"] = _DO
    ca: Text = Field("site", description='The authority that issued it. All nodes trust "site" at first.')
    name: Text | None = Field(None, description="The address or name that it is for. Left out: whichever is asked.")
    valid_from: WallInstant | None = Field(None, description="The first instant at which it is valid.")
    valid_until: WallInstant | None = Field(None, description="The last instant at which it is valid.")
    lasts: Lasting | None = _LASTS

    @model_validator(mode="after")
    def _in_order(self) -> TlsUse:
        if self.valid_from is not None and self.valid_until is not None and self.valid_from > self.valid_until:
            raise Mistake("an end before the beginning", "an instant after valid_from", key="valid_until")
        return self


class TlsTrust(EventTable):
    """Nodes are given the certificate of another authority, which they trust from then on instead."""

    model_config = ConfigDict(title="tls trust")

    do: Literal["tls.trust"] = _DO
    node: Nodes = _PATHS
    ca: Text = Field(description="The authority.")


class AnswerSpoil(EventTable):
    """Answers reach nodes spoilt: no answer at all, an old one, that of another node, or one with a false signature."""

    model_config = ConfigDict(title="answer spoil")

    do: Literal["answer.spoil"] = _DO
    node: Nodes = _PATHS
    how: Literal["garbage", "replay", "foreign", "forged"] = Field(description="What comes in place of the answer.")
    lasts: Lasting | None = _LASTS


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
    percent: DriftPercent | None = Field(None, description="The same in hundredths.")
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


class LicenceChange(EventTable):
    """A new authorization file of the same licence. What is left out is as in the table of the licence."""

    model_config = ConfigDict(title="licence change")

    do: Literal["licence.change"] = _DO
    capacity: Annotated[int, Field(ge=1, le=values.MOST_NODES)] | None = Field(None, description="The new capacity.")
    addresses: Annotated[list[Ranges], Field(min_length=1)] | None = Field(None, description="The new addresses.")
    applications: list[Text] | None = Field(None, description="The new application names.")
    domains: list[HostName] | None = Field(None, description="The new access domains.")
    ports: list[Port] | None = Field(None, description="The new access ports.")
    expires: LastDay | None = Field(None, description="The new last licensed day.")
    zone: Zone | None = Field(
        None,
        description="The time zone in which that day ends. Left out: UTC.",
        json_schema_extra={"default": "UTC"},
    )

    @classmethod
    def not_together(cls, keys: Mapping[str, object]) -> Iterator[Mistake]:
        if not set(keys) - {"at", "do", "zone"}:
            yield Mistake("nothing that changes", "a key of the licence, such as capacity or expires")
        elif "zone" in keys and "expires" not in keys:
            yield Mistake("zone without expires", "the day that ends in that zone", key="zone")


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
    | ServerReboot
    | ServerLogout
    | ServerCrashAt
    | ServerSlow
    | ServerMove
    | ServerClone
    | ServerAction
    | Rollback
    | MachineFault
    | MachineRepair
    | NodeFault
    | NodeAction
    | NodeMove
    | NodeUplink
    | NodePoint
    | NodeReport
    | NodeRollback
    | NodeClone
    | NetworkCut
    | NetworkDelay
    | NetworkLoss
    | NetworkLate
    | NetworkHeal
    | Firewall
    | Nat
    | NatRemove
    | Forward
    | ForwardRemove
    | DnsChange
    | DnsStop
    | DnsStart
    | TlsUse
    | TlsTrust
    | AnswerSpoil
    | ClockStep
    | ClockDrift
    | ClockSlew
    | ClockFreeze
    | ClockThaw
    | LicenceChange
    | LicenceSuspend
    | LicenceResume
)


#: All events of a file, each checked by the table of its verb.
Events = list[Annotated[AnyEvent, Field(discriminator="do")]]

#: The table of each verb.
EVENTS: dict[str, type[EventTable]] = {
    verb: table for table in get_args(AnyEvent) for verb in get_args(table.model_fields["do"].annotation)
}


def _keys_of_all() -> dict[str, Any]:
    """Return the keys that events take, each with what it may hold if all verbs agree on that."""
    kinds: dict[str, list[Any]] = {}
    for table in EVENTS.values():
        for key, field in table.model_fields.items():
            if key not in ("at", "do"):
                # The description is no part of what a value may be, and makes every kind annotated.
                kinds.setdefault(key, []).append(Annotated[field.annotation, "", *field.metadata])
    return {key: (kind[0] if all(each == kind[0] for each in kind) else Any, None) for key, kind in kinds.items()}


#: An event whose verb is wrong: its other keys are checked as far as that goes without it.
UnknownEvent: type[EventTable] = create_model("UnknownEvent", __base__=EventTable, do=(Any, None), **_keys_of_all())
