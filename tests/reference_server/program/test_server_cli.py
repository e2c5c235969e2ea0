"""The command ``server`` as it is typed: options, refusals with messages and exit codes, and -destroy (R075 on)."""

from __future__ import annotations

import resource
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from reference_server.bundle import LICENCE_NAME, RECEIPT_NAME, bundle_key, read_receipt
from reference_server.machine.identity import this_machine
from reference_server.program import cli, destroying, running
from reference_server.program.exits import Exit
from reference_server.program.here import Here, find
from reference_server.program.record import BundleRecord, Role, lock
from reference_server.protocol import Grant, Poll, Refusal, Register
from tests.programs import (
    AS_ROOT,
    ENGLISH,
    Server,
    ask,
    called,
    environment,
    free_port,
    licence,
    machine,
    unpacked,
    use_file,
)


class Place:
    """A bundle on its machine, whose server is called in this process as far as it refuses to run."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.root = machine(folder / "m")
        self.licence = licence(self.root)
        self.bundle = unpacked(folder / "b", self.licence)
        self.record = BundleRecord(self.root / "var/lib/fdl-harness", self.licence.bundle)
        self._capture = capture
        patch.setenv("FDL_HARNESS_MACHINE", str(self.root))
        patch.setenv("FDL_HARNESS_BIND", "127.0.0.1")
        patch.setenv("FDL_HARNESS_BUNDLE", str(self.bundle))
        patch.setattr("os.geteuid", lambda: 0)
        patch.setattr(running, "serve", lambda *_: pytest.fail("it runs, and should have refused to"))

    def call(self, *arguments: str) -> tuple[int, str, str]:
        """Call the command, and return its exit code, what it printed and what it complained of."""
        code = 0
        try:
            cli.main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        printed, complained = self._capture.readouterr()
        return code, printed, complained


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Place:
    return Place(tmp_path, monkeypatch, capsys)


# The command line.


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-por", "8088"], "Unknown option -por"),
        (["--port", "8088"], "Unknown option --port"),
        (["-port"], "The option -port needs a value"),
        (["-port", "x"], "The port 'x' is wrong"),
        (["-port", "0"], "The port '0' is wrong"),
        (["-port", "65536"], "The port '65536' is wrong"),
        (["-port", "80880808080808"], "is wrong"),
        (["-port", "0080889"], "is wrong"),
        (["-destroy=1"], "Unknown option -destroy=1"),
        (["-port", "-1"], "The port '-1' is wrong"),
        (["start"], "Unexpected argument 'start'"),
    ],
)
def test_a_wrong_call_says_what_is_wrong_and_ends_with_2(place: Place, arguments: list[str], says: str) -> None:
    code, _, complained = place.call(*arguments, *ENGLISH) if arguments != ["-port"] else place.call(*ENGLISH, "-port")
    assert code == Exit.USAGE
    assert complained.startswith(says) or says in complained
    # The same in Chinese, which is the default.
    code, _, complained = place.call(*arguments)
    assert code == Exit.USAGE
    assert not complained.isascii()


def test_an_unknown_language_is_a_wrong_call(place: Place) -> None:
    code, _, complained = place.call("-language", "fr")
    assert (code, "fr" in complained) == (Exit.USAGE, True)


def test_the_language_is_the_last_one_that_is_given(place: Place) -> None:
    assert place.call("-help", "-language=en")[1].startswith("Usage")
    assert place.call("-help", "-language", "en", "-language", "zh")[1].startswith("用法")


def test_help_is_in_both_languages(place: Place) -> None:
    assert place.call("-help", *ENGLISH)[1].startswith("Usage: server [-port NUMBER]")
    assert place.call("-help")[1].startswith("用法")


# What keeps it from running.


def tamper(place: Place) -> None:
    path = place.bundle / LICENCE_NAME
    path.write_bytes(path.read_bytes().replace(b'"capacity": 2', b'"capacity": 9'))


def damage(place: Place) -> None:
    place.record.start()
    place.record.state.write_bytes(b"no database" * 500)


def no_record(place: Place) -> None:
    (place.root / "var/lib").mkdir(parents=True)
    (place.root / "var/lib/fdl-harness").write_text("in the way")


def own_certificate(place: Place) -> None:
    (place.bundle / "tls").mkdir()
    (place.bundle / "tls/server.pem").write_text("no certificate")


def no_date(place: Place) -> None:
    use_file(place.bundle, replace(place.licence, expires=date(9999, 12, 31)))


REFUSALS: dict[str, tuple[Exit, Callable[[Place], object], str]] = {
    "no bundle": (Exit.NO_BUNDLE, lambda place: (place.bundle / LICENCE_NAME).unlink(), "Found no bundle in"),
    "tampered": (Exit.TAMPERED, tamper, "is not as the issuer made it: its signature does not fit"),
    "not the issuer's": (
        Exit.TAMPERED,
        lambda place: (place.bundle / LICENCE_NAME).write_bytes(b"{}"),
        "it is not a simulated licence document",
    ),
    "no date": (Exit.TAMPERED, no_date, "its content is not that of a licence"),
    "another machine": (
        Exit.FOREIGN_MACHINE,
        lambda place: (place.root / "etc/machine-id").write_text("another"),
        "This bundle is for another machine",
    ),
    "no identity": (
        Exit.FOREIGN_MACHINE,
        lambda place: (place.root / "etc/machine-id").unlink(),
        "The identity of this machine cannot be read",
    ),
    "destroyed": (Exit.DESTROYED, lambda place: place.record.destroy(b"x"), "was destroyed on this machine"),
    "replaced": (Exit.REPLACED, lambda place: place.record.replace(), "was replaced by a newer one"),
    "damaged": (Exit.STATE_DAMAGED, damage, "is damaged: file is not a database. Put a good copy of the file back"),
    "missing": (Exit.STATE_DAMAGED, lambda place: place.record.start(), "is missing, though this bundle has run here"),
    "no record": (Exit.STATE_DAMAGED, no_record, "cannot be written"),
    "certificate": (Exit.NO_CERTIFICATE, own_certificate, "The certificate in"),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_each_refusal_has_its_message_in_both_languages_and_its_exit_code(place: Place, why: str) -> None:
    code, prepare, says = REFUSALS[why]
    prepare(place)
    told = place.call("-port", str(free_port()), *ENGLISH)
    assert (told[0], told[1]) == (code, "")
    assert says in told[2]
    told = place.call("-port", str(free_port()))
    assert told[0] == code
    assert not told[2].isascii()


def test_a_disk_without_room_for_the_state_is_no_damage(place: Place) -> None:
    Server.started(place.bundle, place.root).end(kill=True)
    ended = subprocess.run(
        [*AS_ROOT, place.bundle / "bin/server", *ENGLISH],
        env=environment(place.root),
        stderr=subprocess.PIPE,
        # There is room for the note in a lock, and not for a page of the state.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY)),
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == Exit.STATE_DAMAGED
    assert ended.stderr == f"{place.record.state} cannot be written: disk I/O error.\n"


def test_it_has_to_be_run_as_the_administrator(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    for arguments in ((), ("-destroy",)):
        code, _, complained = place.call(*arguments, *ENGLISH)
        assert code == Exit.NOT_ADMIN
        assert "Run it as root" in complained


def test_a_port_in_use_is_told(place: Place) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, _, complained = place.call("-port", str(port), *ENGLISH)
    assert code == Exit.PORT_IN_USE
    assert complained == f"Port {port} is in use. Choose another one: server -port NUMBER\n"


def test_a_second_program_does_not_start_whatever_its_folder_or_port(place: Place, tmp_path: Path) -> None:
    other = unpacked(tmp_path / "elsewhere", replace(place.licence, licence="L-2", bundle="L-2-1"))
    with Server.started(place.bundle, place.root) as server:
        for bundle in (place.bundle, other):
            told = called(bundle, place.root, "-port", str(free_port()), *ENGLISH)
            assert told.returncode == Exit.SECOND_PROGRAM
            assert f"(process {server.process.pid})" in told.stderr


def test_every_reason_has_an_exit_code_of_its_own() -> None:
    assert len({int(code) for code in Exit}) == len(Exit)


# Running.


def test_the_banner_shows_address_and_port_and_the_program_ends_when_told(place: Place) -> None:
    server = Server.started(place.bundle, place.root)
    with server.client() as client:
        assert isinstance(ask(client, Register, "a"), Grant)
    printed = server.end()
    assert server.process.returncode == 0
    assert f"Server Address: https://127.0.0.1:{server.port}\n" in printed
    assert f"The nodes need this CA certificate: {server.ca}\n" in printed
    assert printed.endswith("The authorization server has stopped.\n")


def test_a_server_whose_banner_nobody_can_read_runs_all_the_same(place: Place) -> None:
    port = free_port()
    with Path("/dev/full").open("w") as full:
        process = subprocess.Popen(
            [*AS_ROOT, place.bundle / "bin/server", "-port", str(port), *ENGLISH],
            env=environment(place.root),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert process.stderr is not None
    assert '"event": "started"' in process.stderr.readline()
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_reason_that_nobody_can_read_has_its_exit_code_all_the_same(place: Place) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*AS_ROOT, place.bundle / "bin/server", "-port", "0"],
            env=environment(place.root),
            stderr=full,
            timeout=60,
            check=False,
        )
    assert ended.returncode == Exit.USAGE


def test_by_default_it_speaks_chinese(place: Place) -> None:
    printed = Server.started(place.bundle, place.root, options=()).end()
    assert "服务器地址" in printed


@pytest.mark.parametrize(("before", "survives"), [((), False), (("nohup",), True)])
def test_the_end_of_a_session_ends_it_unless_it_was_started_with_nohup(
    place: Place, before: tuple[str, ...], survives: bool
) -> None:
    with Server.started(place.bundle, place.root, before=before) as server:
        server.process.send_signal(signal.SIGHUP)
        if survives:
            with server.client() as client:
                assert isinstance(ask(client, Register, "a"), Grant)
        else:
            server.process.communicate(timeout=30)
            assert server.process.returncode == -signal.SIGHUP


def test_a_slot_survives_a_stop_and_a_kill(place: Place) -> None:
    for kill in (False, True):
        with Server.started(place.bundle, place.root) as server, server.client() as client:
            kind = Poll if kill else Register
            assert isinstance(ask(client, kind, "a", 1 + kill), Grant)
            server.end(kill=kill)
    with Server.started(place.bundle, place.root) as server, server.client() as client:
        assert isinstance(ask(client, Poll, "a", 3), Grant)
        status = client.get("/v1/status").json()
        assert (status["registered"], list(status["nodes"])) == (1, ["a"])


def test_an_older_licence_file_does_not_start(place: Place) -> None:
    use_file(place.bundle, replace(place.licence, serial=3))
    Server.started(place.bundle, place.root).end()
    use_file(place.bundle, replace(place.licence, serial=2))
    code, _, complained = place.call(*ENGLISH)
    assert code == Exit.OLD_FILE
    assert complained.startswith("The licence file is number 2, and this machine has already used number 3.")


def test_a_bundle_that_replaces_another_keeps_that_from_starting(place: Place, tmp_path: Path) -> None:
    Server.started(place.bundle, place.root).end()
    newer = unpacked(tmp_path / "new", replace(place.licence, bundle="L-1-2", replaces=("L-1-1",)))
    Server.started(newer, place.root).end()
    assert place.call(*ENGLISH)[0] == Exit.REPLACED


def test_it_can_be_started_from_bin_without_a_launcher(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FDL_HARNESS_BUNDLE")
    monkeypatch.chdir(place.bundle / "bin")
    (place.root / "etc/machine-id").write_text("another")
    assert place.call(*ENGLISH)[0] == Exit.FOREIGN_MACHINE
    monkeypatch.chdir(place.root)
    assert place.call(*ENGLISH)[0] == Exit.NO_BUNDLE


def test_the_launcher_says_what_is_missing(place: Place) -> None:
    told = subprocess.run(
        [place.bundle / "bin/server"], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert (told.returncode, "fdl-server is not installed" in told.stderr) == (127, True)


# Destroying.


def test_destroy_revokes_writes_the_receipt_and_leaves_no_way_back(place: Place, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(place.bundle, copy)
    code, printed, _ = place.call("-destroy", *ENGLISH)
    assert code == Exit.DONE
    assert "revoked for good" in printed
    receipt = read_receipt((place.bundle / "bin" / RECEIPT_NAME).read_bytes(), bundle_key(place.bundle).public)
    fields = (receipt.licence, receipt.bundle, receipt.machine)
    assert fields == ("L-1", "L-1-1", this_machine(place.root).fingerprint)
    for bundle in (place.bundle, copy):
        assert called(bundle, place.root, *ENGLISH).returncode == Exit.DESTROYED


def test_destroy_again_gives_the_same_receipt_again(place: Place) -> None:
    path = place.bundle / "bin" / RECEIPT_NAME
    place.call("-destroy")
    first = path.read_bytes()
    path.unlink()
    code, printed, _ = place.call("-destroy", *ENGLISH)
    assert (code, path.read_bytes()) == (Exit.DONE, first)
    assert "was destroyed on this machine before" in printed


def test_a_server_that_is_destroyed_as_it_starts_does_not_run(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    # The destruction comes between the finding of the bundle and the locks.
    def find_and_be_overtaken() -> Here:
        here = find()
        assert place.call("-destroy")[0] == Exit.DONE
        return here

    monkeypatch.setattr(running, "find", find_and_be_overtaken)
    assert place.call(*ENGLISH)[0] == Exit.DESTROYED


def test_a_second_destruction_waits_for_the_first(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destroying, "STOP_SECONDS", 0.2)
    monkeypatch.setattr("os.kill", lambda *_: pytest.fail("it must not be told to end"))
    with lock(place.record.lock, Role.DESTROYER):
        assert place.call("-destroy", *ENGLISH)[0] == Exit.SECOND_PROGRAM
    assert place.call("-destroy", *ENGLISH)[0] == Exit.DONE


def test_a_terminal_that_knows_no_chinese_gets_what_it_can_show(place: Place) -> None:
    told = subprocess.run(
        [*AS_ROOT, place.bundle / "bin/server", "-port", "0"],
        env=environment(place.root, PYTHONIOENCODING="latin-1"),
        capture_output=True,
        check=False,
    )
    assert told.returncode == Exit.USAGE
    assert b"Traceback" not in told.stderr


def test_destroy_stops_the_running_program_first(place: Place) -> None:
    with Server.started(place.bundle, place.root) as server:
        code, printed, _ = place.call("-destroy", *ENGLISH)
        assert code == Exit.DONE
        assert f"Stopping the running program (process {server.process.pid})." in printed
        server.process.communicate(timeout=30)
        assert server.process.returncode == 0


def test_destroy_leaves_the_program_of_another_licence_running(place: Place, tmp_path: Path) -> None:
    other = unpacked(tmp_path / "elsewhere", replace(place.licence, licence="L-2", bundle="L-2-1"))
    with Server.started(other, place.root) as server:
        assert place.call("-destroy", *ENGLISH)[0] == Exit.DONE
        assert server.process.poll() is None


def test_a_bundle_of_another_machine_cannot_be_destroyed_here(place: Place) -> None:
    (place.root / "etc/machine-id").write_text("another")
    assert place.call("-destroy", *ENGLISH)[0] == Exit.FOREIGN_MACHINE
    assert not (place.bundle / "bin" / RECEIPT_NAME).exists()


def test_without_its_key_a_bundle_is_not_destroyed(place: Place) -> None:
    (place.bundle / "receipt.key").unlink()
    code, _, complained = place.call("-destroy", *ENGLISH)
    assert (code, "receipt.key is missing or damaged" in complained) == (Exit.TAMPERED, True)
    assert place.record.receipt is None


def test_a_program_that_does_not_stop_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destroying, "STOP_SECONDS", 0)
    monkeypatch.setattr("os.kill", lambda *_: None)
    with lock(place.record.lock, Role.SERVER):
        code, _, complained = place.call("-destroy", *ENGLISH)
    assert code == Exit.SECOND_PROGRAM
    assert "does not stop. End it, then run -destroy again." in complained


def test_after_a_destruction_nothing_is_granted(place: Place) -> None:
    with Server.started(place.bundle, place.root) as server, server.client() as client:
        assert isinstance(ask(client, Register, "a"), Grant)
        use_file(place.bundle, replace(place.licence, serial=2, bundle="another"))
        assert isinstance(ask(client, Poll, "a", 2), Refusal)
