"""The machine tool: what identifies a machine, the exported file, and the packages of the document (R038 to R053)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from reference_server.machine import tool
from reference_server.machine.identity import MachineError, this_machine
from reference_server.machine.platforms import package_for
from reference_server.machine.rif import new_rif, read_rif
from reference_server.sealed import ISSUER_KEY, TOOL_KEY, SealError, opened, sealed
from tests.programs import machine

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_an_identity_is_what_the_hardware_shows(tmp_path: Path) -> None:
    found = this_machine(machine(tmp_path / "m"))
    assert (found.machine_id, found.product_uuid, found.cpu) == ("id-of-one", "uuid-of-one", "Some CPU")
    # The bridge has no device of its own: it is no hardware.
    assert found.network_cards == ("02:00:00:00:00:01",)
    assert found.board_serial is None


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("etc/machine-id", "another"),
        ("sys/class/dmi/id/product_uuid", "another"),
        ("sys/class/dmi/id/board_serial", "another"),
        ("sys/class/net/eth0/address", "02:00:00:00:00:02"),
        ("proc/cpuinfo", "model name : Another CPU"),
    ],
)
def test_each_part_of_the_hardware_is_in_the_fingerprint(tmp_path: Path, file: str, content: str) -> None:
    root = machine(tmp_path / "m")
    before = this_machine(root).fingerprint
    assert this_machine(root).fingerprint == before
    (root / file).write_text(content)
    assert this_machine(root).fingerprint != before


def test_what_is_no_hardware_is_not(tmp_path: Path) -> None:
    root = machine(tmp_path / "m")
    before = this_machine(root).fingerprint
    (root / "sys/class/net/br0/address").write_text("02:00:00:00:00:77")
    assert this_machine(root).fingerprint == before


def test_a_machine_without_an_id_cannot_be_told_from_another(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="etc/machine-id: found nothing to read, expected the id of the machine"):
        this_machine(tmp_path)


def test_the_environment_says_which_machine_is_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FDL_HARNESS_MACHINE", str(machine(tmp_path / "m", "two")))
    assert this_machine().machine_id == "id-of-two"


# The file.


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    rif = new_rif(this_machine(machine(tmp_path / "m")), NOW)
    assert read_rif(rif.to_bytes()) == rif
    assert b"can never authorize a real product" in rif.to_bytes()


def test_each_export_is_a_new_one(tmp_path: Path) -> None:
    found = this_machine(machine(tmp_path / "m"))
    first, second = new_rif(found, NOW), new_rif(found, NOW + timedelta(seconds=1))
    assert first.nonce != second.nonce
    assert first.machine.fingerprint == second.machine.fingerprint


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a JSON document"),
        (b"\xff", "not a JSON document"),
        (b"[" * 100_000, "not a JSON document"),
        (b"x" * (1 << 20) + b"x", "larger than"),
        (b"[]", "not a simulated machine-information document"),
        (sealed("licence", {}, TOOL_KEY), "not a simulated machine-information document"),
        (sealed("machine-information", {}, TOOL_KEY), "not that of a machine"),
        (sealed("machine-information", {"machine": {}}, ISSUER_KEY), "signature does not fit"),
    ],
)
def test_what_is_no_such_file_says_why(data: bytes, why: str) -> None:
    with pytest.raises(SealError, match=why):
        read_rif(data)


def test_a_changed_byte_breaks_the_seal(tmp_path: Path) -> None:
    data = new_rif(this_machine(machine(tmp_path / "m")), NOW).to_bytes()
    for before, after in ((b"id-of-one", b"id-of-two"), (b"ed25519:", b"ed25519:A"), (b'"nonce"', b'"nonces"')):
        assert before in data
        with pytest.raises(SealError):
            read_rif(data.replace(before, after, 1))


def test_a_seal_covers_the_kind_too() -> None:
    # Or a receipt could pass for a licence.
    data = sealed("one", {"a": 1}, TOOL_KEY)
    assert opened(data, "one", TOOL_KEY.public) == {"a": 1}
    with pytest.raises(SealError):
        opened(data.replace(b'"one"', b'"two"'), "two", TOOL_KEY.public)


# The packages.


@pytest.mark.parametrize(
    ("system", "architecture", "package"),
    [
        # The walk-through for AMD64 unpacks linux_amd64.zip, so the printed table has this row and the last swapped.
        ("Linux", "x86_64", "Linux_amd64.zip"),
        ("Linux", "i686", "Linux_i386.zip"),
        ("Linux", "armv7l", "Linux_arm32.zip"),
        ("Linux", "aarch64", "Linux_arm64.zip"),
        ("Linux", "riscv64", None),
        ("Windows", "AMD64", "Windows.zip"),
        ("Darwin", "arm64", "Mac.zip"),
        ("FreeBSD", "amd64", None),
    ],
)
def test_the_package_of_a_machine(system: str, architecture: str, package: str | None) -> None:
    assert package_for(system, architecture) == package


def test_the_list_of_packages_has_them_all_and_wants_no_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    done = CliRunner().invoke(tool.main, ["--packages"])
    assert done.exit_code == 0
    assert [line.split()[:3] for line in done.output.splitlines()] == [
        ["Linux", "AMD64", "Linux_amd64.zip"],
        ["Linux", "i386", "Linux_i386.zip"],
        ["Linux", "ARM32", "Linux_arm32.zip"],
        ["Linux", "ARM64", "Linux_arm64.zip"],
        ["Windows", "Windows.zip"],
        ["macOS", "Mac.zip"],
    ]
    assert "armv6l, armv7l, armv8l" in done.output.splitlines()[2]


# The command.


def test_the_tool_writes_the_file_into_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FDL_HARNESS_MACHINE", str(machine(tmp_path / "m")))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    for _ in range(2):
        done = CliRunner().invoke(tool.main, ["--folder", str(tmp_path)])
        assert done.exit_code == 0, done.output
        assert read_rif((tmp_path / "require/MachineInfo.rif").read_bytes()).machine.machine_id == "id-of-one"
    assert "Linux_" in done.output
    assert [file.name for file in (tmp_path / "require").iterdir()] == ["MachineInfo.rif"]


@pytest.mark.parametrize(("product", "warned"), [("VMware Virtual Platform", True), ("PowerEdge R650", False)])
def test_a_virtual_machine_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, product: str, warned: bool
) -> None:
    root = machine(tmp_path / "m")
    (root / "sys/class/dmi/id/product_name").write_text(product)
    monkeypatch.setenv("FDL_HARNESS_MACHINE", str(root))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    done = CliRunner().invoke(tool.main, ["--folder", str(tmp_path)])
    assert done.exit_code == 0
    assert ("whose identity may change" in done.output) is warned


def test_the_tool_has_to_be_run_as_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    done = CliRunner().invoke(tool.main, ["--folder", str(tmp_path)])
    assert (done.exit_code, list(tmp_path.iterdir())) == (1, [])
    assert "run it as root" in done.output


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FDL_HARNESS_MACHINE", str(machine(tmp_path / "m")))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    (tmp_path / "require").write_text("in the way")
    done = CliRunner().invoke(tool.main, ["--folder", str(tmp_path)])
    assert done.exit_code == 1
    assert "require" in done.output
    assert "Traceback" not in done.output


def test_a_fingerprint_is_of_the_whole_identity(tmp_path: Path) -> None:
    found = this_machine(machine(tmp_path / "m"))
    assert replace(found, architecture="riscv64").fingerprint != found.fingerprint
