"""The licence that an authorization server holds, as a value.

What was applied for and issued: the capacity, the address ranges, the application names and so on. A new
licence file is a new value. The key signs the answers; in this simulated format it is no secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo

from reference_server.protocol import SIMULATED_KEY, Details

__all__ = ["Licence", "expiry_us"]


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


def expiry_us(last_day: date, where: tzinfo) -> int:
    """Return the first wall-clock instant (us since the Unix epoch) after ``last_day`` in ``where`` (Q11)."""
    following = last_day + timedelta(days=1)
    # Where midnight is skipped, the offset from before the gap makes this the first instant of the new day.
    midnight = datetime(following.year, following.month, following.day, tzinfo=where)
    return (midnight - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
