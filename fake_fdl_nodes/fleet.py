"""A fleet from a few lines: how many nodes, the first address, and when each is registered.

A fleet is a tuple of `NodeSetup` values, one per node, standalone or members of a cluster. Nothing runs
here; `fake_fdl_nodes.node.Node` is what lives.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NodeSetup", "fleet"]

_HIGHEST_ADDRESS = (1 << 32) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSetup:
    """One node as it is installed.

    ``address`` is its IPv4 address as an integer. ``register_us`` is when its administrator registers it,
    in microseconds of true time since the start, ``None`` for never. ``domain`` and ``port`` are the access
    domain and port under which users reach it. ``by_name`` tells that its Server Address is a name of the DNS, and
    ``clone_of`` is the node from whose machine its own is copied. ``zone`` is the time zone in which it shows dates: an
    IANA name, or an offset such as "UTC+08:00".
    """

    name: str
    address: int
    application: str
    register_us: int | None = 0
    cluster: str | None = None
    domain: str | None = None
    port: int | None = None
    version: str = "FineDataLink"
    by_name: bool = False
    clone_of: str | None = None
    zone: str = "UTC"

    @property
    def installation(self) -> str:
        """The installation id, which is what makes two requests the same node (Q42)."""
        return f"installation-of-{self.clone_of or self.name}"


def fleet(
    name: str,
    *,
    address: int,
    application: str,
    count: int | None = None,
    register_us: int | None = 0,
    spread_us: int = 0,
    spread_over_us: int | None = None,
    cluster: str | None = None,
    domain: str | None = None,
    port: int | None = None,
    version: str = "FineDataLink",
    by_name: bool = False,
    clone_of: str | None = None,
    zone: str = "UTC",
) -> tuple[NodeSetup, ...]:
    """Return the nodes of one fleet, in order.

    Without ``count`` there is one node with the plain ``name``; with it the names are ``name-1``,
    ``name-2``, ... (always numbered). The first node has ``address``, each next one the address above. The
    first is registered at ``register_us``, each next one ``spread_us`` later; or, with
    ``spread_over_us``, node *k* of *n* is registered ``spread_over_us * k // n`` later, which spreads the
    poll phases evenly over that stretch.

    :raises ValueError: if ``count`` is below 1 or the addresses run past 255.255.255.255.
    """
    names = [name] if count is None else [f"{name}-{k}" for k in range(1, count + 1)]
    if not names:
        raise ValueError(f"a fleet has at least one node, but the count of {name!r} is {count}")
    if address + len(names) - 1 > _HIGHEST_ADDRESS:
        raise ValueError(f"the addresses of the {len(names)} nodes of {name!r} run past 255.255.255.255")

    def phase_us(k: int) -> int:
        return k * spread_us if spread_over_us is None else spread_over_us * k // len(names)

    return tuple(
        NodeSetup(
            name=each,
            address=address + k,
            application=application,
            register_us=None if register_us is None else register_us + phase_us(k),
            cluster=cluster,
            domain=domain,
            port=port,
            version=version,
            by_name=by_name,
            clone_of=clone_of,
            zone=zone,
        )
        for k, each in enumerate(names)
    )
