"""Facts about the node program: the Server Address, and what it shows of registrations and failures (R036 to R105)."""

from __future__ import annotations

import re
from pathlib import Path

from harness.facts.checking import checks
from harness.facts.programs import Done
from harness.facts.workshop import ENGLISH, Workshop
from harness.wires.installed import free_port

__all__: list[str] = []

_UNREACHABLE = "/: the authorization server cannot be reached"
#: A failure as it is listed: its time, and its reason.
_ROW = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00  (.+)")


def _show(workshop: Workshop, what: str, state: Path) -> Done:
    return workshop.run("fdl-node", what, "--state", str(state)).must_end_with(0)


def _reasons(done: Done) -> list[str]:
    """Return the reasons that are listed, each with a time."""
    rows = [_ROW.fullmatch(line) for line in done.printed.splitlines()]
    done.must(all(rows), "a time and a reason in each line")
    return [row[1] for row in rows if row is not None]


def _shown(done: Done) -> dict[str, str]:
    """Return what a status shows, by its label."""
    return dict(re.split("  +| (?=[0-9]+$)", line, maxsplit=1) for line in done.printed.splitlines())


@checks("R095")
def the_server_address(workshop: Workshop) -> None:
    """A Server Address of https, host and port is tried. Without a scheme, with http, without a port, with port 0, with
    a path or with a user it is a wrong call (exit code 2), and nothing is kept of it.
    """
    place, server = workshop.shared()
    workshop.node(place, server.url, workshop.folder() / "node").must_end_with(0)
    host = "127.0.0.1"
    wrong = [
        f"{host}:{server.port}",
        f"http://{host}:{server.port}",
        f"https://{host}",
        f"https://:{server.port}",
        f"https://{host}:0",
        f"https://{host}:{server.port}/fdl",
        f"https://user@{host}:{server.port}",
    ]
    for address in wrong:
        state = workshop.folder() / "node"
        done = workshop.node(place, address, state).must_end_with(2)
        done.must(not state.exists(), "that it keeps nothing")


@checks("R036", "R097", "R100")
def a_server_that_cannot_be_reached(workshop: Workshop) -> None:
    """At a port where nobody listens a node is not registered (exit code 1). It lists the failure, with its time, as
    "/" and that the server cannot be reached; also later, when it has been registered.
    """
    place, server = workshop.shared()
    state = workshop.folder() / "node"
    done = workshop.node(place, f"https://127.0.0.1:{free_port()}", state, address="127.0.0.2")
    done.must(done.code == 1, "exit code 1")
    listed = _show(workshop, "failures", state)
    listed.must(_reasons(listed) == [_UNREACHABLE], f"one failure: {_UNREACHABLE}")
    workshop.node(place, server.url, state, address="127.0.0.2").must_end_with(0)
    listed = _show(workshop, "failures", state)
    listed.must(_reasons(listed) == [_UNREACHABLE], f"one failure: {_UNREACHABLE}")


@checks("R098")
def a_success_is_shown(workshop: Workshop) -> None:
    """A granted register is told as it happens. After it the status shows the server, that the node is registered, that
    access is open, and until when; before it nothing of the kind.
    """
    place, server = workshop.shared()
    state = workshop.folder() / "node"
    workshop.node(place, f"https://127.0.0.1:{free_port()}", state)
    before = _show(workshop, "status", state)
    before.must(_shown(before).get("status") == "unregistered", "the status unregistered")
    done = workshop.node(place, server.url, state).must_end_with(0)
    done.must("unregistered -> registered" in done.printed, "that the node is told to be registered")
    after = _show(workshop, "status", state)
    shown = _shown(after)
    expected = {"server": server.url, "status": "registered", "access": "open"}
    after.must(expected.items() <= shown.items() and "registered until" in shown, f"{expected} and until when")


@checks("R099")
def max_connections(workshop: Workshop) -> None:
    """The status of a registered node shows the capacity that was applied for as Max Connections: 2 and 7."""
    for capacity in ("2", "7"):
        place = workshop.licensed(Authorization_capacity=capacity)
        state = workshop.folder() / "node"
        with workshop.running(place, *ENGLISH) as server:
            workshop.node(place, server.url, state).must_end_with(0)
        done = _show(workshop, "status", state)
        done.must(_shown(done).get("Max Connections") == capacity, f"Max Connections {capacity}")


@checks("R101", "R105")
def each_member_has_its_reason(workshop: Workshop) -> None:
    """Of three members of a cluster, for two slots, two are registered, and the third is told at once that every slot
    is taken. A fourth, from an address that is not licensed, is told that. Each lists its own reason, and no other's.
    """
    place = workshop.licensed(FineDataLink_IP_address="127.0.0.1 - 127.0.0.3")
    expected = [[], [], ["30007 REGISTER_OUT_OF_LIMIT"], ["30003 LICENSE_IP_ERROR"]]
    with workshop.running(place, *ENGLISH) as server:
        for member, reasons in enumerate(expected, 1):
            state = workshop.folder() / "node"
            address = f"127.0.0.{member}"
            done = workshop.node(place, server.url, state, "--cluster", "c", address=address)
            done.must_end_with(int(bool(reasons)), *reasons)
            listed = _show(workshop, "failures", state)
            found = [reason.partition(":")[0] for reason in _reasons(listed)]
            listed.must(found == reasons, f"the failures {reasons}")
