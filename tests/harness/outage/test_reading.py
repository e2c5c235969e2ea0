"""Reading a record: every form of file, and every line in an observation or in a problem with its place."""

from __future__ import annotations

import codecs
import json
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_fdl_nodes.failures import FailureRow
from fake_fdl_nodes.node import Status as NodeStatus
from fake_fdl_nodes.page import Member, Page, Screen
from fake_fdl_nodes.page_text import lines as page_lines
from harness.outage.columns import parse_columns
from harness.outage.errors import RecordError
from harness.outage.reading import Options, parse_record, read_record
from harness.outage.record import NETWORK, Observation, Record, What
from harness.outage.times import Order
from harness.problems import Mistake
from harness.scenario import SERVER
from harness.trace import Status
from reference_server.codes import Code

SECOND, MINUTE, HOUR = 1_000_000, 60_000_000, 3_600_000_000
#: 2026-03-01T00:00:00Z.
MARCH_1 = 1_772_323_200 * SECOND
HEADER = "time,source,event,detail\n"
SHANGHAI = ZoneInfo("Asia/Shanghai")


def read(text: str, **options: Any) -> Record:
    return parse_record(text, file="f.csv", options=Options(**options))


def problems(text: str, **options: Any) -> list[str]:
    with pytest.raises(RecordError) as raised:
        read(text, **options)
    return [str(each) for each in raised.value.problems]


# What the words mean.

TIMELINE = """\
2026-03-01T00:00Z,server,started,after the update
2026-03-01T00:01:00Z,server,stopped,
2026-03-01T00:02:00Z,server,status,12
2026-03-01T00:03:00Z,server,address,172.16.0.7
2026-03-01T00:04:00Z,server,clock,-1h 30m
2026-03-01T00:05:00Z,fdl-1,registered,by hand
2026-03-01T00:06:00Z,fdl-1,unbound,
2026-03-01T00:07:00Z,fdl-1,failed,30003
2026-03-01T00:08:00Z,fdl-1,failed,/
2026-03-01T00:09:00Z,fdl-1,status,Lapsed
2026-03-01T00:10:00Z,fdl-1,status,已注册
2026-03-01T00:11:00Z,fdl-1,clock,+2s
2026-03-01T00:12:00Z,network,stopped,
2026-03-01T00:13:00Z,network,stopped,fdl-1
2026-03-01T00:14:00Z,network,stopped,fdl-1;node two
2026-03-01T00:15:00Z,network,started,the provider has mended it
2026-03-01T00:16:00Z,node two,note,"it said ""no"", twice"
2026-03-01T00:17:00Z,网络,note,
2026-03-01T00:18:00Z,Server,NOTE,x
"""

MEANINGS: list[tuple[str, What, dict[str, Any]]] = [
    (SERVER, What.STARTED, {"text": "after the update", "unit_us": MINUTE}),
    (SERVER, What.STOPPED, {}),
    (SERVER, What.STATUS, {"count": 12, "text": "12"}),
    (SERVER, What.ADDRESS, {"address": 0xAC100007, "text": "172.16.0.7"}),
    (SERVER, What.CLOCK, {"by_us": -90 * MINUTE, "text": "-1h 30m"}),
    ("fdl-1", What.REGISTERED, {"text": "by hand"}),
    ("fdl-1", What.UNBOUND, {}),
    ("fdl-1", What.FAILED, {"code": Code.LICENSE_IP_ERROR, "text": "30003"}),
    ("fdl-1", What.FAILED, {"code": Code.NO_CONNECTION, "text": "/"}),
    ("fdl-1", What.STATUS, {"status": Status.LAPSED, "text": "Lapsed"}),
    ("fdl-1", What.STATUS, {"status": Status.REGISTERED, "text": "已注册"}),
    ("fdl-1", What.CLOCK, {"by_us": 2 * SECOND, "text": "+2s"}),
    (NETWORK, What.STOPPED, {}),
    (NETWORK, What.STOPPED, {"nodes": ("fdl-1",), "text": "fdl-1"}),
    (NETWORK, What.STOPPED, {"nodes": ("fdl-1", "node two"), "text": "fdl-1;node two"}),
    (NETWORK, What.STARTED, {"text": "the provider has mended it"}),
    ("node two", What.NOTE, {"text": 'it said "no", twice'}),
    (NETWORK, What.NOTE, {}),
    (SERVER, What.NOTE, {"text": "x"}),
]
EXPECTED = tuple(
    Observation(line=index + 2, at_us=MARCH_1 + index * MINUTE, source=source, what=what, **fields)
    for index, (source, what, fields) in enumerate(MEANINGS)
)


def test_what_a_timeline_means() -> None:
    assert read(HEADER + TIMELINE).observations == EXPECTED
    assert read(HEADER + TIMELINE).nodes == ("fdl-1", "node two")


# The same in other forms.


def _cells() -> list[list[str]]:
    unquoted = TIMELINE.replace('"it said ""no"", twice"', "QUOTE").splitlines()
    return [[cell.replace("QUOTE", 'it said "no", twice') for cell in line.split(",")] for line in unquoted]


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_quotes_and_ends_of_lines(delimiter: str, end: str) -> None:
    rows = [["Time", " SOURCE", "Event ", "detail"], *_cells()]
    text = end.join(delimiter.join(map(_quoted, row)) for row in rows)
    assert read(text).observations == EXPECTED


def test_columns_in_another_order_with_other_names() -> None:
    rows = [["What", "Owner", "Info", "When", "Host"]]
    rows += [[event, "me", detail, time, source] for time, source, event, detail in _cells()]
    text = "\n".join("\t".join(row) for row in rows).replace('"no"', '""no""').replace("it said", '"it said')
    text = text.replace("twice", 'twice"')
    columns = parse_columns("time=When,source=Host,event=What,detail=Info,skip=Owner")
    assert read(text, columns=columns).observations == EXPECTED


def test_json_lines() -> None:
    objects = [dict(zip(("time", "source", "event", "detail"), cells, strict=True)) for cells in _cells()]
    text = "\n".join(json.dumps(each, ensure_ascii=False) for each in objects)
    expected = tuple((each.at_us, each.source, each.what, each.text, each.line + 1) for each in read(text).observations)
    assert expected == tuple((each.at_us, each.source, each.what, each.text, each.line) for each in EXPECTED)


def test_json_lines_may_have_numbers_and_leave_things_out() -> None:
    text = '{"time": 1772323200, "source": "fdl", "event": "failed", "detail": 30003}\n\n'
    text += '{"when": "1772323200.5", "source": "server", "event": "started", "detail": null}\n'
    text += '{"time": 1772323201, "source": "server", "event": "stopped"}\n'
    assert problems(text) == [
        'f.csv:3:1: found an unknown column "when", expected --columns with what it is, or skip=when to leave it out'
    ]
    first, second, third = read(text.replace("when", "time")).observations
    assert (first.at_us, first.code, first.line) == (MARCH_1, Code.LICENSE_IP_ERROR, 1)
    assert (second.at_us, second.unit_us, second.text, second.line) == (MARCH_1 + SECOND // 2, 1_000, "", 3)
    assert (third.at_us, third.what, third.line) == (MARCH_1 + SECOND, What.STOPPED, 4)


# Lists of failures.

TWO_FAILURES = (
    Observation(
        line=2,
        at_us=MARCH_1 - 8 * HOUR,
        unit_us=MINUTE,
        source="fdl-1",
        what=What.FAILED,
        code=Code.LICENSE_EXPIRED,
    ),
    Observation(
        line=3,
        at_us=MARCH_1 - 6 * HOUR,
        unit_us=MINUTE,
        source="fdl-2",
        what=What.FAILED,
        code=Code.NO_CONNECTION,
    ),
)


@pytest.mark.parametrize(
    "text",
    [
        "time,node,reason\n2026-03-01 00:00,fdl-1,30000\n2026-03-01 02:00,fdl-2,/\n",
        "时间\t节点\t原因\n2026/3/1 0:00\tfdl-1\t许可已过期\n2026年3月1日 2:00\tfdl-2\t无法连接授权服务器\n",
        "Failure Reason;Node Name;Failure Time\nLICENSE_EXPIRED;fdl-1;01.03.2026 00:00\n"
        "the authorization server cannot be reached;fdl-2;01.03.2026 02:00\n",
        # The columns of the details, with dashes and slashes where there is nothing.
        "time,node,error code,error name,reason\n2026-03-01 00:00,fdl-1,30000,LICENSE_EXPIRED,-\n"
        "2026-03-01 02:00,fdl-2,/,/,the authorization server cannot be reached\n",
        'sep=;\ntime;node;reason\n2026-03-01 00:00;fdl-1;30000\n2026-03-01 02:00;fdl-2;"/"\n',
    ],
)
def test_lists_of_failures(text: str) -> None:
    read_back = read(text, zone=SHANGHAI).observations
    later = 1 if text.startswith("sep") else 0
    assert [(each.line - later, each.at_us, each.unit_us, each.source, each.what, each.code) for each in read_back] == [
        (each.line, each.at_us, each.unit_us, each.source, each.what, each.code) for each in TWO_FAILURES
    ]


def test_a_list_of_one_node_has_to_be_said_whose_it_is() -> None:
    text = "time,reason\n2026-03-01T00:00Z,30000\n"
    (problem,) = problems(text)
    assert "expected a column node, or --node, which says whose list it is" in problem
    (only,) = read(text, node="fdl").observations
    assert (only.source, only.code) == ("fdl", Code.LICENSE_EXPIRED)


@pytest.mark.parametrize("count", [1, 2])
def test_what_our_pages_print_is_read_back(count: int) -> None:
    rows = [FailureRow(MARCH_1 + index * 2 * HOUR, code) for index, code in enumerate(Code)]
    members = [
        Member(
            name=f"fdl {number}",
            status=NodeStatus.INTERRUPTED,
            failing=Code.NO_CONNECTION,
            rows=tuple(rows[number::count]),
        )
        for number in range(count)
    ]
    text = "\n".join(page_lines(Page(screen=Screen.REGISTRATION), members))
    record = read(text, node="fdl 0" if count == 1 else None)
    assert [(each.at_us, each.code) for each in record.observations] == [(row.wall_us, row.code) for row in rows]
    assert [each.source for each in record.observations] == [f"fdl {index % count}" for index in range(len(rows))]


# Files.


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "gbk"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes("时间,节点,原因\r\n2026/3/1 8:00,上海一号,许可已过期\r\n".encode(encoding))
    (only,) = read_record(file, Options(zone=SHANGHAI)).observations
    assert (only.at_us, only.source, only.code) == (MARCH_1, "上海一号", Code.LICENSE_EXPIRED)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "found nothing, expected a header such as time,source,event,detail"),
        (b"\n \n", "found nothing, expected a header"),
        (HEADER.encode(), "found no row, expected at least one"),
        (b"\x7fELF\x02\x01\x01\x00\xff\xfe\x80", ":1:9: found the byte 0xff"),
        (b"time,source\x00", ":1:12: found the character U+0000, which no text has"),
        (HEADER.encode() + b"2026,caf\xe9,note,\n", ":2:9: found the byte 0xe9"),
        (codecs.BOM_UTF16_LE + b"a\x00b", "found the byte"),
        ("time,Gerät\n".encode("latin-1") + b"x", ":1:9: found the byte 0xe4"),
    ],
)
def test_what_is_no_record(tmp_path: Path, data: bytes, message: str) -> None:
    file = tmp_path / "f.csv"
    file.write_bytes(data)
    for lenient in (False, True):
        with pytest.raises(RecordError) as raised:
            read_record(file, Options(lenient=lenient))
        assert message in str(raised.value)
        assert not raised.value.lenient


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    for path, message in ((tmp_path, "is a directory"), (tmp_path / "none.csv", "no such file"), ("a\0b", "null")):
        with pytest.raises(RecordError, match=message):
            read_record(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("When;Host;What\n", 'f.csv:1:1: found the first line "When;Host;What", expected a header such as'),
        ("2026-03-01T00:00Z,server,started,\n", "found the first line"),
        ("time,source\nx,y\n", "found the columns time, source, expected a column event (a timeline) or reason"),
        ("time,event\nx,y\n", "found the columns time, event, expected a column source"),
        ("source,event\nx,y\n", "found the columns source, event, expected a column time"),
        ("time,source,event,Time\n", "found two columns of the time: time, Time, expected one of each"),
        ("[1, 2]\n", "f.csv:1:1: found a list of 2 items, expected an object on each line"),
    ],
)
def test_what_has_no_header(text: str, message: str) -> None:
    (problem,) = problems(text)
    assert message in problem


# Lines.


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-03-01,server,started,", '2:1: time: found "2026-03-01" (a date without a time of day)'),
        ("2026-03-01 00:00,server,started,", '2:1: time: found "2026-03-01 00:00" (no zone)'),
        ("03/04/2026 00:00,server,started,", '2:1: time: found "03/04/2026 00:00" (two days can be written so)'),
        (",server,started,", '2:1: time: found ""'),
        (
            "2026-03-01T00:00Z,,started,",
            "2:19: source: found no source, expected server, network, or the name",
        ),
        ("2026-03-01T00:00Z,fdl-*,note,", '2:19: source: found "fdl-*", expected a name without * and ?'),
        ("2026-03-01T00:00Z,server,,", "2:26: event: found no event, expected one of started, stopped, status"),
        ("2026-03-01T00:00Z,fdl,faild,/", '2:23: event: found "faild", expected one of started, stopped, registered'),
        ("2026-03-01T00:00Z,fdl,faild,/", "(did you mean failed?)"),
        ("2026-03-01T00:00Z,server,failed,/", '2:26: event: found "failed" of the server, expected one of started'),
        ("2026-03-01T00:00Z,network,clock,1s", '2:27: event: found "clock" of the network, expected one of started'),
        ("2026-03-01T00:00Z,fdl,failed,", "2:30: detail: found no reason, expected the reason of a failure"),
        ("2026-03-01T00:00Z,fdl,failed,LICENSE_IP", '2:30: detail: found "LICENSE_IP"'),
        ("2026-03-01T00:00Z,server,status,many", '2:33: detail: found "many", expected the number of registered nodes'),
        ("2026-03-01T00:00Z,fdl,status,", "2:30: detail: found no status, expected one of unregistered, registered"),
        ("2026-03-01T00:00Z,fdl,status,laps", "(did you mean lapsed?)"),
        ("2026-03-01T00:00Z,fdl,status,failed", '2:30: detail: found "failed" (which of them cannot be told)'),
        ("2026-03-01T00:00Z,fdl,address,10.0.0", '2:31: detail: found "10.0.0" (no IPv4 address)'),
        ("2026-03-01T00:00Z,fdl,address,10.0.0.256", '2:31: detail: found "10.0.0.256" (a part above 255)'),
        ("2026-03-01T00:00Z,fdl,clock,soon", '2:29: detail: found "soon", expected a duration such as'),
        ("2026-03-01T00:00Z,fdl,clock,40000d", '2:29: detail: found "40000d", expected at most 100 years'),
        (
            "2026-03-01T00:00Z,network,stopped,the firewall",
            '2:35: detail: found "the", expected nothing (all nodes), or the nodes that were cut off, of which other '
            "lines tell; words are for a note",
        ),
        ("2026-03-01T00:00Z,fdl,note,a,b", "2:1: found 5 cells, expected 4, as in the header: a text with"),
        ('2026-03-01T00:00Z,fdl,note,"a', "2:1: found a quote that is not closed, or that stands within a cell"),
        ('2026-03-01T00:00Z,fdl,note,"a" b', "2:1: found a quote that is not closed"),
    ],
)
def test_a_malformed_line_gives_its_place_and_a_reason(line: str, expected: str) -> None:
    good = "2026-03-01T00:00Z,other,started,\n"
    found = problems(f"{HEADER}{line}\n")
    assert len(found) == 1
    assert f"{expected}" in found[0].removeprefix("f.csv:")
    # With the line left out, the rest is there, and the line is listed.
    if "cut off" not in expected:
        record = read(f"{HEADER}{line}\n{good}", lenient=True)
        assert ([each.line for each in record.observations], [each.line for each in record.left_out]) == ([3], [2])
        assert list(map(str, record.left_out)) == found


def test_all_mistakes_of_a_file_are_told_at_once_and_the_first_twenty_shown() -> None:
    text = HEADER + "x,y,z,\n" * 30
    with pytest.raises(RecordError) as raised:
        read(text)
    assert [each.line for each in raised.value.problems] == [line for line in range(2, 32) for _ in range(2)]
    shown = str(raised.value).splitlines()
    assert (len(shown), shown[-1]) == (21, "... and 40 more")
    assert pickle.loads(pickle.dumps(raised.value)).problems == raised.value.problems


@pytest.mark.parametrize("lenient", [True, False])
def test_an_error_survives_the_way_to_another_process(lenient: bool) -> None:
    assert pickle.loads(pickle.dumps(RecordError([], lenient=lenient))).lenient is lenient


def test_a_cut_names_nodes_of_which_other_lines_tell() -> None:
    lines = (
        "2026-03-01T00:00Z,network,stopped,fdl-1 fld-2\n2026-03-01T00:01Z,fdl-1,note,\n2026-03-01T00:01Z,fdl-2,note,\n"
    )
    (problem,) = problems(HEADER + lines)
    assert 'found "fld-2"' in problem
    assert "of which other lines tell: one of fdl-1, fdl-2 (did you mean fdl-2?); words are for a note" in problem


def test_an_open_quote_does_not_swallow_what_comes_after_it() -> None:
    rows = "".join(f"2026-03-01T00:00Z,fdl-{number},note,\n" for number in range(200))
    record = read(f'{HEADER}2026-03-01T00:00Z,fdl,note,"open\n{rows}', lenient=True)
    assert [each.line for each in record.left_out] == [2]
    assert len(record.observations) == 200


def test_two_open_quotes_do_not_swallow_what_stands_between_them() -> None:
    lines = ['a,note,"open', "b,note,", "c,note,", 'd,note,x"', "e,note,"]
    record = read(HEADER + "".join(f"2026-03-01T00:00Z,{line}\n" for line in lines), lenient=True)
    # A quote within a cell that does not begin with one is a character like others.
    assert [each.line for each in record.left_out] == [2]
    assert [(each.source, each.text) for each in record.observations] == [("b", ""), ("c", ""), ("d", 'x"'), ("e", "")]


@pytest.mark.parametrize(("more", "lines", "left_out"), [(19, [2, 23], []), (20, [23], [2, 22])])
def test_a_cell_has_twenty_lines_at_most(more: int, lines: list[int], left_out: list[int]) -> None:
    # The cell begins on line 2 and ends on line 21 or 22.
    text = f'{HEADER}2026-03-01T00:00Z,fdl,note,"one' + "\n" * more + '"\n'
    text += "\n" * (20 - more) + "2026-03-01T00:00Z,fdl,note,two\n"
    record = read(text, lenient=True)
    assert [each.line for each in record.observations] == lines
    assert [each.line for each in record.left_out] == left_out


def test_a_cell_of_several_lines_is_one_row() -> None:
    record = read(f'{HEADER}2026-03-01T00:00Z,fdl,note,"one\ntwo\r\nthree"\n2026-03-01T00:00Z,fdl,note,four\n')
    assert [(each.line, each.text) for each in record.observations] == [(2, "one two three"), (5, "four")]


def test_an_unknown_column_is_not_dropped_in_silence() -> None:
    text = "time,source,event,detial\n2026-03-01T00:00Z,server,started,x\n"
    (problem,) = problems(text)
    assert problem == (
        'f.csv:1:19: found an unknown column "detial", expected --columns with what it is, or skip=detial to leave it '
        "out (did you mean detail?)"
    )
    assert [each.line for each in read(text, lenient=True).left_out] == [1]
    assert read(text, columns={"detial": "skip"}).left_out == ()


def test_what_another_column_is_said_to_be_a_column_is_not() -> None:
    text = "time,When,source,event\n2026-03-01T00:00Z,2026-03-01T01:00Z,server,started\n"
    (problem,) = problems(text, columns={"When": "time"})
    assert 'f.csv:1:1: found an unknown column "time"' in problem
    (only,) = read(text, columns={"When": "time", "time": "skip"}).observations
    assert only.at_us == MARCH_1 + HOUR


def test_a_mapped_column_has_to_be_there() -> None:
    (problem,) = problems("When,source,event\nx,y,z\n", columns={"Whn": "time"})
    assert problem.endswith(
        'found --columns with "Whn", expected one of the columns that there are: When, source, event '
        "(did you mean When?)"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("When", 'found "When", expected keys with the names of columns'),
        ("time=", "expected keys with"),
        ("tim=When", "did you mean time?"),
        ("time=A,time=B", "the second one"),
        ("time=A,source=A", "the second one"),
    ],
)
def test_mappings_that_are_none(text: str, message: str) -> None:
    with pytest.raises(Mistake) as raised:
        parse_columns(text)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"time": 1', "f.csv:2:11: found no JSON (expecting ',' delimiter)"),
        ("3", 'f.csv:2:1: found "3", expected an object on each line'),
        ('{"time": 1, "time": 2}', "found a key twice among time, time"),
        ('{"time": 1, "Time": 2}', "found two keys of the time"),
        ('{"time": NaN}', "found NaN, expected a text or a number"),
        ('{"time": true}', 'found "time" with true, expected a text or a number'),
        ('{"time": "a\\u0000"}', "expected a text of printable characters"),
        ('{"source": "x", "event": "y"}', "expected a column time"),
        ("[" * 100_000, "found brackets within brackets without end"),
        (
            '{"time": 1772323200, "source": "fdl", "event": "failed", "detail": "?"}',
            'f.csv:2:58: detail: found "?", expected the reason',
        ),
    ],
)
def test_json_lines_that_are_none(line: str, message: str) -> None:
    good = '{"time": 1772323200, "source": "server", "event": "started"}'
    found = problems(f"{good}\n{line}\n")
    assert message in found[0]
    assert [each.line for each in read(f"{good}\n{line}\n", lenient=True).observations] == [1]


def test_pages_with_lines_that_are_none() -> None:
    text = "Failures\n  2026-03-01T00:00Z  fdl  30000\n  what is this\n  2026-03-01T00:00Z  30000\n[Back]\n"
    assert [each.split(": ", 1)[1] for each in problems(text)] == [
        'found "what is this", expected a time, the node and the reason, two spaces apart',
        "found no node, expected --node, which says whose list it is",
    ]


# Order, days and months.


def test_a_record_is_in_order_of_time_then_of_lines() -> None:
    lines = (
        "2026-03-01T02:00Z,b,note,\n2026-03-01T01:00Z,c,note,\n2026-03-01T02:00Z,a,note,\n2026-03-01T02:00Z,a,note,\n"
    )
    assert [(each.source, each.line) for each in read(HEADER + lines).observations] == [
        ("c", 3),
        ("b", 2),
        ("a", 4),
        ("a", 5),
    ]


AMBIGUOUS = "03/04/2026 00:00Z,fdl,note,\n"


def test_another_line_decides_what_a_date_means() -> None:
    record = read(f"{HEADER}{AMBIGUOUS}25/03/2026 00:00Z,fdl,note,\n")
    # 25 March, 3 April.
    assert [each.at_us for each in record.observations] == [MARCH_1 + 24 * 24 * HOUR, MARCH_1 + 33 * 24 * HOUR]
    record = read(f"{HEADER}{AMBIGUOUS}03/25/2026 00:00Z,fdl,note,\n")
    # 4 March, 25 March.
    assert [each.at_us for each in record.observations] == [MARCH_1 + 3 * 24 * HOUR, MARCH_1 + 24 * 24 * HOUR]
    assert read(HEADER + AMBIGUOUS, dates=Order.DAY_FIRST).observations[0].at_us == MARCH_1 + 33 * 24 * HOUR


def test_lines_that_contradict_each_other_are_told() -> None:
    found = problems(f"{HEADER}{AMBIGUOUS}03/25/2026 00:00Z,fdl,note,\n25/03/2026 00:00Z,fdl,note,\n")
    assert found == [
        'f.csv:4:1: time: found "25/03/2026 00:00Z" (its day first), expected the month first, as line 3 does'
    ]


# Nothing is dropped in silence.

CELLS = st.sampled_from(
    [
        "2026-03-01T00:00Z",
        "2026-03-01",
        "",
        "server",
        "fdl",
        "network",
        "note",
        "failed",
        "/",
        "30003",
        " ",
        "x;y",
        "\x85",
    ]
)


@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=5).map(",".join), max_size=8), st.sampled_from(["\n", "\r\n", "\r"])
)
def test_each_line_is_an_observation_or_has_a_problem(lines: list[str], end: str) -> None:
    good = "2026-03-01T00:00Z,server,note,"
    record = read(end.join([HEADER.strip(), good, *lines]), lenient=True)
    read_lines, left_out = ({each.line for each in some} for some in (record.observations, record.left_out))
    assert read_lines | left_out == {2, *(line for line, text in enumerate(lines, 3) if text.replace(",", "").strip())}
    assert not read_lines & left_out


@given(st.text(alphabet='",;\n\t ab:{}[]0123\r', max_size=60))
def test_whatever_a_file_holds_is_read_or_told(text: str) -> None:
    for start in ("", HEADER, "{}\n", "Failures\n"):
        for lenient in (False, True):
            with suppress(RecordError):
                assert read(start + text, lenient=lenient).observations
