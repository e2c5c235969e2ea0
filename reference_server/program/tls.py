"""The certificate of a server program (R095, Q49).

At its first start a program makes a certificate authority of its own with trustme, and a certificate for every name and
address by which its machine is reached. Whoever wants their own certificate puts a file with key and chain in place of
``server.pem`` and removes the authority's key; then nothing is made.
"""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import ssl
import struct
from pathlib import Path

import trustme
from cryptography import x509

from reference_server.files import write_whole

__all__ = ["certificate", "local_addresses"]

_SIOCGIFADDR = 0x8915


def local_addresses() -> list[str]:
    """Return the IPv4 addresses of this machine, loopback last."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue  # An interface without an IPv4 address.
            found.append(socket.inet_ntoa(answer[20:24]))
    return sorted(set(found), key=lambda address: (ipaddress.ip_address(address).is_loopback, address))


def certificate(folder: Path, names: list[str]) -> tuple[ssl.SSLContext, Path | None]:
    """Return the context to serve with, and the certificate of the authority that nodes need, if it was made here.

    :param folder: where the files are or will be.
    :param names: the host names and addresses that the certificate is for.
    :raises OSError: if a file cannot be read or written.
    :raises ValueError: if there is one that is no key and chain (``ssl.SSLError`` is an ``OSError``).
    """
    folder.mkdir(parents=True, exist_ok=True)
    authority, key, served = folder / "ca.pem", folder / "ca.key", folder / "server.pem"
    made_here = key.exists() or not served.exists()
    if made_here and (not served.exists() or not _covers(served, names)):
        if key.exists():
            ca = trustme.CA.from_pem(authority.read_bytes(), key.read_bytes())
        else:
            ca = trustme.CA(organization_name="fdl-harness simulated authorization server")
            write_whole(authority, ca.cert_pem.bytes())
            write_whole(key, ca.private_key_pem.bytes(), mode=0o600)
        issued = ca.issue_cert(*names)
        write_whole(served, issued.private_key_and_cert_chain_pem.bytes(), mode=0o600)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(served)
    return context, authority if made_here else None


def _covers(path: Path, names: list[str]) -> bool:
    """Tell whether the certificate in a file is for all of ``names``."""
    try:
        loaded = x509.load_pem_x509_certificates(path.read_bytes())[0]
        alternatives = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, IndexError, x509.ExtensionNotFound):
        return False
    known = {str(name.value) for name in alternatives}
    return known.issuperset(names)
