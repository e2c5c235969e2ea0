"""The events of a scenario file, verb by verb: what each means, and the mistakes that one can make with it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from harness.scenario import Certificate, Event, ServerSpec, Verb
from harness.scenario_file import Problem, ScenarioError, loads

START = 1_772_323_200_000_000
SECOND = 1_000_000
HOUR = 3600 * SECOND

HEAD = """\
title = "events"
start = 2026-03-01T00:00:00Z
duration = "3d"

[licence]
capacity = 3
addresses = ["192.168.100.25 - 192.168.100.40"]

{server}

[[nodes]]
name = "fdl"
count = 2
address = "192.168.100.25"
application = "report1"

[[nodes]]
name = "copy"
address = "192.168.100.30"
application = "report1"
clone_of = "fdl-1"

"""


def text(*events: str, server: str = "") -> str:
    """Return a scenario with ``events``, each the lines of one table."""
    return HEAD.format(server=server) + "\n".join(f"[[events]]\n{each}\n" for each in events)


def one(keys: str, **more: Any) -> Event:
    """Return the event of one table, at 1 h."""
    (event,) = loads(text(f'at = "1h"\n{keys}', **more)).events
    return event


def wrong(*events: str, **more: Any) -> list[Problem]:
    with pytest.raises(ScenarioError) as caught:
        loads(text(*events, **more))
    return list(caught.value.problems)


ALL = ("fdl-1", "fdl-2", "copy")


@pytest.mark.parametrize(
    ("keys", "meant"),
    [
        ('do = "network.delay"\nby = "1s"', {"by_us": SECOND, "nodes": ALL, "direction": "both"}),
        (
            'do = "network.delay"\njitter = "20ms"\ndistribution = "pareto"\ndirection = "answers"\nnode = "fdl-2"',
            {"jitter_us": 20_000, "distribution": "pareto", "direction": "answers", "nodes": ("fdl-2",)},
        ),
        ('do = "network.loss"\npercent = 12.5', {"percent": Fraction(25, 2)}),
        ('do = "network.corrupt"\npercent = 100', {"percent": Fraction(100)}),
        ('do = "network.reorder"\npercent = 5\nby = "2h"', {"percent": Fraction(5), "by_us": 2 * HOUR}),
        ('do = "network.duplicate"\npercent = 5\nby = "0s"\nlasts = "1h"', {"by_us": 0, "until_us": 2 * HOUR}),
        ('do = "firewall.drop"', {"port": None}),
        ('do = "firewall.reject"\nport = 8081\ndirection = "requests"', {"port": 8081, "direction": "requests"}),
        ('do = "nat.add"\naddress = "10.0.0.1"', {"address": 0x0A000001, "kind": "masquerade"}),
        (
            'do = "nat.add"\nkind = "carrier"\naddress = "10.0.0.1"\nlast_address = "10.0.0.9"',
            {"kind": "carrier", "last_address": 0x0A000009},
        ),
        ('do = "node.uplink"\nnode = "fdl-1"\naddress = "10.0.0.1"', {"nodes": ("fdl-1",), "address": 0x0A000001}),
        ('do = "forward.add"\naddress = "10.0.0.1"\nhairpin = true', {"hairpin": True}),
        ('do = "server.move"\naddress = "10.0.0.1"', {"address": 0x0A000001}),
        ('do = "node.point"\nnode = "fdl-*"\naddress = "10.0.0.1"', {"address": 0x0A000001}),
        ('do = "node.point"\nnode = "fdl-*"', {"address": None}),
        ('do = "node.report"\nnode = "fdl-1"\ntext = "fd00::25"', {"nodes": ("fdl-1",), "text": "fd00::25"}),
        ('do = "node.report"\nnode = "fdl-1"\ntext = "x"\nwhole = true', {"text": "x", "whole": True}),
        # The nodes are at 192.168.100.25 and .26, the copy at .30.
        ('do = "network.cut"\nnode = "192.168.100.24/30"', {"nodes": ("fdl-1", "fdl-2")}),
        ('do = "network.cut"\nnode = "192.168.100.30/32"', {"nodes": ("copy",)}),
        ('do = "dns.change"\naddress = "10.0.0.1"', {"address": 0x0A000001}),
        ('do = "dns.stop"\nlasts = "1h"', {"until_us": 2 * HOUR}),
        ('do = "tls.use"', {"certificate": Certificate()}),
        (
            'do = "tls.use"\nca = "new"\nname = "fdl.example.com"\n'
            "valid_from = 2026-03-01T00:00:00Z\nvalid_until = 2026-03-01T01:00:00Z",
            {"certificate": Certificate(ca="new", name="fdl.example.com", from_us=START, until_us=START + HOUR)},
        ),
        ('do = "tls.trust"\nca = "new"', {"ca": "new", "nodes": ALL}),
        ('do = "answer.spoil"\nhow = "forged"', {"how": "forged", "nodes": ALL}),
        ('do = "server.crash_at"', {"moment": "stored"}),
        ('do = "server.slow"\nby = "10s"', {"by_us": 10 * SECOND}),
        ('do = "disk.fill"\nlasts = "1h"', {"until_us": 2 * HOUR}),
        ('do = "identity.drift"', {"until_us": None}),
        ('do = "server.second"', {}),
        ('do = "node.clone"\nnode = "copy"', {"nodes": ("copy",), "of": "fdl-1"}),
        ('do = "licence.change"\ncapacity = 5', {"changes": (("capacity", 5),)}),
        (
            # Through the end of 2026-03-02 in a zone eight hours ahead: 40 h after the start.
            'do = "licence.change"\nexpires = 2026-03-02\nzone = "UTC+08:00"\naddresses = ["10.0.0.1"]',
            {"changes": (("ranges", ((0x0A000001, 0x0A000001),)), ("expires_us", START + 40 * HOUR))},
        ),
    ],
)
def test_what_an_event_means(keys: str, meant: dict[str, Any]) -> None:
    event = one(keys)
    assert event.at_us == HOUR
    assert {key: getattr(event, key) for key in meant} == meant


def test_the_server_and_what_happens_to_its_program_by_itself() -> None:
    assert loads(text()).server == ServerSpec()
    server = '[server]\naddress = "10.0.0.1"\nport = 443\nname = "fdl.example.org"\nttl = "1h"\nautostart = true'
    meant = ServerSpec(address=0x0A000001, port=443, name="fdl.example.org", ttl_us=HOUR, autostart=True)
    assert loads(text(server=server)).server == meant
    # Where the program starts with the machine, a reboot is over when the machine is back; else somebody starts it.
    for verb in ("server.reboot", "server.power_loss"):
        reboot = f'do = "{verb}"\nlasts = "5m"'
        assert one(reboot, server=server).until_us == HOUR + 300 * SECOND
        (problem,) = wrong(f'at = "1h"\n{reboot}')
        assert "nothing starts the program" in str(problem)
    # The end of a session is nothing to a program that was started with nohup.
    assert one('do = "server.logout"').idle
    assert not one('do = "server.logout"', server="[server]\nnohup = false").idle


def test_a_rollback_has_the_instant_whose_state_comes_back() -> None:
    stop, back = loads(text('at = "2h"\ndo = "server.stop"', 'at = "3h"\ndo = "server.rollback"\nto = "1h"')).events
    assert (stop.verb, back.verb, back.to_us) == (Verb.SERVER_STOP, Verb.SERVER_ROLLBACK, HOUR)


STOP = 'at = "1h"\ndo = "server.stop"'


@pytest.mark.parametrize(
    ("events", "key", "piece"),
    [
        (['at = "1h"\ndo = "network.delay"'], "events[0]", "at least one of them"),
        (['at = "1h"\ndo = "network.delay"\njitter = "1s"'], "events[0].jitter", "other than constant"),
        (
            ['at = "1h"\ndo = "network.delay"\nby = "1s"\ndistribution = "normal"'],
            "events[0].distribution",
            "the measure of it",
        ),
        (['at = "1h"\ndo = "network.delay"\nby = "-1s"'], "events[0].by", "without a sign"),
        (['at = "1h"\ndo = "network.loss"'], "events[0].percent", "network.loss needs"),
        (['at = "1h"\ndo = "network.loss"\npercent = 0'], "events[0].percent", "above 0, at most 100"),
        (['at = "1h"\ndo = "network.loss"\npercent = 101'], "events[0].percent", "above 0, at most 100"),
        (['at = "1h"\ndo = "network.loss"\npercent = nan'], "events[0].percent", "above 0, at most 100"),
        (['at = "1h"\ndo = "network.loss"\npercent = true'], "events[0].percent", "above 0, at most 100"),
        (['at = "1h"\ndo = "network.duplicate"\npercent = 5'], "events[0].by", "network.duplicate needs"),
        (['at = "1h"\ndo = "firewall.drop"\nport = 0'], "events[0].port", "greater than or equal to 1"),
        (['at = "1h"\ndo = "nat.add"'], "events[0].address", "nat.add needs"),
        (['at = "1h"\ndo = "nat.add"\naddress = "1.2.3.4"\nkind = "snat"'], "events[0].kind", "masquerade"),
        (
            ['at = "1h"\ndo = "nat.add"\naddress = "1.2.3.4"\nlast_address = "1.2.3.5"'],
            "events[0].last_address",
            "carrier",
        ),
        (
            ['at = "1h"\ndo = "nat.add"\nkind = "carrier"\naddress = "1.2.3.4"\nlast_address = "1.2.3.3"'],
            "events[0].last_address",
            "before the first one",
        ),
        (['at = "1h"\ndo = "nat.add"\nkind = "carrier"\naddress = "1.2.3.4"'], "events[0].kind", "the last address"),
        (['at = "1h"\ndo = "network.cut"\nnode = "10.0.0.0/8"'], "events[0].node", "in which no node is"),
        (['at = "1h"\ndo = "network.cut"\nnode = "192.168.100.25/24"'], "events[0].node", "host bits set"),
        (['at = "1h"\ndo = "network.cut"\nnode = "192.168.100.0/33"'], "events[0].node", "subnet such as"),
        (['at = "1h"\ndo = "server.logout"\nlasts = "5m"'], "events[0].lasts", "server.logout does not take"),
        (
            ['at = "1h"\ndo = "nat.add"\nkind = "one-to-one"\naddress = "255.255.255.254"'],
            "events[0].address",
            "3 addresses from there on",
        ),
        (['at = "1h"\ndo = "nat.remove"'], "events[0].do", "nothing to undo"),
        (['at = "1h"\ndo = "firewall.lift"'], "events[0].do", "firewall.drop or firewall.reject"),
        (['at = "1h"\ndo = "dns.start"'], "events[0].do", "dns.stop"),
        (['at = "1h"\ndo = "disk.clear"'], "events[0].do", "disk.fill"),
        (['at = "1h"\ndo = "identity.restore"'], "events[0].do", "identity.drift"),
        (['at = "1h"\ndo = "forward.remove"'], "events[0].do", "forward.add"),
        (
            [
                'at = "1h"\ndo = "tls.use"\nvalid_from = 2026-03-02T00:00:00Z\nvalid_until = 2026-03-01T00:00:00Z',
            ],
            "events[0].valid_until",
            "an end before the beginning",
        ),
        (
            ['at = "1h"\ndo = "tls.use"\nvalid_from = 2026-03-02'],
            "events[0].valid_from",
            "an offset date-time",
        ),
        (['at = "1h"\ndo = "answer.spoil"'], "events[0].how", "answer.spoil needs"),
        (['at = "1h"\ndo = "answer.spoil"\nhow = "forge"'], "events[0].how", "did you mean forged?"),
        (['at = "1h"\ndo = "server.crash_at"\nmoment = "store"'], "events[0].moment", "did you mean stored?"),
        (['at = "1h"\ndo = "server.slow"'], "events[0].by", "server.slow needs"),
        (['at = "1h"\ndo = "server.rollback"\nto = "30m"'], "events[0].at", "server.rollback while server runs"),
        ([STOP, 'at = "2h"\ndo = "server.rollback"\nto = "3h"'], "events[1].to", "after the event itself"),
        ([STOP, 'at = "2h"\ndo = "server.rollback"'], "events[1].to", "server.rollback needs"),
        (
            ['at = "2h"\ndo = "node.rollback"\nnode = "fdl-*"\nto = "1h"'],
            "events[0].at",
            "node.rollback while fdl-1 runs",
        ),
        (['at = "1h"\ndo = "node.clone"\nnode = "fdl-1"'], "events[0].node", "expected copy"),
        (
            ['at = "1h"\ndo = "node.clone"\nnode = "copy"', 'at = "2h"\ndo = "node.clone"\nnode = "copy"'],
            "events[1].node",
            "one copy for each node",
        ),
        ([STOP, 'at = "2h"\ndo = "server.reboot"'], "events[1].at", "already down"),
        ([STOP, 'at = "2h"\ndo = "server.power_loss"'], "events[1].at", "already down"),
        (['at = "1h"\ndo = "licence.change"'], "events[0]", "nothing that changes"),
        (['at = "1h"\ndo = "licence.change"\nzone = "UTC"'], "events[0]", "nothing that changes"),
        (
            ['at = "1h"\ndo = "licence.change"\ncapacity = 1\nzone = "UTC"'],
            "events[0].zone",
            "zone without expires",
        ),
        (['at = "1h"\ndo = "licence.change"\ncapacity = 0'], "events[0].capacity", "greater than or equal to 1"),
    ],
)
def test_a_mistake_is_told_by_its_key(events: list[str], key: str, piece: str) -> None:
    found = [problem for problem in wrong(*events) if problem.key == key]
    assert found, wrong(*events)
    assert piece in str(found[0])


@pytest.mark.parametrize(
    ("node", "key", "piece"),
    [
        ('clone_of = "fdl-9"', "nodes[1].clone_of", "one of fdl-1"),
        ('clone_of = "copy"', "nodes[1].clone_of", "one of fdl-1"),
        ('clone_of = "fdl-1"\nregister = "1h"', "nodes[1].register", "node.clone gives it its state"),
        ('clone_of = "fdl-1"\ncount = 2', "nodes[1].clone_of", "one at a time"),
        ("by_name = 1", "nodes[1].by_name", "true or false"),
    ],
)
def test_so_is_one_of_a_copy(node: str, key: str, piece: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        loads(text().replace('clone_of = "fdl-1"', node))
    found = [problem for problem in caught.value.problems if problem.key == key]
    assert found, caught.value.problems
    assert piece in str(found[0])


@pytest.mark.parametrize(
    ("server", "key", "piece"),
    [
        ('address = "0.1.2.3"', "server.address", "below 1.0.0.0"),
        ("port = 65536", "server.port", "less than or equal to 65535"),
        ('name = "https://fdl"', "server.name", "bare host name"),
        ('ttl = "-5m"', "server.ttl", "without a sign"),
        ('autostart = "yes"', "server.autostart", "true or false"),
        ('adress = "1.2.3.4"', "server.adress", "did you mean address?"),
    ],
)
def test_and_one_of_the_server(server: str, key: str, piece: str) -> None:
    (problem,) = wrong(server=f"[server]\n{server}")
    assert problem.key == key
    assert piece in str(problem)


def test_a_wrong_verb_lets_its_other_keys_be_checked_as_far_as_they_can() -> None:
    # A drift may be of 0 percent, so nothing is said of that.
    keys = 'at = "1h"\ndo = "network.los"\npercent = 0\ndirection = "up"\nby = 5\nport = 0'
    assert [problem.key for problem in wrong(keys)] == ["events[0].do", "events[0].direction", "events[0].port"]
