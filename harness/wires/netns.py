"""The wire ``netns``: the server program in a kernel host of its own, and every node's address on another one.

Each host is a network namespace; a router between them has a real route to each, and an nftables ruleset: sets of
addresses whose packets are lost or refused on their way, and a map of addresses that are translated. A request is a new
TLS connection from a socket of the host that has the node's address, so what the server sees as its source is what the
kernel makes of it. Nothing leads out of these namespaces.

The world decides what becomes of a packet, by its own chance and at its own instants, and the kernel does it: what the
network loses or refuses is dropped or rejected by the router, whose counters have to show it; one whose source the
world translates goes through that translation; and the connection of a request that takes longer than others begins
when it is sent, and its first packet waits in a queue of the router until the request arrives.

The names of the namespaces carry the number of the process that made them. It removes them in the end, and those of
processes that are gone before it makes its own.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import select
import socket
import ssl
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from pyroute2 import IPRoute, netns

from harness.network import Way
from harness.wires.process import ProcessWire, ProgramError
from harness.wires.wire import ServerFactory
from reference_server.licence import Licence
from reference_server.protocol import Request, encode_request, format_address
from reference_server.readings import Reading

if TYPE_CHECKING:
    from harness.wires.holding import Queue

__all__ = ["GATEWAY", "MASQUERADED", "PREFIX", "SERVER", "Netns", "remove_leftovers"]

#: How the names of all namespaces of this harness begin.
PREFIX = "fdl-harness-"
#: The address of the server, that of the router on the server's side, and that of the router for everybody else.
SERVER, MASQUERADED, GATEWAY = "198.18.0.1", "198.18.0.2", "198.18.0.3"
_PORT = 8081
#: How long the kernel may take for what it does at once, in seconds.
_PATIENCE_SECONDS = 30.0
#: What the router does with the packets from or to an address, each the name of a set and of a counter.
_LOST, _REJECTED, _DEAF = "lost", "rejected", "deaf"
_RULES = """
table ip harness {
  set lost { type ipv4_addr; }
  set rejected { type ipv4_addr; }
  set deaf { type ipv4_addr; }
  set masqueraded { type ipv4_addr; }
  map translated { type ipv4_addr : ipv4_addr; }
  counter lost { }
  counter rejected { }
  counter deaf { }
  chain forward {
    type filter hook forward priority 0; policy accept;
    ip saddr @lost counter name lost drop
    ip saddr @rejected counter name rejected reject with tcp reset
    ip daddr @deaf counter name deaf drop
  }
  chain postrouting {
    type nat hook postrouting priority 100; policy accept;
    oifname "server" ip saddr @masqueraded masquerade
    oifname "server" snat to ip saddr map @translated
  }
}
"""
#: The type of service of connections that are to be held, by which the router knows them.
_HELD_TOS = 0x04
#: As often as the kernel can, the first packet of a connection is sent again: a run may take long while it is held.
_SYN_COUNT = 127
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
        self._at_the_server: HTTPConnection | None = None
        self._hosts: set[str] = set()
        self._treated: dict[str, str] = {}
        self._translated: dict[str, str] = {}
        self._queue: Queue | None = None
        #: Connections whose first packet is held, by the body of the request that they are for.
        self._held: dict[bytes, socket.socket] = {}
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
        with _inside(self._server):
            # An answer that is lost is not sent again, so that each counts once.
            Path("/proc/sys/net/ipv4/tcp_synack_retries").write_text("0", encoding="ascii")
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

    def _at_the_router(self, *command: str, said: str = "") -> str:
        """Let a program do something to the router, and return what it prints.

        :param said: what it reads.
        """
        done = subprocess.run(  # noqa: S603 - nobody else has a say in it
            ["nsenter", f"--net=/run/netns/{self._router}", "--", *command],  # noqa: S607
            input=said,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise ProgramError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def _nft(self, commands: str) -> str:
        return self._at_the_router("nft", "-f", "-", said=commands)

    def _treat(self, address: str, how: str | None) -> None:
        """Let the router do that with the packets of an address, or with ``None`` let them pass."""
        before = self._treated.get(address)
        if how == before:
            return
        commands = ""
        if before is not None:
            commands += f"delete element ip harness {self._treated.pop(address)} {{ {address} }}\n"
        if how is not None:
            commands += f"add element ip harness {how} {{ {address} }}\n"
            self._treated[address] = how
        self._nft(commands)

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

    def _disconnect(self) -> None:
        if self._at_the_server is not None:
            self._at_the_server.close()
            self._at_the_server = None

    def _exchange(self, method: str, path: str, body: bytes, source: int | None, own: int | None) -> bytes:
        try:
            if own is None or source is None:
                return _requested(self._kept_at_the_server(), method, path, body)
            # A connection for each request: an older one would be let through by what the router knew when it was made.
            connection = self._secured(self._arriving(own, body, seen=source))
            try:
                return _requested(connection, method, path, body)
            finally:
                connection.close()
        except (OSError, HTTPException) as error:
            said = f"{type(error).__name__}: {error}"
            raise ProgramError(f"the server program cannot be reached: {said}; it said: {self._log()}") from error

    def _kept_at_the_server(self) -> HTTPConnection:
        """Return a connection from the server's own host, which is kept for the next request."""
        kept = self._at_the_server
        if kept is not None and (kept.sock is None or _ready(kept.sock, select.POLLIN, 0)):
            self._disconnect()  # The program closes what nobody uses for a while.
        if self._at_the_server is None:
            self._at_the_server = self._secured(self._started(self._server))
        return self._at_the_server

    def _started(self, host: str, *, held: bool = False) -> socket.socket:
        """Return a connection from a host to the server that has just been started."""
        with _inside(host):
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # The body of a request does not wait until its head is acknowledged.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if held:
            made.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _HELD_TOS)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, _SYN_COUNT)
        made.setblocking(False)
        made.connect_ex((SERVER, _PORT))
        return made

    def _arriving(self, sender: int, body: bytes, *, seen: int | None = None) -> socket.socket:
        """Return the connection of a request that arrives: the one that is held, let through now, or else a new one.

        :param seen: the address that the router translates the sender's into.
        """
        held = self._held.pop(body, None)
        address = format_address(sender) if held is None else str(held.getsockname()[0])
        self._treat(address, None)
        if seen is not None:
            self._translate(address, format_address(seen))
        if held is None:
            return self._started(self._host(address))
        assert self._queue is not None, "somebody holds it"
        self._queue.let_through(held.getsockname())
        return held

    def _secured(self, started: socket.socket) -> HTTPConnection:
        """Return a started connection with TLS, once it has come up."""
        assert self._context is not None, "only a program that has run is asked"
        try:
            failed = _outcome(started)
            if failed:
                raise OSError(failed, os.strerror(failed))
            started.settimeout(_PATIENCE_SECONDS)
            connection = HTTPConnection(SERVER, _PORT)
            connection.sock = self._context.wrap_socket(started, server_hostname=SERVER)
        except BaseException:
            started.close()
            raise
        return connection

    # What the network does with packets.

    def lose(self, address: int, way: Way) -> None:
        """Let the router drop what ``address`` sends, or what is sent to it: here, the first packet of a connection, or
        the server's answer to that.
        """
        knocking = self._treated_packet(address, _LOST if way is Way.UP else _DEAF)
        knocking.close()

    def reject(self, address: int) -> None:
        """Let the router reject a connection of ``address``."""
        with self._treated_packet(address, _REJECTED) as knocking:
            _expect_refusal(knocking, "the router")

    def _treated_packet(self, address: int, how: str) -> socket.socket:
        """Start a connection from ``address`` of which the router does that with a packet, as its counter shows."""
        shown = format_address(address)
        host = self._host(shown)
        self._treat(shown, how)
        before = self._count(how)
        started = self._started(host)
        until = time.monotonic() + _PATIENCE_SECONDS
        while self._count(how) == before:
            if time.monotonic() > until:
                started.close()
                raise ProgramError(f"the router has let a packet of {shown} pass, which should be {how}")
        return started

    def _count(self, how: str) -> int:
        """Return with how many packets the router has done that."""
        found = re.search(r"packets (\d+)", self._nft(f"list counter ip harness {how}\n"))
        assert found is not None, "nft lists the counter"
        return int(found[1])

    def hold(self, address: int, request: Request | bytes) -> None:
        """Start the connection of a request; its first packet waits in the router's queue until the request arrives."""
        body = _body(request)
        if body in self._held:
            return  # A node that was put back may say the same twice.
        queue = self._queue_of_the_router()
        shown = format_address(address)
        self._treat(shown, None)
        started = self._held[body] = self._started(self._host(shown), held=True)
        if not queue.has(started.getsockname(), _PATIENCE_SECONDS):
            raise ProgramError(f"what {shown} sent is not in the router's queue")

    def _queue_of_the_router(self) -> Queue:
        if self._queue is None:
            # Only who holds something needs the library.
            from harness.wires.holding import QUEUE, Queue

            with _inside(self._router):
                self._queue = Queue()
            # Not every kernel's nftables can do that itself.
            known = ("--protocol", "tcp", "--syn", "--match", "tos", "--tos", f"{_HELD_TOS:#x}/{_HELD_TOS:#x}")
            rule = ("--append", "FORWARD", *known, "--jump", "NFQUEUE", "--queue-num", str(QUEUE))
            self._at_the_router("iptables", "--wait", *rule)
        return self._queue

    def refuse(self, address: int, request: Request | bytes) -> None:
        """Let a connection go up to the port of a program that does not run, which the kernel has to refuse."""
        with self._arriving(address, _body(request)) as knocking:
            _expect_refusal(knocking, "a port on which nobody listens")

    def close(self) -> None:
        """Kill the program, and remove the hosts."""
        try:
            super().close()
        finally:
            self._remove()

    def _remove(self) -> None:
        while self._held:
            self._held.popitem()[1].close()
        if self._queue is not None:
            self._queue.close()
            self._queue = None
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


def _body(request: Request | bytes) -> bytes:
    return request if isinstance(request, bytes) else encode_request(request)


def _requested(connection: HTTPConnection, method: str, path: str, body: bytes) -> bytes:
    """Return the body of the response to a request."""
    connection.request(method, path, body, {"content-type": "application/json"})
    return connection.getresponse().read()


def _ready(connection: socket.socket, event: int, patience_seconds: float) -> bool:
    """Wait until a connection can be read or written, and tell whether it can."""
    waiting = select.poll()
    waiting.register(connection, event)
    return bool(waiting.poll(patience_seconds * 1000))


def _outcome(started: socket.socket) -> int:
    """Wait for what becomes of a connection, and return its error, 0 if it has come up."""
    if not _ready(started, select.POLLOUT, _PATIENCE_SECONDS):
        return errno.ETIMEDOUT
    return started.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _expect_refusal(started: socket.socket, who: str) -> None:
    if _outcome(started) != errno.ECONNREFUSED:
        raise ProgramError(f"{who} did not refuse a connection")
