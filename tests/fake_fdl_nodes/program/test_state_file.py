"""The state file: found again as it was, over a reboot too, and never taken for empty when it is damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fake_fdl_nodes.failures import FailureRow, SavedFailures
from fake_fdl_nodes.fleet import NodeSetup
from fake_fdl_nodes.node import NodeState, Status
from fake_fdl_nodes.program.state_file import Kept, StateError, load, only_one, save
from reference_server.protocol import Code, Details, Instant

HOUR = 3_600_000_000
EPOCH = 1_772_323_200_000_000
STATE = NodeState(
    number=7,
    status=Status.INTERRUPTED,
    contact_us=10 * HOUR,
    expires_us=40 * HOUR,
    capacity=3,
    strikes=2,
    failures=SavedFailures((FailureRow(EPOCH, Code.NO_CONNECTION), FailureRow(EPOCH + 1, Code(0))), Code(0), True),
    grant=Details(
        function_points=("FineDataLink",),
        access_domains=("a.example",),
        access_ports=(8080, 8081),
        application_names=(),
        expires_us=EPOCH + 40 * HOUR,
    ),
)
KEPT = Kept(
    setup=NodeSetup(name="授权", address=0x7F000001, application="r", cluster="c", domain="a.example", port=8080),
    server="https://127.0.0.1:8081",
    ca="ca.pem",
    address=None,
    state=STATE,
)
#: The items of a grant as the file has them.
GRANT: dict[str, Any] = {
    "function_points": [],
    "access_domains": [],
    "access_ports": [],
    "application_names": [],
    "expires_us": None,
}
AT = Instant(12 * HOUR, EPOCH + 12 * HOUR)


def test_what_was_kept_is_found_again(tmp_path: Path) -> None:
    for kept in (KEPT, replace(KEPT, state=None), replace(KEPT, address="127.0.0.1", ca=None)):
        save(tmp_path / "s", kept, AT, "boot")
        assert load(tmp_path / "s", Instant(13 * HOUR, EPOCH + 99 * HOUR), "boot") == kept


@pytest.mark.parametrize(
    ("away_us", "contact_us"),
    [
        # Saved at 12 h on the old boot's clock, 2 h after the contact; the new boot is 1 h old. The wall clock says how
        # long ago the contact was: 2 h and the time away.
        (3 * HOUR, -4 * HOUR),
        (0, -HOUR),
        # Never negative: a wall clock that was set back makes nothing younger than it was.
        (-5 * HOUR, -HOUR),
    ],
)
def test_after_a_reboot_the_time_away_is_told_by_the_wall_clock(tmp_path: Path, away_us: int, contact_us: int) -> None:
    save(tmp_path / "s", KEPT, AT, "boot")
    found = load(tmp_path / "s", Instant(HOUR, AT.wall_us + away_us), "another boot").state
    assert found is not None
    assert (found.contact_us, found.expires_us) == (contact_us, contact_us + 30 * HOUR)
    assert found.failures == STATE.failures


def test_without_a_file_the_node_was_never_registered(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="found no such file; register the node first"):
        load(tmp_path / "s", AT, "boot")


@pytest.mark.parametrize("wrong", [b"", b"\xff", b"[]", b"null", b"{}", b'{"format": "other"}', b"[" * 100_000])
def test_what_is_no_state_file_is_refused(tmp_path: Path, wrong: bytes) -> None:
    (tmp_path / "s").write_bytes(wrong)
    with pytest.raises(StateError, match="put a good copy back, or remove the file and register the node anew"):
        load(tmp_path / "s", AT, "boot")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("number", "7"),
        ("number", True),
        ("status", "lost"),
        ("number", -1),
        ("number", None),
        ("strikes", None),
        ("contact_us", 1.5),
        ("contact_us", None),  # of a node that is interrupted
        ("failures", [["x", -1]]),
        ("failures", [[1]]),
        ("failures", [[1, 99999]]),
        ("shown", 99999),
        ("grant", []),
        ("grant", {"function_points": []}),
        ("grant", GRANT | {"function_points": [1]}),
        ("grant", GRANT | {"access_ports": ["80"]}),
        ("grant", GRANT | {"expires_us": "never"}),
    ],
)
def test_a_damaged_part_is_noticed(tmp_path: Path, key: str, value: Any) -> None:
    save(tmp_path / "s", KEPT, AT, "boot")
    body = json.loads((tmp_path / "s").read_text())
    body["state"][key] = value
    (tmp_path / "s").write_text(json.dumps(body))
    with pytest.raises(StateError, match="damaged"):
        load(tmp_path / "s", AT, "boot")


def test_a_file_of_an_earlier_version_has_no_grant(tmp_path: Path) -> None:
    save(tmp_path / "s", KEPT, AT, "boot")
    body = json.loads((tmp_path / "s").read_text())
    del body["state"]["grant"]
    (tmp_path / "s").write_text(json.dumps(body))
    found = load(tmp_path / "s", AT, "boot").state
    assert found == STATE._replace(grant=None)


@pytest.mark.parametrize(("key", "value"), [("server", 5), ("ca", 5), ("from", []), ("setup", {"name": "x"})])
def test_a_damaged_setting_is_noticed(tmp_path: Path, key: str, value: Any) -> None:
    save(tmp_path / "s", KEPT, AT, "boot")
    body = json.loads((tmp_path / "s").read_text())
    (tmp_path / "s").write_text(json.dumps(body | {key: value}))
    with pytest.raises(StateError, match="damaged"):
        load(tmp_path / "s", AT, "boot")


def test_a_file_is_replaced_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "s", KEPT, AT, "boot")
    before = (tmp_path / "s").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path / "s", replace(KEPT, server="https://other:1"), AT, "boot")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("s", before)]


def test_one_program_uses_a_file_at_a_time(tmp_path: Path) -> None:
    with only_one(tmp_path / "s"):
        with pytest.raises(StateError, match="another fdl-node uses it; stop that one first"), only_one(tmp_path / "s"):
            pass
        with only_one(tmp_path / "other"):
            pass
    with only_one(tmp_path / "s"):
        pass
