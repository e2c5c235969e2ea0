"""The licence that an authorization server holds, as a value.

What was applied for and issued: the capacity, the address ranges, the application names and so on. A new
licence file is a new value. The key signs the answers; in this simulated format it is no secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reference_server.protocol import Details

__all__ = ["SIMULATED_KEY", "Licence"]

#: Signs and verifies every answer of the simulation. It is public on purpose: nothing real trusts it.
SIMULATED_KEY = b"fdl-harness simulated key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """What the issuer granted.

    ``ranges`` are (first, last) pairs of IPv4 integers, ends included. An empty ``applications``, ``domains``
    or ``ports`` means any (R067, Q16, Q39). ``expires_us`` is the first wall-clock instant (microseconds
    since the Unix epoch) after the licensed days, ``None`` for never. ``suspended`` is set by the issuer.
    """

    capacity: int
    ranges: tuple[tuple[int, int], ...]
    applications: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    function_points: tuple[str, ...] = ("FineDataLink",)
    version: str = "FineDataLink"
    expires_us: int | None = None
    suspended: bool = False
    key: bytes = SIMULATED_KEY
    #: The five items that every grant of this licence hands over (R005).
    details: Details = field(init=False)

    def __post_init__(self) -> None:
        details = Details(
            function_points=self.function_points,
            access_domains=self.domains,
            access_ports=self.ports,
            application_names=self.applications,
            expires_us=self.expires_us,
        )
        object.__setattr__(self, "details", details)

    def allows_address(self, address: int) -> bool:
        """Tell whether ``address`` lies in a licensed range, ends included (R023)."""
        return any(first <= address <= last for first, last in self.ranges)
