"""The rule book's own statement of how a node validates a grant (R006, "Function Description")."""

from __future__ import annotations

from harness.rulebook.history import History
from harness.trace import NEVER, Exchange, Spoilt
from reference_server.protocol import SIMULATED_KEY, Code, Grant, Kind, Release, is_signed

__all__ = ["validation"]


def validation(history: History, exchange: Exchange) -> Code | None:
    """Return why a node had to find the grant or release that reached it bad, ``None`` if it had to accept it."""
    trace, setup = history.trace, history.scenario.nodes[exchange.node]
    if exchange.spoilt in (Spoilt.FOREIGN, Spoilt.FORGED):
        return Code.INCORRECT_LICENSE_FORMAT
    if exchange.kind == Kind.UNBIND:
        release = Release(
            number=exchange.number,
            installation=setup.installation,
            server_time_us=exchange.server_time_us,
            signature=trace.signatures[exchange.signature],
        )
        return None if is_signed(release, SIMULATED_KEY) else Code.INCORRECT_LICENSE_FORMAT
    if exchange.content == NEVER:
        return Code.INCORRECT_LICENSE_FORMAT
    capacity, details = trace.contents[exchange.content]
    grant = Grant(
        number=exchange.number,
        installation=setup.installation,
        server_time_us=exchange.server_time_us,
        capacity=capacity,
        details=details,
        signature=trace.signatures[exchange.signature],
    )
    if not is_signed(grant, SIMULATED_KEY):
        return Code.INCORRECT_LICENSE_FORMAT
    waited_us = history.clocks.boot_us(setup.name, exchange.delivered_us) - exchange.sent_boot_us
    if details.expires_us is not None and exchange.server_time_us + waited_us >= details.expires_us:
        return Code.LICENSE_EXPIRED
    if details.access_domains and setup.domain not in details.access_domains:
        return Code.LICENSE_DOMAIN_ERROR
    if details.application_names and setup.application not in details.application_names:
        return Code.LICENSE_APPNAME_ERROR
    if details.access_ports and setup.port not in details.access_ports:
        return Code.INCORRECT_LICENSE_FORMAT
    return None if "FineDataLink" in details.function_points else Code.INCORRECT_LICENSE_FORMAT
