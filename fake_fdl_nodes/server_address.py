"""The Server Address: what an administrator enters to say where the authorization server is (R095)."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["server_address"]


def server_address(text: str) -> tuple[str, int]:
    """Return host and port of a Server Address such as ``https://172.16.63.131:8081`` (R095).

    :raises ValueError: if it is none; the message says what is expected.
    """
    expected = "a Server Address such as https://172.16.63.131:8081"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"found {text!r}, expected {expected}") from None
    if parts.scheme != "https":
        raise ValueError(f"found {text!r}, which does not begin with https://, expected {expected}")
    if not host or port is None or port == 0:
        raise ValueError(f"found {text!r}, which lacks its host or port, expected {expected}")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"found {text!r}, which goes on after the port, expected {expected}")
    return host, port
