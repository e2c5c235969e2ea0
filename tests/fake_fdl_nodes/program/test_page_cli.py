"""The command fdl-node page: it walks, registers for real, and tells what is wrong with a call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fake_fdl_nodes.program.cli import main
from tests.programs import Server, free_port, licence, machine, unpacked

NOWHERE = "https://127.0.0.1:1"
MANAGEMENT = ("System Management", "Registration Management")
WAY = (*MANAGEMENT, "Version Information", "Register Now")


def submit(server: str) -> tuple[str, ...]:
    return (*WAY, "Authentication Method=Private Cloud", f"Server Address={server}", "Submit")


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server with two slots; each test that takes any gives them back."""
    folder = tmp_path_factory.mktemp("server")
    root = machine(folder / "m")
    made = Server.started(unpacked(folder / "b", licence(root)), root)
    yield made
    made.end()


def call(*arguments: str) -> Result:
    done = CliRunner().invoke(main, list(arguments), env={"COLUMNS": "120"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def page(*arguments: str) -> Result:
    return call("page", *arguments)


def test_without_a_step_it_shows_where_the_way_begins_and_keeps_nothing(inside: Path) -> None:
    done = page()
    assert (done.exit_code, done.output) == (0, "FineDataLink\n[System Management]\n")
    assert page(*WAY).exit_code == 0
    assert list(inside.iterdir()) == []


@pytest.mark.usefixtures("inside")
def test_submit_registers_the_node_as_the_command_would(server: Server) -> None:
    new = ("--application", "report1", "--ca", str(server.ca), "--address", "127.0.0.1", "--name", "n")
    done = page(*submit(server.url), *new)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "Registration succeeded",
        "  status            registered",
        "  Max Connections   2",
        "  Function points   FineDataLink",
        "  Access domain     any",
        "  Access port       any",
        "  Application name  any",
        "  Expires           never",
        "[Back]",
    ]
    assert "status            registered" in call("status").output
    # It is known now, so nothing has to be said of it again, and what fails is said where one looks for it.
    gone = page(*submit(f"https://127.0.0.1:{free_port()}"), "Back")
    assert gone.exit_code == 1
    assert "n  interrupted  /: the authorization server cannot be reached  [View Error Details]" in gone.output
    assert page(*submit(server.url)).exit_code == 0
    body = json.loads(Path("node-state.json").read_text())
    assert (body["setup"]["name"], body["setup"]["application"], body["ca"]) == ("n", "report1", str(server.ca))
    assert body["state"]["number"] == 3
    shown = page(*MANAGEMENT)
    assert shown.exit_code == 0
    assert "View Error Details" not in shown.output
    assert call("unbind").exit_code == 0


@pytest.mark.usefixtures("inside")
def test_what_an_option_says_of_a_known_node_is_changed(server: Server) -> None:
    new = ("--application", "report1", "--ca", str(server.ca), "--address", "127.0.0.1", "--cluster", "c")
    assert page(*submit(server.url), *new).exit_code == 0
    assert page(*submit(server.url), "--address", "127.0.0.2", "--access-port", "8443").exit_code == 0
    setup = json.loads(Path("node-state.json").read_text())["setup"]
    assert (setup["address"], setup["port"], setup["cluster"]) == ("127.0.0.2", 8443, "c")
    assert call("unbind").exit_code == 0


@pytest.mark.usefixtures("inside")
def test_a_cluster_registers_member_by_member_and_shows_all(server: Server) -> None:
    states = [word for name in "abc" for word in ("--state", name)]
    options = ["--application", "report1", "--ca", str(server.ca), "--cluster", "c"]
    options += [word for k in (1, 2, 3) for word in ("--address", f"127.0.0.{k}", "--name", f"n-{k}")]
    done = page(*submit(server.url), *states, *options)
    assert done.exit_code == 1
    # Two slots for three members, in order.
    assert done.output.splitlines()[1:4] == [
        "  n-1  registered",
        "  n-2  registered",
        "  n-3  30007 REGISTER_OUT_OF_LIMIT: every licensed slot is taken",
    ]
    shown = page(*MANAGEMENT, "View Error Details of n-3", *states)
    assert shown.exit_code == 0
    assert shown.output.splitlines()[1] == "  node        n-3"
    for state in "ab":
        assert call("unbind", "--state", state).exit_code == 0


@pytest.mark.usefixtures("inside")
def test_unbind_gives_the_slot_back_once(server: Server) -> None:
    new = ("--application", "report1", "--ca", str(server.ca), "--address", "127.0.0.1", "--name", "n")
    assert page(*submit(server.url), *new).exit_code == 0
    unbind = (*MANAGEMENT, "Unbind", "Unbind")
    done = page(*unbind)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == ["The slot was given back", "  n  unregistered", "[Back]"]
    with server.client() as client:
        assert client.get("/v1/status").json()["registered"] == 0
    again = page(*unbind)
    assert again.exit_code == 1
    assert again.output.splitlines()[0] == "Unbinding failed"
    assert "20000 DO_NOT_NEED_DEACTIVATE" in again.output
    (header, row) = call("failures", "--csv").output.splitlines()
    assert header == "time,node,reason"
    assert row.split(",")[1] == "n"
    assert "20000 DO_NOT_NEED_DEACTIVATE" in row


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["Register Now"], "the page 'FineDataLink' has no button 'Register Now'; it has 'System Management'"),
        (["Server Address=x"], "the page 'FineDataLink' has no field 'Server Address'; it has none"),
        ([*WAY, "Port=1"], "has no button 'Port=1'; it has 'Submit', 'Back'"),
        ([*submit(NOWHERE)], "--application: found none, expected one, since node-state.json was never registered"),
        ([*submit(NOWHERE), "--application", ""], "application: found ''"),
        ([*submit(NOWHERE), "--application", "a", "--address", "::1"], "not an IPv4 address"),
        ([*submit(NOWHERE), "--application", "a", "--state", "a", "--state", "b"], "not of one cluster"),
        (["--state", "a", "--state", "./a"], "--state: found the same file twice"),
        (["--state", "a", "--state", "b", "--name", "n"], "--name: found 1 of them, expected one for each --state (2)"),
        (["--address", "127.0.0.1", "--address", "127.0.0.2"], "--address: found 2 of them"),
        (["--state", "a", "--state", "b", "--name", "n", "--name", "n"], "two of the nodes have one name"),
    ],
)
def test_a_wrong_call_is_told_and_nothing_is_kept(inside: Path, arguments: list[str], says: str) -> None:
    done = page(*arguments)
    assert done.exit_code == 2
    assert says in " ".join(done.output.split())
    assert list(inside.iterdir()) == []


def test_a_damaged_file_is_told(inside: Path) -> None:
    (inside / "node-state.json").write_text("{}")
    done = page(*MANAGEMENT)
    assert (done.exit_code, "node-state.json: damaged" in done.output) == (2, True)


def test_a_form_that_is_not_sent_is_a_failure(inside: Path) -> None:
    done = page(*WAY, "Submit", "--application", "a")
    assert (done.exit_code, "Authentication Method: found nothing" in done.output) == (1, True)
    assert list(inside.iterdir()) == []
