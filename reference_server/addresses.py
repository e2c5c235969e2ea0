"""IPv4 addresses: integers inside, dotted quads outside; and the lists of ranges that an application has."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

__all__ = ["format_address", "format_range", "parse_address", "parse_ranges", "read_address"]


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
            raise ValueError(f"{text!r:.80} is not an IPv4 address such as 192.168.100.25") from None
        address = int(mapped)
    if address < 1 << 24:
        raise ValueError(f"{text!r:.80} is below 1.0.0.0, the first address that can be licensed")
    return address


def format_address(address: int) -> str:
    """Return the integer ``address`` as a dotted quad."""
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


def format_range(first: int, last: int) -> str:
    """Return a range as an application writes it: one address, or both ends with a dash (R063)."""
    return format_address(first) if first == last else f"{format_address(first)} - {format_address(last)}"


def read_address(text: str) -> tuple[int, str]:
    """Return the address that a person wrote as an integer, or 0 and what is wrong with it (R065, Q43)."""
    if "/" in text:
        return 0, "a CIDR block"
    if ":" in text:
        return 0, "IPv6"
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9}){3}", text):
        return 0, "no IPv4 address"
    parts = text.split(".")
    if any(len(part) > 1 and part.startswith("0") for part in parts):
        return 0, "a leading zero"
    if any(int(part) > 255 for part in parts):
        return 0, "a part above 255"
    if parts[0] == "0":
        return 0, "below 1.0.0.0"
    return int.from_bytes(map(int, parts)), ""


def parse_ranges(text: str) -> tuple[tuple[tuple[int, int], ...], list[tuple[str, str]]]:
    """Return the (first, last) pairs of a list of addresses and ranges, and what is wrong with which entry (R063, Q43).

    Entries are separated by commas or lines; each is an address, or a range of two with a dash.
    """
    pairs: list[tuple[int, int]] = []
    troubles: list[tuple[str, str]] = []
    for entry in filter(None, map(str.strip, re.split("[,\n]", text))):
        ends = [read_address(end.strip()) for end in entry.split("-")]
        trouble = next((trouble for _, trouble in ends if trouble), "")
        first, last = ends[0][0], ends[-1][0]
        if not trouble and len(ends) > 2:
            trouble = "more than two ends"
        elif not trouble and first > last:
            trouble = "reversed"
        if trouble:
            troubles.append((entry, trouble))
        else:
            pairs.append((first, last))
    return tuple(pairs), troubles
