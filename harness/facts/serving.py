"""Facts about the server program: who may run it and where, its options, its languages and its life (R010 to R091)."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from harness.facts.checking import NotCheckedError, checks
from harness.facts.mails import mail, mail_of_another
from harness.facts.programs import Done, Server, is_listening
from harness.facts.workshop import ENGLISH, LOOPBACK, Place, Workshop
from harness.wires.installed import free_port

__all__: list[str] = []

_HAN = re.compile("[\u4e00-\u9fff]")
#: The word for "server" in Simplified Chinese; in Traditional Chinese it has other characters.
_SIMPLIFIED = "服务器"


def _place(workshop: Workshop) -> Place:
    """A bundle whose server several facts start and stop, one after the other."""
    return workshop.licensed(Authorization_capacity="99")


# Where and by whom.


@checks("R010", "R075")
def on_its_machine_alone(workshop: Workshop) -> None:
    """A server starts on the machine that its bundle is for. It does not if another one's identity stands there, or
    none (exit code 6).
    """
    place = workshop.once(_place)
    with workshop.running(place, *ENGLISH):
        pass
    workshop.refused(place, 6, *ENGLISH, machine=workshop.machine("two"))
    nameless = workshop.machine()
    (nameless / "etc/machine-id").unlink()
    workshop.refused(place, 6, *ENGLISH, machine=nameless)


@checks("R012")
def a_virtual_machine_is_a_bad_host(workshop: Workshop) -> None:
    """A node is granted a registration; then the identity of the running server's machine changes, and the node is
    refused with "Incorrect License Format". The machine tool warns of a machine whose product is a virtual one, and of
    no other.
    """
    place, state = workshop.licensed(), workshop.folder() / "node"
    with workshop.running(place, *ENGLISH) as server:
        workshop.node(place, server.url, state).must_end_with(0)
        (place.machine / "etc/machine-id").write_text("another\n", encoding="utf-8")
        done = workshop.node(place, server.url, state)
        refused = done.code == 1 and "Incorrect License Format" in done.printed
        done.must(refused, 'exit code 1 and "Incorrect License Format"')
    for product, warned in (("VMware Virtual Platform", True), ("PowerEdge R650", False)):
        done = workshop.run("fdl-machine", machine=workshop.machine(product_name=product)).must_end_with(0)
        done.must(("warning" in done.printed) == warned, f"{'a' if warned else 'no'} warning of a {product}")


@checks("R014")
def one_program_on_a_machine(workshop: Workshop) -> None:
    """While a server runs, neither a second one of its folder, nor a copy in another folder, nor the server of another
    bundle of the machine starts on another port (exit code 7). The issuer makes no second bundle of another licence for
    a machine.
    """
    place, _ = workshop.shared()
    copy = workshop.folder() / "copy"
    shutil.copytree(place.bundle, copy)
    # Another issuer knows nothing of the first bundle, and then refuses the licence of that.
    desk = workshop.desk()
    desk.issue(mail_of_another(workshop.rif(place.machine), LOOPBACK)).must_end_with(0)
    for bundle in (place.bundle, copy, desk.unpacked()):
        workshop.refused(Place(place.machine, bundle), 7, *ENGLISH)
    done = desk.issue(mail(workshop.rif(place.machine)))
    done.must(done.code == 1 and "refused  R014  " in done.printed, "exit code 1, refused for R014")


@checks("R076", "R090")
def an_administrator_runs_it(workshop: Workshop) -> None:
    """Run by somebody else than root, the server ends with exit code 3 and says so; nothing listens at its port."""
    place, port = workshop.once(_place), free_port()
    for command in ((), ("fdl-server",)):
        done = workshop.refused(place, 3, *ENGLISH, command=command, inside=place.bundle, port=port, admin=False)
        done.must("administrator" in done.complained, "that it wants an administrator")
        done.must(not is_listening(port), f"that nothing listens at {port}")


# Options.


@checks("R077")
def an_occupied_port(workshop: Workshop) -> None:
    """With a port at which somebody else listens the server does not start: it ends with exit code 9 and names the
    port.
    """
    place = workshop.once(_place)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = workshop.refused(place, 9, *ENGLISH, port=port)
    done.must(str(port) in done.complained, f"the port {port} in its message")


@checks("R078")
def another_port(workshop: Workshop) -> None:
    """With -port N the server listens at N. A part of the option's name, two dashes, no number, and a number that is no
    port are wrong calls (exit code 2).
    """
    place, server = workshop.shared()
    server.done.must(is_listening(server.port), f"a server that listens at {server.port}")
    wrong = [("-por", "8088"), ("--port", "8088"), ("-port", "x"), ("-port", "0"), ("-port", "65536")]
    for options in wrong:
        workshop.refused(place, 2, command=(place.launcher, *options), port=0)


@checks("R079")
def two_languages(workshop: Workshop) -> None:
    """Without -language the server speaks Simplified Chinese: in its banner and in a refusal. With -language en
    it speaks English, and with zh Chinese. Another language is a wrong call (exit code 2).
    """
    place = workshop.once(_place)
    with workshop.running(place) as server:
        server.done.must(_SIMPLIFIED in server.printed, f"a banner with {_SIMPLIFIED}")
    _, english = workshop.shared()
    english.done.must(not _HAN.search(english.printed) and "Server Address" in english.printed, "a banner in English")
    for options, chinese in (((), True), (("-language", "zh"), True), (ENGLISH, False)):
        done = workshop.refused(place, 2, command=(place.launcher, "-port", "0", *options), port=0)
        done.must(bool(_HAN.search(done.said)) == chinese, f"{'Chinese' if chinese else 'no Chinese'}")
    workshop.refused(place, 2, "-language", "fr")


@checks("R080")
def both_options_in_any_order(workshop: Workshop) -> None:
    """-port N -language en and -language en -port N both start a server at N that speaks English."""
    place = workshop.once(_place)
    for before, after in (((), ENGLISH), (ENGLISH, ())):
        with workshop.running(place, *after, command=(place.launcher, *before)) as server:
            server.done.must(is_listening(server.port), f"a server that listens at {server.port}")
            server.done.must("Server Address" in server.printed, "a banner in English")


@checks("R089")
def the_form_of_the_language_on_linux(workshop: Workshop) -> None:
    """In bin, ./server -language en starts a server that speaks English."""
    place = workshop.once(_place)
    command = {"command": ("./server", *ENGLISH), "inside": place.bundle / "bin"}
    with workshop.running(place, **command) as server:
        server.done.must("Server Address" in server.printed and not _HAN.search(server.printed), "a banner in English")


@checks("R091")
def the_banner(workshop: Workshop) -> None:
    """A server that has started shows https://, its IP address and its port; a node registers at just that address."""
    place, server = workshop.shared()
    shown = re.findall(r"https://[\d.]+:\d+", server.printed)
    server.done.must(server.url in shown, f"{server.url} in its banner")
    workshop.node(place, shown[0], workshop.folder() / "node").must_end_with(0)


@checks("R068", "R096")
def the_certificate(workshop: Workshop) -> None:
    """The server's certificate is good for the domain that was applied for and for the server's address, and for no
    other name. Without a domain it is good for the address, and the issuer warns that there is none.
    """
    place, server = workshop.shared()
    _must_vouch(place, server, {"licence.example.com": True, "127.0.0.1": True, "other.example.com": False})
    desk, root = workshop.desk(), workshop.machine()
    rows = {**LOOPBACK, "Authorization server domain": ""}
    done = desk.issue(mail(workshop.rif(root), fields=rows)).must_end_with(0)
    done.must("warning  R068  " in done.printed, "a warning of R068")
    lonely = Place(root, desk.unpacked())
    with workshop.running(lonely, *ENGLISH) as server:
        _must_vouch(lonely, server, {"licence.example.com": False, "127.0.0.1": True})


def _must_vouch(place: Place, server: Server, good: dict[str, bool]) -> None:
    """The certificate of a server is good for just those names that are said to be."""
    context = ssl.create_default_context(cafile=str(place.ca))
    for name, expected in good.items():
        with socket.create_connection(("127.0.0.1", server.port)) as plain:
            try:
                context.wrap_socket(plain, server_hostname=name).close()
                found = True
            except ssl.SSLCertVerificationError:
                found = False
        server.done.must(found == expected, f"a certificate that is {'' if expected else 'not '}for {name}")


# Its life.


@checks("R081")
def it_runs_until_it_is_told_to_end(workshop: Workshop) -> None:
    """A server runs, with nobody at its input, until SIGTERM or Ctrl-C; then it says so, ends with exit code 0, and its
    port is free.
    """
    place = workshop.once(_place)
    for how in (signal.SIGTERM, signal.SIGINT):
        with workshop.running(place, *ENGLISH) as server:
            server.end(how)
            told = server.code == 0 and "has stopped" in server.printed
            server.done.must(told, "exit code 0, and that it has stopped")
            server.done.must(not is_listening(server.port), "that its port is free")


@contextmanager
def _left(workshop: Workshop, typed: str, folder: str) -> Iterator[tuple[Done, int, int]]:
    """Type a command in a shell that is left at once, and give what came of it: the port of its server, and its
    process.
    """
    place, port, patience_s = workshop.once(_place), free_port(), workshop.commands.patience_s
    command = f"{typed.format(port=port)} > /dev/null 2>&1 & echo $!; exit"
    inside = place.bundle / folder
    # Who runs this under nohup hands it down that a hang-up is ignored.
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        done = workshop.run("sh", "-c", command, machine=place.machine, inside=inside).must_end_with(0)
    finally:
        signal.signal(signal.SIGHUP, before)
    pid = int(done.printed)
    try:
        done.await_that(lambda: is_listening(port), f"a server that listens at {port}", patience_s)
        yield done, port, pid
    finally:
        _signal(pid, signal.SIGTERM)
        done.await_that(lambda: not is_listening(port), "a server that ends when it is told to", patience_s)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


@checks("R084")
def nohup_outlives_the_session(workshop: Workshop) -> None:
    """From the root of the bundle, nohup ./bin/server & starts a server that runs on when the shell is left and its
    session hangs up (SIGHUP). Without nohup the hang-up ends it.
    """
    with _left(workshop, "nohup ./bin/server -port {port}", ".") as (_, port, pid):
        _signal(pid, signal.SIGHUP)
        place = workshop.once(_place)
        node = workshop.node(place, f"https://127.0.0.1:{port}", workshop.folder() / "node")
        node.must("request 1 was granted" in node.printed, "a grant of the server whose session has hung up")
    with _left(workshop, "./bin/server -port {port}", ".") as (done, port, pid):
        _signal(pid, signal.SIGHUP)
        done.await_that(lambda: not is_listening(port), "that the hang-up ends it", workshop.commands.patience_s)


@checks("R085")
def a_look_at_the_processes(workshop: Workshop) -> None:
    """While a server runs, ps -ef lists a process with the word server in its command and the server's port."""
    _, server = workshop.shared()
    if shutil.which("ps") is None:
        raise NotCheckedError("ps is not installed")
    done = workshop.run("ps", "-ef").must_end_with(0)
    lines = [line.split() for line in done.printed.splitlines() if str(server.port) in line.split()]
    found = any("server" in word for line in lines for word in line[7:] if "-" not in word[:1])
    done.must(found, f"a process with server and {server.port} in its command")


@checks("R086")
def nothing_starts_it_again(workshop: Workshop) -> None:
    """A server that was killed leaves nothing on its machine beside its record in var/lib/fdl-harness, and nothing that
    listens at its port: no service starts it again.
    """
    place = workshop.licensed()
    before = _files(place)
    with workshop.running(place, *ENGLISH) as server:
        server.end(signal.SIGKILL)
        left = sorted(_files(place) - before)
        server.done.must(left and all(name.startswith("var/lib/fdl-harness/") for name in left), "just its record left")
        server.done.must(not is_listening(server.port), "that nothing listens at its port")


def _files(place: Place) -> set[str]:
    found = (each for each in place.machine.rglob("*") if each.is_file())
    return {str(each.relative_to(place.machine)) for each in found}


@checks("R087")
def the_archive_is_unzipped(workshop: Workshop) -> None:
    """unzip FanruanLicenseServer.zip makes a folder FanruanLicenseServer, and bin/server in it can be run at once."""
    if shutil.which("unzip") is None:
        raise NotCheckedError("unzip is not installed")
    desk, root = workshop.desk(), workshop.machine()
    desk.issue(mail(workshop.rif(root))).must_end_with(0)
    folder = workshop.folder()
    shutil.copy(desk.archive, folder)
    workshop.run("unzip", "-q", "FanruanLicenseServer.zip", inside=folder).must_end_with(0)
    workshop.run("FanruanLicenseServer/bin/server", "-help", machine=root, inside=folder).must_end_with(0)


@checks("R088")
def in_bin_with_nohup(workshop: Workshop) -> None:
    """In bin, nohup ./server & starts the server of the bundle; so does its command from any other folder."""
    with _left(workshop, "nohup ./server -port {port}", "bin"):
        pass
    place = workshop.once(_place)
    with workshop.running(place, inside=workshop.folder()):
        pass
