"""Server programs that are wrong on purpose."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from harness.planting import ProgramBugs, change, wrap

BUGS = ProgramBugs("fdl-server")


# Where and by whom it runs.


@BUGS.breaking("R010", "R039", "R075")
def starts_anywhere() -> None:
    """Takes every machine for the one that its bundle is for, as it starts."""
    change("reference_server.program.here.this_machine", _Licensed)


class _Licensed:
    """The machine that the bundle at hand is for."""

    @property
    def fingerprint(self) -> str:
        from reference_server.bundle import LICENCE_NAME, read_licence
        from reference_server.program.here import _bundle_folder

        return read_licence((_bundle_folder() / LICENCE_NAME).read_bytes()).machine


@BUGS.breaking("R012")
def looks_at_the_machine_once() -> None:
    """Does not look at the machine again while it runs."""
    change("reference_server.program.running.this_machine", _Licensed)


@BUGS.breaking("R014")
def beside_another_licence() -> None:
    """Runs beside the server of another bundle of its machine."""

    def locked(lock: Callable[..., AbstractContextManager[None]]) -> Callable[..., AbstractContextManager[None]]:
        def unless_of_the_machine(path: Path, role: Any) -> AbstractContextManager[None]:
            from reference_server.machine.identity import record_folder
            from reference_server.program.record import machine_lock

            return nullcontext() if path == machine_lock(record_folder()) else lock(path, role)

        return unless_of_the_machine

    wrap("reference_server.program.running.lock", locked)


@BUGS.breaking("R076", "R090", "R121")
def anybody_runs_it() -> None:
    """Runs, and destroys, for anybody."""
    change("reference_server.program.here.os.geteuid", lambda: 0)


@BUGS.breaking("R016")
def the_replaced_one_starts() -> None:
    """Starts though a newer bundle has taken its place."""
    change("reference_server.program.record.BundleRecord.replaced", property(lambda _: False))


@BUGS.breaking("R016", "R125")
def rises_from_the_dead() -> None:
    """Starts though it was destroyed."""
    if "-destroy" not in sys.argv:
        change("reference_server.program.record.BundleRecord.receipt", property(lambda _: None))


# Its options and what it shows.


@BUGS.breaking("R077")
def takes_another_port() -> None:
    """Listens at another port if its own is occupied."""

    def opened(open_port: Callable[[str, int], socket.socket]) -> Callable[[str, int], socket.socket]:
        def some(host: str, port: int) -> socket.socket:
            try:
                return open_port(host, port)
            except OSError:
                return open_port(host, 0)

        return some

    wrap("reference_server.program.running.open_port", opened)


def _typed(told: str, meant: str) -> None:
    sys.argv = [meant if each == told else each for each in sys.argv]


@BUGS.breaking("R078")
def takes_a_part_of_port() -> None:
    """Takes -por for -port, as many programs do."""
    _typed("-por", "-port")


@BUGS.breaking("R122")
def takes_a_part_of_destroy() -> None:
    """Takes -destro for -destroy."""
    _typed("-destro", "-destroy")


@BUGS.breaking("R079", "R124")
def english_by_default() -> None:
    """Speaks English unless it is told otherwise."""
    change("reference_server.program.cli.DEFAULT_LANGUAGE", "en")


@BUGS.breaking("R079")
def takes_any_language() -> None:
    """Takes a language that it does not know for the default one."""
    _typed("fr", "zh")


@BUGS.breaking("R080", "R089")
def the_port_comes_first() -> None:
    """Forgets the language if the port comes after it."""
    if sys.argv[1:2] == ["-language"] and "-port" in sys.argv:
        del sys.argv[1:3]


@BUGS.breaking("R124")
def destroys_in_chinese() -> None:
    """Speaks Chinese as it destroys, whatever it is told."""

    def destroying(destroy: Callable[[Any], None]) -> Callable[[Any], None]:
        def in_chinese(_: Any) -> None:
            from reference_server.program.messages import Speaker

            destroy(Speaker("zh"))

        return in_chinese

    wrap("reference_server.program.destroying.destroy", destroying)


@BUGS.breaking("R091")
def shows_no_port() -> None:
    """Shows its address without the port."""

    def spoken(say: Callable[..., str]) -> Callable[..., str]:
        def shortened(self: Any, text: Any, **values: Any) -> str:
            if "url" in values:
                values["url"] = values["url"].rpartition(":")[0]
            return say(self, text, **values)

        return shortened

    wrap("reference_server.program.messages.Speaker.say", spoken)


@BUGS.breaking("R068", "R096")
def certified_for_addresses_alone() -> None:
    """Leaves the domain out of its certificate."""

    def certified(certificate: Callable[[Path, list[str]], Any]) -> Callable[[Path, list[str]], Any]:
        return lambda folder, names: certificate(folder, [name for name in names if not name.endswith(".com")])

    wrap("reference_server.program.running.certificate", certified)


# Its life.


@BUGS.breaking("R081")
def ctrl_c_kills_it() -> None:
    """Dies of Ctrl-C."""

    def signalled(end_on_signals: Callable[[Any], None]) -> Callable[[Any], None]:
        def but_one(server: Any) -> None:
            end_on_signals(server)
            change("uvicorn.server.HANDLED_SIGNALS", (signal.SIGTERM,))
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        return but_one

    wrap("reference_server.program.running.end_on_signals", signalled)


@BUGS.breaking("R084")
def dies_with_its_session() -> None:
    """Dies of a hang-up, with nohup too."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@BUGS.breaking("R084")
def needs_no_nohup() -> None:
    """Survives a hang-up by itself."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


@BUGS.breaking("R085")
def hides() -> None:
    """Runs under another name."""
    if "-port" in sys.argv:
        os.environ["HIDDEN"] = "from reference_server.program.cli import main; main()"
        code = "import os; exec(os.environ['HIDDEN'])"
        os.execv(sys.executable, [sys.executable, "-c", code, *sys.argv[1:]])


@BUGS.breaking("R086")
def leaves_a_service() -> None:
    """Has itself started again by the system."""

    def running(run: Callable[[Any, int], None]) -> Callable[[Any, int], None]:
        def installed(speaker: Any, port: int) -> None:
            from reference_server.machine.identity import machine_root

            service = machine_root() / "etc/systemd/system/fdl.service"
            service.parent.mkdir(parents=True, exist_ok=True)
            service.write_text("[Service]\nRestart=always\n")
            run(speaker, port)

        return installed

    wrap("reference_server.program.running.run", running)


@BUGS.breaking("R088", "R089")
def not_from_bin() -> None:
    """Does not start in bin."""
    if Path.cwd().name == "bin" and "-destroy" not in sys.argv and "-destro" not in "".join(sys.argv):
        raise SystemExit(4)


# Destroying.


@BUGS.breaking("R123")
def a_receipt_where_it_was_called() -> None:
    """Leaves a copy of the receipt in the folder that it was called from."""

    def written(write: Callable[[Path, bytes], None]) -> Callable[[Path, bytes], None]:
        def both(path: Path, data: bytes) -> None:
            write(path, data)
            write(Path.cwd() / path.name, data)

        return both

    wrap("reference_server.program.destroying.write_whole", written)


@BUGS.breaking("R125")
def lets_the_running_one_run() -> None:
    """Destroys without ending the server that runs."""
    change("reference_server.program.destroying.lock", lambda *_: nullcontext())


@BUGS.breaking("R126")
def a_new_receipt_each_time() -> None:
    """Destroys anew what was destroyed, with another receipt."""
    if "-destroy" in sys.argv:
        change("reference_server.program.record.BundleRecord.receipt", property(lambda _: None))


@BUGS.breaking("R126", "R127", "R128", "R129")
def a_receipt_for_no_machine() -> None:
    """Leaves the machine out of the receipt."""

    def made(receipt: Callable[..., Any]) -> Callable[..., Any]:
        return lambda **fields: receipt(**{**fields, "machine": "0" * 64})

    wrap("reference_server.program.destroying.Receipt", made)
