"""What a wire cannot express, told before anything is run.

A scenario is skipped over a wire that cannot express it, and never passed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv4Network

from harness.durations import format_instant
from harness.faults import Phase, plan
from harness.scenario import Scenario, Verb
from harness.wires.installed import last_day
from harness.wires.names import ASGI, MEMORY, NETNS
from reference_server.readings import LITERAL, Reading

__all__ = ["MOST_HOSTS", "missing_for", "why_not"]

#: Wall clocks of real programs count nanoseconds in 64 bits from the year 1970 on.
_LAST_WALL_US = (1 << 63) // 1000
#: So many addresses can nodes have over `netns`.
MOST_HOSTS = 64
#: What `netns` has its own hosts at.
_OF_THE_WIRE = IPv4Network("198.18.0.0/29")
#: No host has such an address.
_NOBODYS = (IPv4Network("0.0.0.0/8"), IPv4Network("255.255.255.255/32"))
#: Programs that `netns` calls, with the packages that have them.
_PROGRAMS = {"nft": "nftables", "nsenter": "util-linux"}
#: What lets requests take longer than others.
_DELAYS = (Verb.NETWORK_DELAY, Verb.NETWORK_REORDER)
_DOWN = (
    Verb.SERVER_STOP,
    Verb.SERVER_LOGOUT,
    Verb.SERVER_CRASH,
    Verb.SERVER_REBOOT,
    Verb.SERVER_POWER_LOSS,
    Verb.SERVER_SUSPEND,
    Verb.SERVER_HANG,
    Verb.SERVER_DESTROY,
)


def why_not(scenario: Scenario, reading: Reading, wire: str, *, own_server: bool = False) -> str | None:
    """Return why ``wire`` cannot express ``scenario`` under ``reading``, ``None`` if it can.

    :param own_server: whether the scenario is to be run with a server of somebody's own.
    """
    return next(_reasons(scenario, reading, wire, own_server), None)


def missing_for(wire: str) -> tuple[str, ...]:
    """Return what ``wire`` lacks on this machine, whatever the scenario, each with how to get it."""
    if wire in (MEMORY, ASGI):
        return ()
    return (*_not_here(), *(_no_kernel_hosts() if wire == NETNS else ()))


def _reasons(scenario: Scenario, reading: Reading, wire: str, own_server: bool) -> Iterator[str]:
    if wire == MEMORY:
        return
    if own_server:
        yield "a server of one's own is reached in its own way, whatever the wire"
    yield from _no_licence_file(scenario)
    if wire == ASGI:
        return
    if reading != LITERAL:
        yield f"the server program keeps to the reading {LITERAL.name} alone"
    yield from _not_here()
    if wire == NETNS:
        yield from _no_kernel_hosts()
        yield from _too_many_hosts(scenario)
        if any(event.verb in _DELAYS and event.direction != "answers" for event in scenario.events):
            yield from _no_queue()
    yield from _nobody_to_ask(scenario)
    yield from _wrong_dates(scenario)


def _no_licence_file(scenario: Scenario) -> Iterator[str]:
    """Yield why no licence file can say what the scenario licenses."""
    changes = [event.at_us for event in scenario.events if event.verb is Verb.LICENCE_CHANGE]
    for licence in [scenario.licence, *(scenario.licence_at(at_us) for at_us in changes)]:
        if licence.expires_us is not None:
            try:
                last_day(licence.expires_us)
            except ValueError as error:
                yield str(error)


def _not_here() -> Iterator[str]:
    """Yield what is missing on this machine for running the server program."""
    # Only who runs programs needs what they need.
    from harness.wires.process import NO_FAKETIME, faketime

    if faketime() is None:
        yield NO_FAKETIME
    if os.geteuid() != 0 and shutil.which("unshare") is None:
        yield "the server program wants to be run by root, and there is no unshare to play it"


@cache
def _no_kernel_hosts() -> tuple[str, ...]:
    """Return what is missing on this machine for making kernel hosts."""
    if os.geteuid() != 0:
        return ("network namespaces are made by root, and this is not run by root",)
    missing = [package for program, package in _PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        return (f"{' and '.join(missing)} is not installed (apt-get install {' '.join(missing)})",)
    if find_spec("pyroute2") is None:
        return ("pyroute2 is not installed (pip install 'fdl-harness[netns]')",)
    trouble = _in_a_namespace("true")
    return () if trouble is None else (f"this machine lets nobody make network namespaces ({trouble})",)


@cache
def _no_queue() -> tuple[str, ...]:
    """Return what is missing on this machine for holding packets back on their way."""
    if shutil.which("iptables") is None:
        return ("iptables, which holds delayed requests back, is not installed (apt-get install iptables)",)
    if find_spec("netfilterqueue") is None:
        return (
            "NetfilterQueue, which holds delayed requests back, is not installed "
            "(apt-get install gcc python3-dev libnetfilter-queue-dev; pip install NetfilterQueue)",
        )
    trouble = _in_a_namespace("iptables", "--append", "FORWARD", "--jump", "NFQUEUE")
    return () if trouble is None else (f"this machine's kernel cannot hold packets back ({trouble})",)


def _in_a_namespace(*command: str) -> str | None:
    """Return why ``command`` fails in a network namespace of its own, ``None`` if it does not."""
    tried = subprocess.run(  # noqa: S603 - nobody else has a say in it
        ["unshare", "--net", "--", *command],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return tried.stderr.strip() if tried.returncode else None


def _too_many_hosts(scenario: Scenario) -> Iterator[str]:
    """Yield why the scenario's addresses cannot all be those of hosts of one router."""
    addresses = {node.address for node in scenario.nodes}
    for event in scenario.events:
        if event.address is not None and event.verb is Verb.NODE_MOVE:
            addresses.update(range(event.address, event.address + len(event.nodes)))
        if event.verb is Verb.SERVER_CLONE:
            yield "there is one host for a server, and a copied server needs another"
    if len(addresses) > MOST_HOSTS:
        yield f"the nodes have {len(addresses)} addresses, each a kernel host, and there are {MOST_HOSTS} at most"
    for address in sorted(addresses):
        shown = IPv4Address(address)
        if shown in _OF_THE_WIRE or shown.is_multicast or shown.is_loopback or any(shown in each for each in _NOBODYS):
            yield f"{shown} is an address that no other host than the wire's own can have"


def _nobody_to_ask(scenario: Scenario) -> Iterator[str]:
    """Yield the statements about live slots that nobody can make from outside the program."""
    away = [*_away(scenario)]
    for expect in scenario.expects:
        if expect.registered is None:
            continue
        where = f"line {expect.line} states" if expect.line else "an expectation states"
        if expect.between is not None:
            if expect.between.hold == "ever":
                yield f"{where} that a number of slots is live at some instant, and they are not counted at every one"
            instants = [expect.between.first_us, expect.between.last_us]
        else:
            assert expect.at_us is not None, "an expectation has an instant or a stretch"
            instants = [expect.at_us]
        for first_us, end_us in away:
            if first_us <= instants[-1] and (end_us is None or instants[0] < end_us):
                at_us = max(first_us, instants[0])
                yield f"{where} how many slots are live at {format_instant(at_us)}, when the server cannot be asked"


def _away(scenario: Scenario) -> Iterator[tuple[int, int | None]]:
    """Yield the stretches ``[start, end)`` in which the server does not answer; the last one may have no end."""
    since_us: int | None = None
    by: int | None = None
    for happening in plan(scenario).happenings:
        event = happening.event
        if event is None or happening.phase is Phase.IMAGE:
            continue
        if happening.verb in _DOWN and since_us is None:
            since_us, by = happening.at_us, event.index
        elif happening.verb is Verb.SERVER_DESTROY:
            by = event.index
        elif happening.verb in (Verb.SERVER_START, Verb.SERVER_RESUME) and since_us is not None:
            ends_itself = event.verb is not happening.verb
            if not ends_itself or event.index == by:
                yield since_us, happening.at_us
                since_us = None
    if since_us is not None:
        yield since_us, None


def _wrong_dates(scenario: Scenario) -> Iterator[str]:
    """Yield that the server's wall clock shows what that of no real program can."""
    clock = plan(scenario).server_clock
    instants = [0, scenario.duration_us, *(event.at_us for event in scenario.events)]
    if any(not 0 <= clock.wall_us(at_us) < _LAST_WALL_US for at_us in instants if at_us <= scenario.duration_us):
        yield "the server's wall clock shows a date before 1970 or after 2262, which that of no real program does"
