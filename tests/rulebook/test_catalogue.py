"""The catalogue: complete, in order, in words of its own, and with a judge's own account of what it tests."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files

import pytest

from harness.rulebook import JUDGES, Entry, catalogue
from harness.rulebook.catalogue import BINDS

ENTRIES = list(catalogue().values())

#: The errata of the document (``readings.md``), with the entries that print them.
ERRATA = {
    "Q20": ["R045", "R048", "R049"],
    "Q21": ["R111"],
    "Q22": ["R050"],
    "Q23": ["R124"],
    "Q24": ["R059"],
    "Q27": ["R114", "R119"],
    "Q50": ["R061"],
    "Q52": ["R119"],
    "Q53": ["R120"],
}

#: Names and commands that are facts, and stay as they are printed.
LITERAL = {
    "R004": "FanruanLicenseServer.zip",
    "R038": "Windows.zip",
    "R042": "MachineInfo.rif",
    "R051": "chmod 777 machine",
    "R053": "Mac.zip",
    "R056": "business@fanruan.com",
    "R063": "192.168.100.25 - 192.168.100.26",
    "R078": "server.exe -port 8088",
    "R083": "server.exe in FanruanLicenseServer/bin",
    "R084": "nohup ./bin/server &",
    "R085": "ps -ef | grep server",
    "R089": "./server -language en",
    "R095": "https://172.16.63.131:8081",
    "R122": ".\\server.exe -destroy",
    "R123": "./server -destroy",
    "R127": "receipt.fr",
}

#: The rows of the failure table, by the entry that states each.
CODES = {
    "R109": "10000 JSON_PARSER_ERROR",
    "R110": "10001 PARAM_INPUT_ERROR",
    "R111": "20000 DO_NOT_NEED_DEACTIVATE",
    "R112": "30000 LICENSE_EXPIRED",
    "R113": "30001 REPORT_VERSION_ERROR",
    "R114": "30002 ACCOUNT_STATUS_ERROR",
    "R115": "30003 LICENSE_IP_ERROR",
    "R116": "30004 LICENSE_DOMAIN_ERROR",
    "R117": "30005 LICENSE_APPNAME_ERROR",
    "R118": "30007 REGISTER_OUT_OF_LIMIT",
}


def test_the_entries_run_from_r001_to_r129_in_order() -> None:
    assert list(catalogue()) == [f"R{number:03}" for number in range(1, 130)]
    assert [entry.id for entry in ENTRIES] == list(catalogue())


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_an_entry_says_everything(entry: Entry) -> None:
    assert re.fullmatch(r"\S.*\S\.", entry.text), "a sentence, with its full stop"
    assert "->" not in entry.text
    assert entry.place.strip()
    assert entry.binds
    assert set(entry.binds) <= set(BINDS)
    assert entry.correction == entry.correction.strip()


def test_no_two_entries_say_the_same() -> None:
    texts = [entry.text for entry in ENTRIES]
    assert len(set(texts)) == len(texts)


def test_what_binds_the_document_alone_is_corrected() -> None:
    assert [entry.id for entry in ENTRIES if "DOC" in entry.binds and not entry.correction] == []


@pytest.mark.parametrize("erratum", ERRATA)
def test_each_erratum_is_corrected_where_it_is_printed(erratum: str) -> None:
    corrected = [entry.id for entry in ENTRIES if erratum in entry.correction]
    assert corrected == ERRATA[erratum]


def test_every_correction_names_its_erratum() -> None:
    named = {rule for rules in ERRATA.values() for rule in rules}
    assert sorted(named) == [entry.id for entry in ENTRIES if entry.correction]


@pytest.mark.parametrize(("rule", "words"), [*LITERAL.items(), *CODES.items()])
def test_what_is_printed_literally_stays_so(rule: str, words: str) -> None:
    assert words in catalogue()[rule].text


def test_what_is_judged_is_what_has_a_judge() -> None:
    assert [entry.id for entry in ENTRIES if entry.judged] == sorted(JUDGES)


def test_all_that_this_world_can_show_is_judged() -> None:
    # The rules of the roles, of the Notes, of the grant, of capacity, of the server's life, of registering, of the
    # failure table and of the server's end. Left out are those that bind what is not part of this world: removing the
    # program (R015, R016), platforms (R024), domain and public address in the application (R068 to R070), and pages
    # (R093, R094, R102 to R104, R106), which are facts.
    ranges = [
        (1, 2),
        (5, 14),
        (17, 23),
        (25, 37),
        (66, 67),
        (71, 72),
        (81, 83),
        (86, 86),
        (92, 92),
        (95, 95),
        (97, 101),
    ]
    ranges += [(105, 105), (107, 120), (125, 125)]
    expected = [f"R{number:03}" for first, last in ranges for number in range(first, last + 1)]
    assert sorted(JUDGES) == expected


def test_what_binds_the_programs_says_what_they_do() -> None:
    # The licence's life: R003, R004, R010 to R016, R038 to R106 with the pages of the node, R109 to R129. The rest is
    # the method itself and its law, which is judged.
    ranges = [(3, 4), (10, 16), (38, 106), (109, 129)]
    bound = [f"R{number:03}" for first, last in ranges for number in range(first, last + 1)]
    left = [entry.id for entry in ENTRIES if entry.id in bound and not entry.judged and not entry.program]
    assert left == []
    assert all(re.fullmatch(r"\S.*\S\.", entry.program) for entry in ENTRIES if entry.program)


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.judged], ids=lambda entry: entry.id)
def test_a_judge_says_what_puts_the_rule_to_the_test(entry: Entry) -> None:
    assert re.fullmatch(r"\S.*\S\.", entry.test)
    assert "  " not in entry.test


def test_what_is_not_judged_claims_no_test() -> None:
    assert {entry.test for entry in ENTRIES if not entry.judged} == {""}


def test_an_entry_says_what_its_file_says() -> None:
    data = tomllib.loads((files("harness.rulebook") / "catalogue.toml").read_text(encoding="utf-8"))
    assert list(data) == [entry.id for entry in ENTRIES]
    for rule, said in data.items():
        entry = catalogue()[rule]
        assert (entry.text, entry.place, list(entry.binds)) == (said["text"], said["place"], said["binds"])
        assert (entry.correction, entry.program) == (said.get("correction", ""), said.get("program", ""))


def test_an_entry_that_is_not_judged_says_so() -> None:
    entry = Entry(id="R000", text="", place="", binds=("DOC",))
    assert (entry.judged, entry.test, entry.boundary) == (False, "", "")
