"""The file in which a node keeps what it is over the end of its program, and the clocks by which it goes on.

Instants are kept on the boot-time clock, together with which boot it was. After a reboot that clock has begun anew, and
the time away is reckoned on the wall clock, never as negative. One program uses a file at a time.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fake_fdl_nodes.failures import FailureRow, SavedFailures
from fake_fdl_nodes.fleet import NodeSetup
from fake_fdl_nodes.node import HOLDING, NodeState, Status
from reference_server.files import write_whole
from reference_server.protocol import FORMAT, Code, Details, Instant, format_address, parse_address

__all__ = ["Kept", "StateError", "boot_id", "checked", "load", "now", "only_one", "save"]

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class StateError(Exception):
    """A state file that cannot be used. The message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Everything in the file: how the node is installed, where its server is, and what the node is.

    ``address`` is the own address it connects from, ``None`` for whichever the machine takes.
    """

    setup: NodeSetup
    server: str
    ca: str | None
    address: str | None
    state: NodeState | None


def now() -> Instant:
    """Return the boot-time clock and the wall clock of this machine, in microseconds."""
    return Instant(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000, time.time_ns() // 1000)


def boot_id() -> str:
    """Return what tells one boot of this machine from another."""
    return _BOOT_ID.read_text(encoding="ascii").strip()


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Keep other programs from using the state file at ``path``.

    :raises StateError: if one does.
    """
    handle = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StateError(f"{path}: another fdl-node uses it; stop that one first (Ctrl-C)") from None
    finally:
        os.close(handle)


def save(path: Path, kept: Kept, at: Instant, boot: str) -> None:
    """Write the file, at once and durably."""
    setup, state = kept.setup, kept.state
    body: dict[str, Any] = {
        "format": FORMAT,
        "kind": "node-state",
        "server": kept.server,
        "ca": kept.ca,
        "from": kept.address,
        "setup": {
            "name": setup.name,
            "address": format_address(setup.address),
            "application": setup.application,
            "cluster": setup.cluster,
            "domain": setup.domain,
            "port": setup.port,
            "version": setup.version,
        },
        "clocks": {"boot_id": boot, "boot_us": at.boot_us, "wall_us": at.wall_us},
        "state": None,
    }
    if state is not None:
        failures = state.failures
        body["state"] = {
            "number": state.number,
            "status": state.status.value,
            "contact_us": state.contact_us,
            "expires_us": state.expires_us,
            "capacity": state.capacity,
            "strikes": state.strikes,
            "failures": [[row.wall_us, int(row.code)] for row in failures.rows],
            "shown": None if failures.shown is None else int(failures.shown),
            "since_success": failures.since_success,
            "grant": None if state.grant is None else asdict(state.grant),
        }
    write_whole(path, (json.dumps(body, indent=1) + "\n").encode(), mode=0o600)


def load(path: Path, at: Instant, boot: str) -> Kept:
    """Return what the file holds, with its instants on the boot-time clock as it is now.

    :raises StateError: if there is none, or it is damaged: a node never starts afresh by itself, since it would take
        another slot.
    """
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StateError(f"{path}: found no such file; register the node first (fdl-node register)") from None
    except OSError as error:
        raise StateError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except (ValueError, RecursionError):
        raise _damaged(path, "it is not JSON") from None
    try:
        if body["format"] != FORMAT or body["kind"] != "node-state":
            raise _damaged(path, "it is the file of something else")
        fields = dict(body["setup"])
        setup = checked(NodeSetup(**(fields | {"address": parse_address(fields["address"])})))
        state = None if body["state"] is None else _state(body["state"])
        clocks = body["clocks"]
        if state is not None and clocks["boot_id"] != boot:
            away_us = max(0, at.wall_us - clocks["wall_us"])
            state = state.later_by(at.boot_us - clocks["boot_us"] - away_us)
        texts = (body["server"], *(body[key] for key in ("ca", "from") if body[key] is not None))
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("a text is none")
        return Kept(setup=setup, server=body["server"], ca=body["ca"], address=body["from"], state=state)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from None


def checked(setup: NodeSetup) -> NodeSetup:
    """Return ``setup`` if every part of it can go into a request.

    :raises ValueError: if not, with the part.
    """
    for part in ("name", "application", "version", "domain", "cluster"):
        value = getattr(setup, part)
        if value is None and part in ("domain", "cluster"):
            continue
        if not isinstance(value, str) or not 1 <= len(value) <= 240 or not value.isprintable():
            raise ValueError(f"{part}: found {value!a:.80}, expected a printable text of 1 to 240 characters")
    return setup


def _damaged(path: Path, why: str) -> StateError:
    return StateError(
        f"{path}: damaged ({why}); put a good copy back, or remove the file and register the node anew, "
        "which takes another slot until the old one is void"
    )


def _state(body: dict[str, Any]) -> NodeState:
    failures = SavedFailures(
        rows=tuple(FailureRow(_number(wall_us), Code(code)) for wall_us, code in body["failures"]),
        shown=None if body["shown"] is None else Code(body["shown"]),
        since_success=bool(body["since_success"]),
    )
    state = NodeState(
        number=_number(body["number"], 0),
        status=Status(body["status"]),
        contact_us=None if body["contact_us"] is None else _number(body["contact_us"]),
        expires_us=None if body["expires_us"] is None else _number(body["expires_us"]),
        capacity=None if body["capacity"] is None else _number(body["capacity"], 1),
        strikes=_number(body["strikes"], 0),
        failures=failures,
        # A file of an earlier version has none.
        grant=None if body.get("grant") is None else _grant(body["grant"]),
    )
    if state.status in HOLDING and state.contact_us is None:
        raise ValueError("a registered node without a contact")
    return state


def _grant(body: dict[str, Any]) -> Details:
    for key in ("function_points", "access_domains", "application_names"):
        if type(body[key]) is not list or not all(isinstance(each, str) for each in body[key]):
            raise ValueError(f"the {key} of the grant are no texts")
    return Details(
        function_points=tuple(body["function_points"]),
        access_domains=tuple(body["access_domains"]),
        access_ports=tuple(_number(port, 1) for port in body["access_ports"]),
        application_names=tuple(body["application_names"]),
        expires_us=None if body["expires_us"] is None else _number(body["expires_us"]),
    )


def _number(value: Any, least: int | None = None) -> int:
    if type(value) is not int or (least is not None and value < least):
        raise ValueError(f"{value!r} is no number that can stand there")
    return value
