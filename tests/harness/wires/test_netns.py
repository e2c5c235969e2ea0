"""Kernel hosts: real routes, real masquerading, real drops, real delays, and nothing left of them."""

from __future__ import annotations

import gc
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

from harness.chance import happens
from harness.network import Way
from harness.runner import Job, Outcome, run_one
from harness.scenario import Verb
from harness.trace import Verdict
from harness.wires import netns
from harness.wires.process import ProgramError
from reference_server.authority import Authority
from reference_server.protocol import Answer, Grant, Refusal, Register, Request, encode_request, format_address
from reference_server.readings import LITERAL
from tests.harness.stage import a_world, event, exchanges
from tests.harness.wires.test_conformance import FIRST, LICENCE, asked, at, told
from tests.rulebook.hand import HOUR, node

pytestmark = pytest.mark.wire("netns")
FLEET = range(FIRST, FIRST + 2)


@pytest.fixture
def wire() -> Iterator[netns.Netns]:
    made = netns.Netns(Authority, LICENCE, LITERAL)
    made.start(at(0), downtime_us=0)
    yield made
    made.close()


def registered_by(wire: netns.Netns, number: int) -> list[Answer | None]:
    """Let each host of the fleet register, from its own address."""
    return [told(wire, asked(Register, f"n{address}", number, address), number * HOUR, address) for address in FLEET]


def test_masquerading_is_refused_and_the_same_fleet_without_it_registers(wire: netns.Netns) -> None:
    wire.masquerade(FLEET)
    behind = registered_by(wire, 1)
    assert [answer.code if isinstance(answer, Refusal) else answer for answer in behind] == [30003, 30003]
    assert f'"source": "{netns.MASQUERADED}"' in (wire.folder / "server.log").read_text()
    wire.masquerade(())
    assert [type(answer) for answer in registered_by(wire, 2)] == [Grant, Grant]


def test_a_world_with_nat_is_translated_by_the_kernel() -> None:
    nodes = (node("a", register_us=0), node("b", address=FIRST + 1, register_us=0))
    nat = event(0, Verb.NAT_ADD, "a", lasts_us=HOUR, address=FIRST + 50)
    world = a_world(nat, event(2 * HOUR, Verb.NODE_REGISTER, "a"), nodes=nodes)
    result = run_one(Job(scenario=world, reading=LITERAL, wire="netns"))
    assert result.skipped is None
    first, second = ([each.verdict for each in exchanges(result.trace, place)] for place in (0, 1))
    assert (first[:2], second[0]) == ([30003, Verdict.GRANTED], Verdict.GRANTED)
    assert result.outcome is Outcome.PASSED


def test_what_goes_into_a_cut_is_dropped_and_later_passes(wire: netns.Netns) -> None:
    wire.lose(FIRST, Way.UP)
    wire.lose(FIRST, Way.UP)
    assert counters() == {"lost": 2, "rejected": 0, "deaf": 0}
    assert wire.registered(at(HOUR)) == 0
    assert [type(answer) for answer in registered_by(wire, 2)] == [Grant, Grant]


def test_answers_that_go_into_a_cut_are_dropped_and_later_pass(wire: netns.Netns) -> None:
    for command in (
        "add table ip watched",
        "add counter ip watched answers",
        "add chain ip watched arriving { type filter hook prerouting priority -300 ; }",
        'add rule ip watched arriving iifname "server" tcp sport 8081 counter name answers',
    ):
        inside(host("router"), "nft", command)
    wire.lose(FIRST, Way.DOWN)
    # The server's host has answered from the port of the program, and does not repeat it, which would count twice.
    assert counters() == {"lost": 0, "rejected": 0, "deaf": 1, "answers": 1}
    assert inside(host("server"), "cat", "/proc/sys/net/ipv4/tcp_synack_retries") == "0\n"
    assert [type(answer) for answer in registered_by(wire, 1)] == [Grant, Grant]
    # The news that nobody listens is an answer, too.
    wire.stop(at(2 * HOUR))
    answered = counters()["answers"]
    wire.lose(FIRST, Way.DOWN)
    assert counters() == {"lost": 0, "rejected": 0, "deaf": 2, "answers": answered + 1}


def test_a_firewall_rejects_and_later_does_not(wire: netns.Netns) -> None:
    wire.reject(FIRST)
    assert counters() == {"lost": 0, "rejected": 1, "deaf": 0}
    assert wire.registered(at(HOUR)) == 0
    assert [type(answer) for answer in registered_by(wire, 2)] == [Grant, Grant]
    assert counters()["rejected"] == 1


@pytest.mark.parametrize("what", ["lost", "deaf", "rejected"])
def test_what_should_come_to_nothing_and_does_not_is_told(
    wire: netns.Netns, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(netns, "_PATIENCE_SECONDS", 0)
    monkeypatch.setattr(netns.Netns, "_treat", lambda *_: None)
    treated = partial(wire.reject, FIRST)
    if what != "rejected":
        treated = partial(wire.lose, FIRST, Way.UP if what == "lost" else Way.DOWN)
    with pytest.raises(ProgramError, match=rf"let a packet of 192\.168\.100\.25 pass, which should be {what}"):
        treated()


def test_a_port_refuses_while_nobody_listens(wire: netns.Netns) -> None:
    with pytest.raises(ProgramError, match="did not refuse"):
        wire.refuse(FIRST, asked(Register, "a"))
    wire.stop(at(HOUR))
    wire.refuse(FIRST, asked(Register, "a"))


def test_the_connection_of_the_one_who_counts_is_made_anew_when_it_is_gone(wire: netns.Netns) -> None:
    assert wire.registered(at(HOUR)) == 0
    assert wire._at_the_server is not None
    kept = wire._at_the_server.sock
    assert wire.registered(at(2 * HOUR)) == 0
    assert wire._at_the_server.sock is kept
    kept.shutdown(socket.SHUT_RDWR)
    assert wire.registered(at(3 * HOUR)) == 0


# What is held.

SYN_SENT = 2


def registers() -> dict[int, Request]:
    return {address: asked(Register, f"n{address}", 1, address) for address in FLEET}


def connections(name: str) -> list[tuple[int, int]]:
    """Return the connections of a host that are not only listened for: the port of each, and its state."""
    lines = [line.split() for line in inside(host(name), "cat", "/proc/net/tcp").splitlines()[1:]]
    return [(int(line[1].split(":")[1], 16), int(line[3], 16)) for line in lines if not line[2].startswith("0000")]


def sources(wire: netns.Netns) -> list[str]:
    """Return where the requests came from that the server program has answered, in their order."""
    return re.findall(r'"source": "([^"]+)"', (wire.folder / "server.log").read_text())


def test_what_is_held_is_let_through_in_another_order_than_it_was_sent(wire: netns.Netns) -> None:
    first, second = registers()
    begun = {}
    for address, request in registers().items():
        wire.hold(address, request)
        # Its connection has begun, and has not come up.
        ((port, state),) = connections(format_address(address))
        assert state == SYN_SENT
        begun[address] = port
    assert connections("server") == []
    for address, request in reversed(registers().items()):
        assert isinstance(told(wire, request, HOUR, address), Grant)
        # It went over the very connection that had begun.
        assert [port for port, _ in connections(format_address(address))] == [begun[address]]
    assert sources(wire) == [format_address(second), format_address(first)]


def test_the_rest_of_its_host_passes_while_something_is_held(wire: netns.Netns) -> None:
    wire.hold(FIRST, asked(Register, "a"))
    assert isinstance(told(wire, asked(Register, "b", 2), HOUR), Grant)
    assert isinstance(told(wire, asked(Register, "a"), 2 * HOUR), Grant)
    # The copy of a packet has a connection of its own.
    assert isinstance(told(wire, asked(Register, "a"), 3 * HOUR), Grant)


@pytest.mark.parametrize("said", [asked(Register, "a"), encode_request(asked(Register, "a"))], ids=["request", "bytes"])
def test_what_is_held_is_translated_when_it_goes_on(wire: netns.Netns, said: Request | bytes) -> None:
    wire.hold(FIRST, said)
    translated = told(wire, said, HOUR, FIRST + 7)
    assert isinstance(translated, Refusal)
    assert translated.code == 30003
    assert sources(wire) == [format_address(FIRST + 7)]


def test_a_port_refuses_what_is_held_until_nobody_listens(wire: netns.Netns) -> None:
    wire.hold(FIRST, b"{")
    wire.stop(at(HOUR))
    (port, _), *_ = connections(format_address(FIRST))
    wire.refuse(FIRST, b"{")
    assert port not in [port for port, _ in connections(format_address(FIRST))]
    wire.hold(FIRST, b"{")
    wire.start(at(2 * HOUR), downtime_us=HOUR)
    with pytest.raises(ProgramError, match="did not refuse"):
        wire.refuse(FIRST, b"{")


def test_what_is_sent_again_is_held_once(wire: netns.Netns) -> None:
    (request, other) = registers().values()
    wire.hold(FIRST, request)
    wire.hold(FIRST, request)
    assert len(connections(format_address(FIRST))) == 1
    # Another packet of the same connection is what its kernel sends when nothing answers.
    (port, _) = connections(format_address(FIRST))[0]
    send = f"""
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, {netns._HELD_TOS})
s.sendto(struct.pack(">HHLLBBHHH", {port}, 8081, 1, 0, 5 << 4, 2, 1024, 0, 0), ("{netns.SERVER}", 0))
"""
    inside(host(format_address(FIRST)), sys.executable, "-c", send)
    wire.hold(FIRST + 1, other)
    assert wire._queue is not None
    assert len(wire._queue._packets) == 2
    assert isinstance(told(wire, request, HOUR), Grant)


def test_what_does_not_come_to_the_queue_is_told(wire: netns.Netns, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = registers().values()
    wire.hold(FIRST, first)
    monkeypatch.setattr(netns, "_PATIENCE_SECONDS", 0)
    monkeypatch.setattr(netns, "_HELD_TOS", 0)
    with pytest.raises(ProgramError, match=r"what 192\.168\.100\.26 sent is not in the router's queue"):
        wire.hold(FIRST + 1, second)


def test_nothing_that_is_held_is_left_in_the_end() -> None:
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = opened()
    made = netns.Netns(Authority, LICENCE, LITERAL)
    made.start(at(0), downtime_us=0)
    for address, request in registers().items():
        made.hold(address, request)
    made.close()
    gc.collect()
    assert opened() == before
    assert not own_names()


# What lies where.


def inside(namespace: str, *command: str) -> str:
    whole = ["nsenter", f"--net=/run/netns/{namespace}", "--", *command]
    return subprocess.run(whole, capture_output=True, text=True, check=True).stdout


def host(name: str) -> str:
    """Return the namespace of a host."""
    (found,) = [each for each in own_names() if each.endswith(f"-{name}")]
    return found


def counters() -> dict[str, int]:
    """Return how many packets the router has treated in each way."""
    listed = inside(host("router"), "nft", "list", "counters")
    return {name: int(count) for name, count in re.findall(r"counter (\w+) {\s+packets (\d+)", listed)}


def names() -> list[str]:
    return sorted(path.name for path in Path("/run/netns").glob(f"{netns.PREFIX}*"))


def own_names() -> list[str]:
    return [name for name in names() if name.startswith(f"{netns.PREFIX}{os.getpid()}-")]


def test_nothing_leads_outside(wire: netns.Netns) -> None:
    registered_by(wire, 1)
    mine = own_names()
    assert len(mine) == 4
    router = host("router")
    # Its own loopback, the server and the two nodes: the router has no other link and no route by default.
    routes = inside(router, "cat", "/proc/net/route").splitlines()[1:]
    assert "00000000" not in [line.split()[1] for line in routes]
    links = inside(router, "cat", "/proc/net/dev").splitlines()[2:]
    assert sorted(line.split(":")[0].strip() for line in links) == ["lo", "n0", "n1", "server"]


def test_hosts_are_gone_in_the_end_and_after_a_crash_by_the_next_run() -> None:
    made = netns.Netns(Authority, LICENCE, LITERAL)
    assert own_names()
    made.close()
    assert not own_names()
    crash = """
import os, signal
from harness.wires.netns import Netns
from reference_server.authority import Authority
from reference_server.readings import LITERAL
from tests.harness.wires.test_conformance import LICENCE, at
made = Netns(Authority, LICENCE, LITERAL)
made.start(at(0), downtime_us=0)
print(made._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", crash], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = [name for name in names() if not Path(f"/proc/{name.split('-')[2]}").exists()]
    assert [name.rpartition("-")[2] for name in left] == ["router", "server"]
    netns.remove_leftovers()
    assert not set(left) & set(names())
    # The server program does not outlive it either: it has ended, or is about to.
    with suppress(ProcessLookupError):
        program = os.pidfd_open(int(done.stdout))
        assert select.select([program], [], [], 60)[0]
        os.close(program)


def test_the_kernel_loses_by_chance_about_as_much_as_the_model(wire: netns.Netns) -> None:
    # A chance of 20 % for each of 400 packets: 80 of them, give or take five standard deviations of 8.
    registered_by(wire, 1)
    router = host("router")
    for command in (
        "add table ip chance",
        "add chain ip chance by_chance { type filter hook forward priority 1 ; }",
        "add rule ip chance by_chance udp dport 9 numgen random mod 100 < 20 counter drop",
    ):
        inside(router, "nft", command)
    send = f"import socket; s = socket.socket(2, 2); [s.sendto(b'x', ('{netns.SERVER}', 9)) for _ in range(400)]"
    inside(host(format_address(FIRST)), sys.executable, "-c", send)
    found = re.search(r"packets (\d+)", inside(router, "nft", "list chain ip chance by_chance"))
    assert found is not None
    for lost in (int(found[1]), sum(happens(Fraction(20), 1, "loss", k) for k in range(400))):
        assert 40 <= lost <= 120
