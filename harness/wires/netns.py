"""The wire ``netns``: the server program in a kernel host of its own, and every node's address on another one.

Each host is a network namespace; a router between them has a real route to each, and an nftables ruleset: a set of
addresses from which everything is dropped, and a map of addresses that are translated on the way. A request is a new
TLS connection from a socket of the host that has the node's address, so what the server sees as its source is what the
kernel makes of it. Nothing leads out of these namespaces.

The world decides what becomes of a packet, and the kernel does it: a request that the network loses is dropped by the
router, and its counter has to show it; one whose source the world translates goes through that translation.

The names of the namespaces carry the number of the process that made them. It removes them in the end, and those of
processes that are gone before it makes its own.
"""

from __future__ import annotations

import itertools
import os
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpcore
from pyroute2 import IPRoute, netns

from harness.wires.process import ProcessWire, ProgramError
from harness.wires.wire import ServerFactory
from reference_server.licence import Licence
from reference_server.protocol import format_address
from reference_server.readings import Reading

__all__ = ["GATEWAY", "MASQUERADED", "PREFIX", "SERVER", "Netns", "remove_leftovers"]

#: How the names of all namespaces of this harness begin.
PREFIX = "fdl-harness-"
#: The address of the server, that of the router on the server's side, and that of the router for everybody else.
SERVER, MASQUERADED, GATEWAY = "198.18.0.1", "198.18.0.2", "198.18.0.3"
_PORT = 8081
#: How long the kernel may take for what it does at once, in seconds.
_PATIENCE_SECONDS = 10.0
_RULES = """
table ip harness {
  set dropped { type ipv4_addr; }
  set masqueraded { type ipv4_addr; }
  map translated { type ipv4_addr : ipv4_addr; }
  counter lost { }
  chain forward {
    type filter hook forward priority 0; policy accept;
    ip saddr @dropped counter name lost drop
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    oifname "server" ip saddr @masqueraded masquerade
    oifname "server" snat to ip saddr map @translated
  }
}
"""
_serial = itertools.count(1)


def remove_leftovers() -> list[str]:
    """Remove the namespaces of processes that are gone, and return their names."""
    removed = []
    for name in sorted(netns.listnetns()):
        found = re.fullmatch(rf"{PREFIX}(\d+)-.*", name)
        if found is not None and not Path(f"/proc/{found[1]}").exists():
            netns.remove(name)
            removed.append(name)
    return removed


class Netns(ProcessWire):
    """A server program on a kernel host, reached from others."""

    def __init__(self, server: ServerFactory, licence: Licence, reading: Reading) -> None:
        remove_leftovers()
        self._name = f"{PREFIX}{os.getpid()}-{next(_serial)}-"
        self._made: list[str] = []
        self._context: ssl.SSLContext | None = None
        self._at_the_server: httpcore.ConnectionPool | None = None
        self._hosts: set[str] = set()
        self._dropped: set[str] = set()
        self._translated: dict[str, str] = {}
        try:
            self._server, self._router = self._namespace("server"), self._namespace("router")
            self._lay_out()
            super().__init__(licence, bind=SERVER, before=["nsenter", f"--net=/run/netns/{self._server}", "--"])
        except BaseException:
            self._remove()
            raise

    # Hosts and the router between them.

    def _namespace(self, name: str) -> str:
        full = f"{self._name}{name}"
        netns.create(full)
        self._made.append(full)
        with IPRoute(netns=full) as kernel:
            kernel.link("set", index=1, state="up")  # its own loopback
        return full

    def _lay_out(self) -> None:
        with _inside(self._router):
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
        with IPRoute(netns=self._router) as router:
            router.addr("add", index=1, address=GATEWAY, prefixlen=32)
        self._plug_in(self._server, "server", SERVER)
        with IPRoute(netns=self._router) as router:
            router.addr("add", index=router.link_lookup(ifname="server")[0], address=MASQUERADED, prefixlen=32)
        self._nft(_RULES)

    def _plug_in(self, host: str, interface: str, address: str) -> None:
        """Connect a host to an interface of the router, and give it its one address."""
        with IPRoute(netns=self._router) as router:
            router.link("add", ifname=interface, kind="veth", peer={"ifname": "eth0", "net_ns_fd": host})
            index = router.link_lookup(ifname=interface)[0]
            router.link("set", index=index, state="up")
            router.route("add", dst=f"{address}/32", oif=index)
        with IPRoute(netns=host) as kernel:
            index = kernel.link_lookup(ifname="eth0")[0]
            kernel.link("set", index=index, state="up")
            kernel.addr("add", index=index, address=address, prefixlen=32)
            kernel.route("add", dst=f"{GATEWAY}/32", oif=index, scope=253)  # on the link
            kernel.route("add", dst="default", gateway=GATEWAY, oif=index)

    def _host(self, address: str) -> str:
        """Return the host that has an address, which is made when it is first needed."""
        name = f"{self._name}{address}"
        if address not in self._hosts:
            self._namespace(address)
            self._plug_in(name, f"n{len(self._hosts)}", address)
            self._hosts.add(address)
        return name

    def _nft(self, commands: str) -> str:
        """Let the router's nftables do something, and return what it prints."""
        done = subprocess.run(  # noqa: S603 - nobody else has a say in it
            ["nsenter", f"--net=/run/netns/{self._router}", "--", "nft", "-f", "-"],  # noqa: S607
            input=commands,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise ProgramError(f"nft ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def _drop(self, address: str, dropped: bool) -> None:
        """Let the router drop what comes from an address, or let it pass again."""
        if dropped != (address in self._dropped):
            self._nft(f"{'add' if dropped else 'delete'} element ip harness dropped {{ {address} }}\n")
            self._dropped ^= {address}

    def _translate(self, address: str, seen: str) -> None:
        """Let the router translate an address into ``seen``, if that is another one."""
        before = self._translated.get(address, address)
        if seen == before:
            return
        commands = ""
        if before != address:
            commands += f"delete element ip harness translated {{ {address} : {before} }}\n"
        if seen != address:
            commands += f"add element ip harness translated {{ {address} : {seen} }}\n"
        self._nft(commands)
        self._translated[address] = seen

    def masquerade(self, addresses: Iterable[int]) -> None:
        """Let what comes from ``addresses``, and from nobody else, look as if the router itself had sent it."""
        elements = ", ".join(format_address(address) for address in addresses)
        commands = "flush set ip harness masqueraded\n"
        self._nft(commands + (f"add element ip harness masqueraded {{ {elements} }}\n" if elements else ""))

    # Requests.

    def _free_port(self) -> int:
        # Nobody else listens on this host, unless a second program is started beside the first.
        return _PORT if self._process is None else _PORT + 1

    def _connect(self) -> None:
        if self._context is None:
            self._context = ssl.create_default_context(cafile=str(self.ca))
        self._at_the_server = self._pool(self._server, kept=1)

    def _disconnect(self) -> None:
        if self._at_the_server is not None:
            self._at_the_server.close()
            self._at_the_server = None

    def _pool(self, host: str, *, kept: int) -> httpcore.ConnectionPool:
        """Return connections from a host, of which so many are kept for the next request."""
        return httpcore.ConnectionPool(
            ssl_context=self._context, network_backend=_Inside(host), max_keepalive_connections=kept
        )

    def _exchange(self, method: str, path: str, body: bytes, source: int | None, own: int | None) -> bytes:
        if own is None or source is None:
            assert self._at_the_server is not None, "only a program that runs is asked"
            return self._request(self._at_the_server, method, path, body)
        address = format_address(own)
        host = self._host(address)
        self._translate(address, format_address(source))
        self._drop(address, False)
        # A connection for each request: an older one would be let through by what the router knew when it was made.
        with self._pool(host, kept=0) as pool:
            return self._request(pool, method, path, body)

    def _request(self, pool: httpcore.ConnectionPool, method: str, path: str, body: bytes) -> bytes:
        try:
            response = pool.request(
                method,
                f"https://{SERVER}:{self.port}{path}",
                headers={"content-type": "application/json"},
                content=body,
                extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), 30.0)},
            )
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            said = f"{type(error).__name__}: {error}"
            raise ProgramError(f"the server program cannot be reached: {said}; it said: {self._log()}") from error
        return response.content

    def lose(self, address: int) -> None:
        """Let the router drop the first packet of a connection from ``address``, which its counter has to show."""
        shown = format_address(address)
        host = self._host(shown)
        self._drop(shown, True)
        before = self._lost()
        with _inside(host):
            knocking = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        with knocking:
            knocking.setblocking(False)
            knocking.connect_ex((SERVER, _PORT))
            until = time.monotonic() + _PATIENCE_SECONDS
            while self._lost() == before:
                if time.monotonic() > until:
                    raise ProgramError(f"what {shown} sent into a cut was not dropped")

    def _lost(self) -> int:
        """Return how many packets the router has dropped."""
        found = re.search(r"packets (\d+)", self._nft("list counter ip harness lost\n"))
        assert found is not None, "nft lists the counter"
        return int(found[1])

    def refuse(self, address: int) -> None:
        """Connect to the port of a program that does not run, which the kernel has to refuse."""
        shown = format_address(address)
        host = self._host(shown)
        self._drop(shown, False)
        with _inside(host):
            knocking = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        with knocking:
            knocking.settimeout(_PATIENCE_SECONDS)
            try:
                knocking.connect((SERVER, _PORT))
            except ConnectionRefusedError:
                return
        raise ProgramError("a port on which nobody listens did not refuse a connection")

    def close(self) -> None:
        """Kill the program, and remove the hosts."""
        try:
            super().close()
        finally:
            self._remove()

    def _remove(self) -> None:
        while self._made:
            netns.remove(self._made.pop())


@contextmanager
def _inside(namespace: str) -> Iterator[None]:
    """Let this thread be inside a namespace; what socket it makes there stays there."""
    netns.pushns(namespace)
    try:
        yield
    finally:
        netns.popns()


class _Inside(httpcore.NetworkBackend):
    """Connections from a host."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect from inside the namespace."""
        with _inside(self._host):
            return self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
