"""The Server Address: what an administrator enters to say where the authorization server is (R095)."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["REASONS", "ServerAddressError", "server_address"]

_EXPECTED = "expected a Server Address such as https://172.16.63.131:8081"
_NONE = f"found {{found}}, {_EXPECTED}"
_NOT_HTTPS = f"found {{found}}, which does not begin with https://, {_EXPECTED}"
_LACKS = f"found {{found}}, which lacks its host or port, {_EXPECTED}"
_GOES_ON = f"found {{found}}, which goes on after the port, {_EXPECTED}"
#: What can be wrong with one: sentences with a place for what was found.
REASONS = (_NONE, _NOT_HTTPS, _LACKS, _GOES_ON)


class ServerAddressError(ValueError):
    """A text is no Server Address. ``reason`` is one of `REASONS`, and ``found`` what stands in its place."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        self.found = repr(text)
        super().__init__(reason.format(found=self.found))


def server_address(text: str) -> tuple[str, int]:
    """Return host and port of a Server Address such as ``https://172.16.63.131:8081`` (R095).

    :raises ServerAddressError: if it is none; the message says what is expected.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ServerAddressError(_NONE, text) from None
    if parts.scheme != "https":
        raise ServerAddressError(_NOT_HTTPS, text)
    if not host or port is None or port == 0:
        raise ServerAddressError(_LACKS, text)
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise ServerAddressError(_GOES_ON, text)
    return host, port
