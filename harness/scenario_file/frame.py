"""What the meaning of a scenario file's keys depends on, read before the rest and as far as it can be.

An instant has to lie within the run, a pattern has to match a node. So the start, the duration and the names
and addresses of the nodes are read first, from a file that may still be wrong in any way: what cannot be read
is unknown, and then nothing is compared with it. The mistakes themselves are named later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from fake_fdl_nodes.fleet import fleet
from harness.problems import Complaint, Mistake, shown
from harness.scenario_file import values
from reference_server.protocol import format_address

__all__ = ["Frame"]

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Frame:
    """What other keys depend on; ``None`` for what a mistake leaves unknown.

    ``fleets`` has the names and the first address of each ``[[nodes]]``, ``names`` those of all nodes, ``addresses``
    the address of each, ``clones`` the original of each copy. ``autostart`` and ``nohup`` are those of the server.
    """

    start_us: int | None
    duration_us: int | None
    fleets: tuple[tuple[tuple[str, ...] | None, int | None], ...]
    names: tuple[str, ...] | None
    addresses: dict[str, int]
    clones: dict[str, str]
    autostart: bool
    nohup: bool

    @classmethod
    def of(cls, data: dict[str, Any]) -> Frame:
        """Return the frame of a file's content."""
        nodes = data.get("nodes")
        tables = [each if isinstance(each, dict) else {} for each in nodes] if isinstance(nodes, list) else []
        fleets = tuple((_if_right(_names, table), _if_right(values.address, table.get("address"))) for table in tables)
        names: tuple[str, ...] | None = () if fleets else None
        for own, _ in fleets:
            names = None if names is None or own is None else names + own
        if names is not None and len(set(names)) < len(names):
            names = None  # Which of them is meant is unknown.
        server = data.get("server")
        machine = server if isinstance(server, dict) else {}
        return cls(
            start_us=_if_right(values.start, data.get("start")),
            duration_us=_if_right(values.lasting, data.get("duration")),
            fleets=fleets,
            names=names,
            addresses={
                name: first + k
                for own, first in fleets
                if own is not None and first is not None
                for k, name in enumerate(own)
            },
            clones=_clones(tables),
            autostart=machine.get("autostart", False) is True,
            nohup=machine.get("nohup", True) is not False,
        )

    def shared(self) -> Iterator[Complaint]:
        """Yield what two nodes share and may not: a name, an address."""
        name_owners: dict[str, int] = {}
        address_owners: dict[int, str] = {}
        for index, (names, first) in enumerate(self.fleets):
            loc = ("nodes", index)
            taken = [name for name in names or () if name in name_owners]
            if taken:
                expected = f"a name of its own (nodes[{name_owners[taken[0]]}] has it too)"
                yield Complaint((*loc, "name"), Mistake(f"a second {shown(taken[0])}", expected))
            name_owners |= dict.fromkeys(names or (), index)
            if first is None:
                continue
            addresses = {first + k: name for k, name in enumerate(names or ("another node",))}
            clash = next((address for address in addresses if address in address_owners), None)
            if clash is not None:
                found = f"{format_address(clash)} for {addresses[clash]}"
                expected = f"an address of its own ({address_owners[clash]} has it)"
                yield Complaint((*loc, "address"), Mistake(found, expected))
            address_owners = addresses | address_owners


def _clones(tables: list[dict[str, Any]]) -> dict[str, str]:
    """Return the original of each node that is a copy."""
    pairs = ((table.get("name"), table.get("clone_of")) for table in tables)
    return {name: original for name, original in pairs if isinstance(name, str) and isinstance(original, str)}


def _if_right(check: Callable[[Any], Read], value: Any) -> Read | None:
    try:
        return check(value)
    except Mistake:
        return None


def _names(table: dict[str, Any]) -> tuple[str, ...]:
    count = values.count(table["count"]) if "count" in table else None
    nodes = fleet(values.node_name(table.get("name")), address=0, application="", count=count)
    return tuple(node.name for node in nodes)
