"""IPv4 addresses: integers inside, dotted quads outside."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv6Address

__all__ = ["format_address", "parse_address"]


def parse_address(text: str) -> int:
    """Return the IPv4 address ``text`` as an integer. An IPv4-mapped IPv6 address is the IPv4 address.

    :raises ValueError: for leading zeros, 0.x.x.x (below the span of R065), other IPv6 and anything else.
    """
    try:
        address = int(IPv4Address(text))
    except AddressValueError:
        try:
            # A zone names an interface of one machine; it means nothing to the server.
            mapped = None if "%" in text else IPv6Address(text).ipv4_mapped
        except AddressValueError:
            mapped = None
        if mapped is None:
            raise ValueError(f"{text!r} is not an IPv4 address such as 192.168.100.25") from None
        address = int(mapped)
    if address < 1 << 24:
        raise ValueError(f"{text!r} is below 1.0.0.0, the first address that can be licensed")
    return address


def format_address(address: int) -> str:
    """Return the integer ``address`` as a dotted quad."""
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"
