"""The model's idea of whom a node trusts, beside that of the real thing: OpenSSL with certificates made by trustme.

A server on loopback presents a certificate, and a client connects that trusts one authority and asks for one name. It
comes through exactly where the model lets a node come through.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from harness.scenario import Certificate, Verb
from harness.trace import Verdict
from reference_server.protocol import format_address
from tests.harness.stage import event, exchanges, play
from tests.rulebook.hand import HOUR, START

#: The model's node asks for the server's address, at 2 h and 5 ms after the start; the real one for 127.0.0.1, now.
ADDRESS, ASKED_US = format_address(0xAC103F83), START + 2 * HOUR
DAY = timedelta(days=1)


@contextmanager
def served(context: ssl.SSLContext) -> Iterator[int]:
    """Serve one connection on a port of loopback, as far as the handshake."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            # Whether the client trusts it is looked at there.
            with connection, suppress(OSError):
                context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def comes_through(authority: trustme.CA, leaf: trustme.LeafCert) -> bool:
    """Tell whether a client that trusts ``authority`` and asks for 127.0.0.1 accepts the certificate."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    with served(server) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        try:
            client.wrap_socket(connection, server_hostname="127.0.0.1").close()
        except ssl.SSLCertVerificationError:
            return False
    return True


@pytest.mark.parametrize("other", [False, True], ids=["the site's authority", "another"])
@pytest.mark.parametrize("name", [None, "127.0.0.1", "127.0.0.2", "fdl.example.com"])
@pytest.mark.parametrize(("since", "until"), [(-2, 2), (-2, -1), (1, 2)], ids=["valid", "expired", "not yet valid"])
def test_the_real_thing_and_the_model_trust_alike(other: bool, name: str | None, since: int, until: int) -> None:
    now = datetime.now(UTC)
    site, another = trustme.CA(), trustme.CA()
    leaf = (another if other else site).issue_cert(
        name or "127.0.0.1", not_before=now + since * DAY, not_after=now + until * DAY
    )
    presented = Certificate(
        ca="another" if other else "site",
        name=ADDRESS if name == "127.0.0.1" else name,
        from_us=ASKED_US + since * 24 * HOUR,
        until_us=ASKED_US + until * 24 * HOUR,
    )
    poll = exchanges(play(event(HOUR, Verb.TLS_USE, certificate=presented)))[1]
    assert comes_through(site, leaf) == (poll.verdict == Verdict.GRANTED)
