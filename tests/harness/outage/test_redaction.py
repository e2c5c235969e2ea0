"""Redaction: nothing of the names and addresses is left, and all that matters of them is."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.outage.reading import Options, parse_record
from harness.outage.record import NETWORK, Observation, Record, What
from harness.outage.redaction import Redaction, free_words, redacted
from harness.outage.renumbering import Renumbering
from harness.outage.writing import timeline, written_time
from harness.scenario import SERVER
from harness.scenario_file import loads, printed
from harness.trace import Status
from reference_server.addresses import format_address, format_range, parse_address
from reference_server.codes import Code
from reference_server.protocol import Kind

#: 2026-03-01T00:00:00Z.
MARCH_1 = 1_772_323_200_000_000

# Addresses.


def renumbered(*texts: str) -> list[str]:
    addresses = [int(IPv4Address(text)) for text in texts]
    renumbering = Renumbering(addresses)
    return [str(IPv4Address(renumbering(address))) for address in addresses]


def test_blocks_that_touch_are_moved_together_and_one_is_free_between_others() -> None:
    # 10.3.4 and 10.3.5 touch; they come first in 10/8, after its first block. 10.9.9 is the next, with one block free.
    # 192.168.100 is alone in its zone.
    assert renumbered("10.3.4.5", "10.3.5.6", "10.3.4.7", "10.9.9.9", "192.168.100.25") == [
        "10.0.1.5",
        "10.0.2.6",
        "10.0.1.7",
        "10.0.4.9",
        "192.168.1.25",
    ]


def test_what_is_at_the_edge_of_its_zone_stays() -> None:
    edges = [
        "0.0.0.0",
        "1.0.0.0",
        "10.0.0.1",
        "10.255.255.1",
        "127.0.0.1",
        "172.31.255.9",
        "223.255.255.1",
        "255.255.255.255",
    ]
    assert renumbered(*edges) == edges
    # 10.255.254 touches the block at the edge, and so stays with it; 10.7.7 does not.
    assert renumbered("10.255.254.3", "10.255.255.4", "10.7.7.7") == ["10.255.254.3", "10.255.255.4", "10.0.1.7"]


#: Addresses that are likely to touch each other, or the edge of a zone.
_BASES = [
    int(IPv4Address(each))
    for each in ("1.0.0.0", "9.255.255.0", "10.0.0.0", "10.3.4.0", "126.255.254.0", "192.168.0.0", "192.168.254.0")
]
ADDRESSES = st.one_of(
    st.builds(lambda base, more: base + more, st.sampled_from(_BASES), st.integers(0, 4 * 256)),
    st.integers(1 << 24, (1 << 32) - 1),
)


@given(st.lists(ADDRESSES, min_size=1, max_size=12))
def test_what_is_kept_of_addresses(addresses: list[int]) -> None:
    mapped = Renumbering(addresses)
    for one, other in product(addresses, addresses):
        assert (one < other) is (mapped(one) < mapped(other))
        assert (one == other) is (mapped(one) == mapped(other))
        assert (one + 1 == other) is (mapped(one) + 1 == mapped(other))
        assert (one >> 8 == other >> 8) is (mapped(one) >> 8 == mapped(other) >> 8)
    for one in addresses:
        assert one & 255 == mapped(one) & 255
        assert parse_address(str(IPv4Address(mapped(one)))) == mapped(one)
        # Private addresses are those of 10/8, 172.16/12 and 192.168/16.
        for shift, private in ((24, 10), (20, 0xAC1), (16, 0xC0A8)):
            assert (one >> shift == private) is (mapped(one) >> shift == private)


# Words.


def test_what_is_found_in_free_words() -> None:
    words = Redaction(
        ["prod-a", "Prod B", "上海", "10.9.9.9"],
        [],
        ["10.3.4.5 10.3.5.1 10.9.9.9"],
    )
    assert {text: words.text(text) for text in EXPECTED_WORDS} == EXPECTED_WORDS


@given(st.text(alphabet="ab1.:@-/\\ 节", max_size=40))
def test_any_text_can_be_searched(text: str) -> None:
    words = Redaction(["a", "b 1"], [], [text])
    once = words.text(text)
    assert words.text(text) == once


@pytest.mark.parametrize("part", ["a", ":", "1.", "a.", "a:", "1", "a-", "@", "a@"])
def test_a_long_text_takes_no_longer_than_it_is(part: str) -> None:
    # What is searched for in vain from each place anew would take minutes.
    text = part * 20_000
    assert Redaction(["fdl"], [], [text]).text(text)


def test_the_longest_of_two_names_is_found() -> None:
    words = Redaction(["fdl", "fdl-1"], [], [])
    assert words.text("fdl-1, fdl and fdl.") == "node-2, node-1 and node-1."


EXPECTED_WORDS = {
    "": "",
    "nothing to see": "nothing to see",
    "prod-a, PROD-A and prod b.": "node-1, node-1 and node-2.",
    # Longer words are other words.
    "prod-ab xprod-a prod-a_1": "prod-ab xprod-a prod-a_1",
    "节点上海已重启": "节点node-3已重启",
    "10.9.9.9": "node-4",
    "from 10.3.4.5:8081 to 10.3.5.1/24": "from 10.0.1.5:8081 to 10.0.2.1/24",
    "ask ops@acme.com": "ask mail-1@mail.example",
    "on lic.acme.com, LIC.acme.com.": "on host-1.example, host-1.example.",
    "https://lic2:8081/x": "https://host-2.example:8081/x",
    "服务器lic.acme.com重启": "服务器host-1.example重启",
    "prod-a.acme.com": "host-3.example",
    r"\\filer\share": r"\\host-4.example\share",
    "fe80::1 and 2001:db8:0:0:0:0:0:1": "ipv6-1 and ipv6-2",
    "[::ffff:10.3.4.5]:8081": "[ipv6-3]:8081",
    "at 14:05:09 and 14:05": "at 14:05:09 and 14:05",
    "aa:bb:cc:dd:ee:ff": "hardware-1",
    # The document's files are no hosts, and neither is a number.
    "server.exe, MachineInfo.rif, bin.log": "server.exe, MachineInfo.rif, bin.log",
    "FanruanLicenseServer.zip, receipt.fr": "FanruanLicenseServer.zip, receipt.fr",
    "version 1.2.3, e.g. now": "version 1.2.3, e.g. now",
}


# Records.

NAMES = ("fdl", "node-2", "Acme 1", "上海", "lic.acme.com", "address", "1")
PARTS = [*NAMES, "on", "10.3.4.5", "11.0.0.1", "x@y.example", "www.acme.com", ",", '"', ";", "failed"]
TEXTS = st.lists(st.sampled_from(PARTS), max_size=4).map(" ".join)
SOURCES = st.sampled_from(NAMES)
TIMES = st.tuples(st.integers(0, 10**6), st.sampled_from([60_000_000, 1_000_000, 1_000, 1])).map(
    lambda drawn: {"at_us": MARCH_1 + drawn[0] * drawn[1], "unit_us": drawn[1]}
)


def _observed(what: What) -> st.SearchStrategy[dict[str, object]]:
    """Return what an observation of a node may say."""
    values: dict[What, st.SearchStrategy[dict[str, object]]] = {
        What.FAILED: st.builds(lambda code: {"code": code}, st.sampled_from(Code)),
        What.STATUS: st.builds(lambda status: {"status": status}, st.sampled_from(Status)),
        What.ADDRESS: st.builds(lambda address: {"address": address}, ADDRESSES),
        What.CLOCK: st.builds(lambda by_us: {"by_us": by_us}, st.integers(-(10**12), 10**12)),
    }
    fields = values.get(what, st.builds(lambda text: {"text": text}, TEXTS))
    return st.builds(lambda source, fields: {"source": source, "what": what, **fields}, SOURCES, fields)


OF_THE_SERVER = st.one_of(
    st.builds(lambda count: {"source": SERVER, "what": What.STATUS, "count": count}, st.integers(0, 999)),
    st.builds(lambda text: {"source": SERVER, "what": What.STARTED, "text": text}, TEXTS),
    st.builds(lambda text: {"source": NETWORK, "what": What.STARTED, "text": text}, TEXTS),
)
OBSERVED = st.one_of(st.sampled_from(What).flatmap(_observed), OF_THE_SERVER)


@st.composite
def records(draw: st.DrawFn) -> Record:
    said = draw(st.lists(OBSERVED, min_size=1, max_size=8))
    named = list(dict.fromkeys(str(each["source"]) for each in said if each["source"] not in (SERVER, NETWORK)))
    if named:
        cut = tuple(draw(st.lists(st.sampled_from(named), unique=True, max_size=2)))
        said.append({"source": NETWORK, "what": What.STOPPED, "nodes": cut})
    made = [
        Observation(line=line, **draw(TIMES), **fields)  # type: ignore[arg-type]
        for line, fields in enumerate(said, 2)
    ]
    return Record("acme.csv", tuple(sorted(made, key=lambda each: (each.at_us, each.line))))


def read(text: str) -> Record:
    return parse_record(text, file="read")


@given(records())
def test_what_is_written_is_read_back(record: Record) -> None:
    again = read("".join(timeline(record)))
    assert [replace(each, text="") for each in again.observations] == [
        replace(each, text="") for each in record.observations
    ]
    assert free_words(again) == [" ".join(text.split()) for text in free_words(record)]


@given(records())
def test_to_redact_then_read_is_to_read_then_rename(record: Record) -> None:
    words = Redaction.of(record)
    clean = redacted(record)
    assert read("".join(timeline(clean))).observations == clean.observations
    for before, after in zip(record.observations, clean.observations, strict=True):
        assert replace(after, source="", address=None, nodes=(), text="") == replace(
            before, source="", address=None, nodes=(), text=""
        )
        assert after.source == words.name(before.source)
        assert after.nodes == tuple(map(words.name, before.nodes))
        assert after.address == (None if before.address is None else words.address(before.address))


@given(records())
def test_nodes_are_numbered_in_the_order_in_which_they_appear(record: Record) -> None:
    clean = redacted(record)
    assert clean.nodes == tuple(f"node-{number}" for number in range(1, len(record.nodes) + 1))


@given(records())
def test_no_name_is_left(record: Record) -> None:
    text = "".join(timeline(redacted(record)))
    for secret in ("acme", "x@y", "10.3.4.5", "www"):
        assert secret not in text
    # What is no node of the record, nothing can know for one.
    for name in ("Acme 1", "上海"):
        assert name not in text or name not in record.nodes


def test_the_words_around_a_value_do_not_stay() -> None:
    record = read(
        "time,source,event,detail\n"
        "2026-03-01T00:00Z,fdl,failed,30003 LICENSE_IP_ERROR: fdl of Acme at 10.3.4.5\n"
        "2026-03-01T00:01Z,fdl,clock,+60s\n"
    )
    clean = redacted(record)
    assert [each.text for each in clean.observations] == ["30003 LICENSE_IP_ERROR", "1m"]
    assert free_words(clean) == []


def test_of_lines_that_were_left_out_only_the_place_is_told() -> None:
    text = "time,source,event,detail\n2026-03-01T00:00Z,acme,note,\n2026,acme,note,\n"
    text += "2026-03-01T00:00Z,network,stopped,acne\n"
    record = parse_record(text, file="acme.csv", options=Options(lenient=True))
    clean = redacted(record)
    assert [str(each) for each in clean.left_out][1] == (
        "record:4:35: detail: found what is not shown, expected nothing (all nodes), or the nodes that were cut off, "
        "of which other lines tell: node-1 (did you mean node-1?); words are for a note"
    )
    assert {each.file for each in clean.left_out} == {"record"}
    assert "acme" not in "".join(map(str, clean.left_out))


@pytest.mark.parametrize(
    ("at_us", "unit_us", "text"),
    [
        (MARCH_1, 60_000_000, "2026-03-01T00:00Z"),
        (MARCH_1, 1_000_000, "2026-03-01T00:00:00Z"),
        (MARCH_1, 1_000, "2026-03-01T00:00:00.000Z"),
        (MARCH_1, 1, "2026-03-01T00:00:00.000000Z"),
        # What is finer than its unit is not lost.
        (MARCH_1 + 1_000_000, 60_000_000, "2026-03-01T00:00:01Z"),
    ],
)
def test_a_time_is_written_as_coarse_as_it_was(at_us: int, unit_us: int, text: str) -> None:
    assert written_time(Observation(line=2, at_us=at_us, unit_us=unit_us, source="fdl", what=What.NOTE)) == text


# What is installed.

INSTALLATION = """
title = "Acme's machines"
start = 2026-03-01T00:00:00Z
duration = "1d"
[licence]
capacity = 4
addresses = ["10.3.4.5 - 10.3.4.9", "10.9.0.1"]
applications = ["payroll"]
domains = ["fdl.acme.com"]
[server]
address = "10.3.5.1"
name = "lic.acme.com"
[[nodes]]
name = "acme"
count = 2
address = "10.3.4.6"
application = "payroll"
domain = "fdl.acme.com"
cluster = "east"
[[nodes]]
name = "outside"
address = "10.3.4.10"
application = "sales"
[[events]]
at = "1h"
do = "server.stop"
"""


def test_what_is_installed_moves_with_the_record() -> None:
    record = read(
        "time,source,event,detail\n"
        "2026-03-01T00:00Z,acme-2,address,10.3.4.7\n"
        "2026-03-01T00:00Z,server,note,lic.acme.com at 10.3.5.1\n"
    )
    scenario = loads(INSTALLATION)
    redaction = Redaction.of(record, scenario)
    clean, installed = redaction.record(record), redaction.installation(scenario)
    # 10.3.4 and 10.3.5 touch; 10.9.0 comes after them, with one block free.
    assert [format_address(node.address) for node in installed.nodes] == ["10.0.1.6", "10.0.1.7", "10.0.1.10"]
    assert [format_range(*ends) for ends in installed.licence.ranges] == ["10.0.1.5 - 10.0.1.9", "10.0.4.1"]
    assert format_address(installed.server.address) == "10.0.2.1"
    # The record's node comes first.
    assert [node.name for node in installed.nodes] == ["node-2", "node-1", "node-3"]
    assert [(each.source, each.text) for each in clean.observations] == [
        ("node-1", "10.0.1.7"),
        (SERVER, "host-1.example at 10.0.2.1"),
    ]
    assert (installed.server.name, installed.licence.domains) == ("host-1.example", ("host-2.example",))
    assert [node.application for node in installed.nodes] == ["application-1", "application-1", "application-2"]
    assert [node.cluster for node in installed.nodes] == ["cluster-1", "cluster-1", None]
    assert (installed.licence.capacity, installed.events) == (4, ())
    text = printed(installed)
    assert printed(loads(text)) == text
    for secret in ("cme", "payroll", "sales", "outside", "east", "10.3", "10.9"):
        assert secret not in text


def test_ranges_keep_who_is_in_them() -> None:
    scenario = loads(INSTALLATION.replace('"10.9.0.1"', '"10.9.0.1", "1.0.0.0 - 255.255.255.255"'))
    installed = Redaction.of(Record("f", ()), scenario).installation(scenario)
    assert installed.licence.ranges[-1] == (1 << 24, (1 << 32) - 1)
    for before, after in zip(scenario.nodes, installed.nodes, strict=True):
        for (first, last), (new_first, new_last) in zip(scenario.licence.ranges, installed.licence.ranges, strict=True):
            assert (first <= before.address <= last) is (new_first <= after.address <= new_last)


def test_what_was_asked_stays_in_a_redacted_record() -> None:
    rows = ["2026-03-01T01:00Z,fdl-1,failed,/ register", "2026-03-01T02:00Z,fdl-1,failed,20000 (unbind)"]
    made = redacted(parse_record("\n".join(["time,source,event,detail", *rows, ""])))
    again = parse_record("".join(timeline(made)))
    assert [each.asked for each in again.observations] == [Kind.REGISTER, Kind.UNBIND]
