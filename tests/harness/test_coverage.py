"""The matrix of coverage: what a cell says, what is recorded of it, and that the library has lost none."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from harness.cli import main
from harness.coverage import COLUMNS, Census, Matrix, catches, filled, gained, lost
from harness.library import find_scenarios, library_path
from harness.problems import Mistake
from harness.proof import Catch, Proof
from harness.report.coverage import (
    NOT_APPLICABLE,
    change_lines,
    coverage_as_text,
    coverage_summary,
    gap_lines,
    read_facts,
    read_proofs,
    read_record,
    record_as_text,
)
from harness.report.coverage_page import coverage_page
from harness.report.proofs import proofs_as_text
from harness.rulebook import BOUNDARIES, Judgement, Ruling, Sides
from harness.runner import jobs_for, run_jobs
from harness.scenario_file import load
from reference_server.readings import LITERAL

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "tests" / "coverage.json"


def judged(rule: str, tested: int, sides: Sides | None = None, ruling: Ruling = Ruling.HELD) -> Judgement:
    return Judgement(rule=rule, ruling=ruling if tested else Ruling.UNKNOWN, tested=tested, sides=sides)


def census(*runs: dict[str, Judgement]) -> Census:
    made = Census("literal")
    for run in runs:
        made.add(run)
    return made


TWO_RUNS = census(
    {"R034": judged("R034", 3, Sides(2, 1, 0)), "R032": judged("R032", 5), "R018": judged("R018", 1, Sides(1, 0, 0))},
    {"R034": judged("R034", 4, Sides(4, 0, 0)), "R032": judged("R032", 0), "R018": judged("R018", 0, None)},
)
#: R003 binds the applicant and R078 the server; both are facts.
FACTS = {"R003": 2, "R078": 1}


def cells(matrix: Matrix, rule: str) -> tuple[int | None, ...]:
    return tuple(matrix.by_rule[rule].cells.values())


@pytest.mark.parametrize(
    ("rule", "ways", "expected"),
    [
        # Two runs: 3 + 4 occasions, of which 2 + 4 lay below and 1 + 0 at 24 h; one bug was caught.
        ("R034", ("simulation",), (1, 7, 6, 1, 0, 1)),
        # Nodes in rank, as in the second run, have no sides.
        ("R018", ("simulation",), (1, 1, 1, 0, 0, 0)),
        # No boundary; a rule of the server owes a bug.
        ("R032", ("simulation",), (1, 5, None, None, None, 0)),
        # It binds the network alone, which owes none.
        ("R013", ("simulation",), (1, 0, None, None, None, None)),
        # Facts have no boundary in the simulation, and no bug there.
        ("R003", ("programs",), (1, 2, None, None, None, None)),
        ("R078", ("programs",), (1, 1, None, None, None, None)),
        # R077 binds the server and nothing judges it.
        ("R077", (), (0, 0, None, None, None, 0)),
        ("R045", ("corrected",), (None,) * 6),
    ],
)
def test_a_cell_is_a_count_a_gap_or_no_question(rule: str, ways: tuple[str, ...], expected: tuple[int, ...]) -> None:
    matrix = TWO_RUNS.matrix(facts=FACTS, caught={"R034": 1})
    assert matrix.columns == COLUMNS
    assert matrix.by_rule[rule].ways == ways
    assert cells(matrix, rule) == expected


def test_a_fact_that_does_not_hold_is_not_reached() -> None:
    matrix = TWO_RUNS.matrix(facts={"R078": 0, "R045": 1}, caught={})
    assert cells(matrix, "R078") == (1, 0, None, None, None, None)
    # What the document errs in can be a fact of the programs: that they do the right thing.
    assert cells(matrix, "R045") == (1, 1, None, None, None, None)
    assert matrix.by_rule["R045"].ways == ("programs", "corrected")


def test_without_proofs_there_is_no_column_for_them() -> None:
    matrix = TWO_RUNS.matrix()
    assert matrix.columns == ("judged", "reached", "below", "at", "above")
    assert cells(matrix, "R034") == (1, 7, 6, 1, 0)
    assert matrix.by_rule["R034"].gaps == ["above"]


def test_every_entry_has_a_row_and_only_boundaries_have_sides() -> None:
    matrix = TWO_RUNS.matrix()
    assert list(matrix.by_rule) == [f"R{number:03}" for number in range(1, 130)]
    assert {row.entry.id for row in matrix.rows if row.cells["at"] is not None} == set(BOUNDARIES)


def test_a_violated_rule_is_told() -> None:
    made = census({"R032": judged("R032", 5, ruling=Ruling.VIOLATED)})
    assert made.matrix().violated == ("R032",)


def test_a_rule_catches_what_breaks_it_and_is_proven() -> None:
    proofs = [proof("a", "R018", "R072"), proof("b", "R018"), proof("c"), proof("d", "R034", raised="ValueError")]
    # The same bug was tried in other scenarios, too.
    proofs.append(proof("b", "R018", "R119"))
    assert catches(proofs) == {"R018": 2, "R072": 1, "R119": 1}


def proof(bug: str, *caught: str, raised: str = "", program: str = "") -> Proof:
    catches = tuple(Catch(rule, program or "a.toml") for rule in caught)
    return Proof(bug=bug, wrong="w.", breaks=caught, caught=catches, raised=raised, program=program)


@pytest.mark.parametrize(
    ("rule", "machines", "both", "programs"),
    [
        # A fact of the server alone: only the programs have bugs of it, of which two were noticed.
        ("R078", None, 2, 2),
        # Another fact of it, of which none was: that is a gap where the programs were tried.
        ("R079", None, 0, 0),
        # It is judged and a fact: one bug of the machines, one of the programs.
        ("R036", 1, 2, 1),
        # Judged alone: what the machines do counts.
        ("R034", 0, 0, None),
        # The applicant, whom it binds, has no bugs; that of a program counts as it comes.
        ("R003", None, 1, 1),
        ("R077", 0, 0, 0),
    ],
)
def test_bugs_of_machines_and_programs_count_where_they_were_tried(
    rule: str, machines: int | None, both: int | None, programs: int | None
) -> None:
    facts = {"R003": 1, "R036": 1, "R078": 1, "R079": 1}
    caught, noticed = {"R036": 1}, {"R003": 1, "R036": 1, "R078": 2}
    found = [
        TWO_RUNS.matrix(facts=facts, caught=caught),
        TWO_RUNS.matrix(facts=facts, caught=caught, noticed=noticed),
        TWO_RUNS.matrix(facts=facts, noticed=noticed),
    ]
    assert [matrix.by_rule[rule].cells["caught"] for matrix in found] == [machines, both, programs]


def test_bugs_that_were_not_tried_are_kept_and_not_compared(tmp_path: Path) -> None:
    both = TWO_RUNS.matrix(facts=FACTS, caught={"R034": 1}, noticed={"R078": 1})
    before = filled(both)
    assert (before["R034"][-1], before["R078"]) == ("caught", ["judged", "reached", "caught"])
    machines = TWO_RUNS.matrix(facts=FACTS, caught={"R034": 1})
    programs = TWO_RUNS.matrix(facts=FACTS, noticed={"R078": 1})
    for less in (machines, programs, TWO_RUNS.matrix(facts=FACTS), TWO_RUNS.matrix(noticed={"R078": 1})):
        assert not lost(less, before)
        assert record_of(less, tmp_path, before) == before
    assert lost(TWO_RUNS.matrix(facts=FACTS, noticed={}), before) == [("R078", "caught")]
    assert lost(TWO_RUNS.matrix(facts=FACTS, caught={}), before) == [("R034", "caught")]


def test_the_summary_says_which_bugs_were_left_out() -> None:
    def last(**given: dict[str, int]) -> str:
        return list(coverage_summary(TWO_RUNS.matrix(**given)))[-1]

    assert last(facts={}, caught={}).startswith("planted programs were left out")
    assert last(noticed={}).startswith("planted bugs of the machines were left out")
    assert last(facts={}, caught={}, noticed={}).endswith("have a gap")
    assert last(caught={}).endswith("have a gap")


# What is recorded.


def record_of(matrix: Matrix, folder: Path, before: dict[str, list[str]] | None = None) -> dict[str, list[str]]:
    file = folder / "coverage.json"
    file.write_text(record_as_text(matrix, before or {}), encoding="utf-8")
    return read_record(file, "literal")


def test_a_record_is_what_is_filled(tmp_path: Path) -> None:
    matrix = TWO_RUNS.matrix(caught={"R034": 1})
    recorded = record_of(matrix, tmp_path)
    assert recorded == filled(matrix)
    assert recorded["R034"] == ["judged", "reached", "below", "at", "caught"]
    assert "R077" not in recorded
    assert not lost(matrix, recorded)
    assert not gained(matrix, recorded)


def test_a_column_that_is_left_out_is_kept_and_not_compared(tmp_path: Path) -> None:
    before = filled(TWO_RUNS.matrix(caught={"R034": 1}))
    without = TWO_RUNS.matrix()
    assert not lost(without, before)
    assert record_of(without, tmp_path, before) == before


def test_rules_that_only_the_programs_show_are_kept_and_not_compared_without_them(tmp_path: Path) -> None:
    before = filled(TWO_RUNS.matrix(facts=FACTS))
    assert before["R078"] == ["judged", "reached"]
    without = TWO_RUNS.matrix()
    assert not lost(without, before)
    assert record_of(without, tmp_path, before) == before
    assert lost(TWO_RUNS.matrix(facts={"R003": 1}), before) == [("R078", "judged"), ("R078", "reached")]


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "cannot be read"), ("{", "which is no JSON"), ("[]", "which has no facts"), ('{"facts": [1]}', "no facts")],
)
def test_what_are_no_facts_is_told(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "facts.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(Mistake, match=message):
        read_facts(file)


def test_facts_are_read(tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    facts = [{"rule": "R078", "outcome": "held"}, {"rule": "R077", "outcome": "broken", "seen": "9"}]
    file.write_text(json.dumps({"facts": facts}))
    assert read_facts(file) == {"R078": 1, "R077": 0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read: No such file"),
        ("{", "which has no proofs, expected a file that `fdl-harness prove --json FILE` wrote"),
        ("[]", "has no proofs"),
        ('{"bugs": [{"bug": "b"}]}', "has no proofs"),
        ('{"bugs": [1]}', "has no proofs"),
    ],
)
def test_what_are_no_proofs_is_told(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "proofs.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(Mistake, match=message):
        read_proofs(file)


counts = st.dictionaries(
    st.sampled_from(["R018", "R034", "R032", "R119"]), st.tuples(*[st.integers(0, 2)] * 4), max_size=4
)


def matrix_of(each: dict[str, tuple[int, ...]]) -> Matrix:
    return census({rule: judged(rule, tested, Sides(*sides)) for rule, (tested, *sides) in each.items()}).matrix()


@given(before=counts, now=counts)
def test_what_one_loses_the_other_gains(before: dict[str, tuple[int, ...]], now: dict[str, tuple[int, ...]]) -> None:
    earlier, later = matrix_of(before), matrix_of(now)
    losses = lost(later, filled(earlier))
    assert sorted(losses) == sorted(gained(earlier, filled(later)))
    both = {(rule, column) for rule, columns in filled(earlier).items() for column in columns} - set(losses)
    assert both | set(gained(later, filled(earlier))) == {
        (rule, column) for rule, columns in filled(later).items() for column in columns
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read: No such file"),
        ("{", "which is no JSON"),
        ("[]", "which has no filled cells"),
        ('{"reading": "literal", "filled": {"R001": 1}}', "which has no filled cells"),
        ('{"reading": "revive", "filled": {}}', "a record of the reading 'revive', expected one of 'literal'"),
    ],
)
def test_what_is_no_record_is_told(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "coverage.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(Mistake, match=message):
        read_record(file, "literal")


def test_a_loss_says_what_to_do() -> None:
    matrix = TWO_RUNS.matrix()
    recorded = {**filled(matrix), "R034": ["judged", "reached", "below", "at", "above"]}
    lines = list(change_lines(lost(matrix, recorded), gained(matrix, recorded), Path("c.json")))
    assert lines[0].startswith("R034 has lost: above. No occasion of any scenario lies on that side")
    assert lines[-1] == "If that is meant, record it: fdl-harness coverage --against c.json --update"


# What is shown.


def test_the_summary_counts() -> None:
    # Of the rules that bind a program 16 have a boundary; of those R034 lacks the side above 24 h.
    matrix = census({"R034": judged("R034", 3, Sides(2, 1, 0))}).matrix()
    lines = list(coverage_summary(matrix))
    assert lines[0].startswith("1 scenario under literal: 129 entries, ")
    assert "1 reached, 0 of 16 boundaries on all sides" in lines[1]
    gaps = list(gap_lines(matrix))
    assert lines[2] == f"{len(gaps)} of those have a gap"
    assert "R034 is missing: above" in gaps
    assert "R077 is missing: judged, reached" in gaps
    assert not [line for line in gaps if line.startswith(("R013", "R045"))]


def test_the_json_has_every_cell() -> None:
    document = json.loads(coverage_as_text(TWO_RUNS.matrix(caught={})))
    (row,) = [each for each in document["rules"] if each["rule"] == "R034"]
    assert row["cells"] == {"judged": 1, "reached": 7, "below": 6, "at": 1, "above": 0, "caught": 0}
    assert row["boundary"] == BOUNDARIES["R034"]
    assert document["columns"] == list(COLUMNS)


class _Page(HTMLParser):
    """The tags of a page, and the texts of its cells by row."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.outside: list[str] = []
        self.rows: dict[str, list[str]] = {}
        self._row = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.outside += [name for name, _ in attrs if name in ("src", "href")]
        if tag == "tr":
            self._row = dict(attrs).get("id") or ""
        if tag == "td":
            self.rows.setdefault(self._row, []).append("")

    def handle_data(self, data: str) -> None:
        if self._row in self.rows:
            self.rows[self._row][-1] += data


def test_the_page_says_in_words_what_its_colours_say() -> None:
    page = _Page(coverage_page(TWO_RUNS.matrix(caught={})))
    assert page.rows["R034"][:8] == ["R034", "S", "yes", "7", "6", "1", "missing", "missing"]
    assert page.rows["R045"][2:8] == [NOT_APPLICABLE] * 6
    assert len(page.rows) == 129


def test_the_page_needs_nothing_from_outside() -> None:
    text = coverage_page(TWO_RUNS.matrix())
    assert not _Page(text).outside
    assert {"script", "link", "img"}.isdisjoint(_Page(text).tags)
    assert "url(" not in text


# The command.


def invoke(*arguments: str | Path) -> tuple[int, str]:
    ended = CliRunner().invoke(main, ["coverage", "--no-prove", *map(str, arguments)])
    return ended.exit_code, ended.output


ONE = library_path() / "checks" / "no_request.toml"


def test_a_lost_cell_is_named_and_ends_with_1(tmp_path: Path) -> None:
    file = tmp_path / "coverage.json"
    assert invoke(ONE, "--against", file, "--update")[0] == 0
    assert "as recorded in" in invoke(ONE, "--against", file)[1]
    recorded = json.loads(file.read_text())
    del recorded["filled"]["R110"]
    recorded["filled"]["R034"] = ["judged", "reached", "below", "at", "above"]
    file.write_text(json.dumps(recorded))
    code, output = invoke(ONE, "--against", file)
    assert code == 1
    assert "R034 has lost: at, above. No occasion" in output
    assert "R110 has gained: judged, reached" in output


def test_a_wrong_call_runs_nothing(tmp_path: Path) -> None:
    code, output = invoke(ONE, "--against", tmp_path / "none.json")
    assert code == 2
    assert "cannot be read" in output
    assert invoke(ONE, "--update")[0] == 2
    code, output = invoke(ONE, "--against", tmp_path / "gone" / "cells.json", "--update")
    assert code == 2
    assert "cells.json cannot be written" in output
    assert "R110" not in output


@pytest.mark.parametrize("option", [["--update", "--against"], ["--json"]])
def test_an_interrupt_leaves_files_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: list[str]
) -> None:
    def interrupted(*_: object) -> object:
        raise KeyboardInterrupt

    file = tmp_path / "coverage.json"
    assert invoke(ONE, *option, file)[0] == 0
    before = file.read_text()
    monkeypatch.setattr("harness.runner.run_jobs", interrupted)
    assert invoke(ONE, *option, file)[0] != 0
    assert file.read_text() == before
    assert invoke(ONE, *option, tmp_path / "new.json")[0] != 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["coverage.json"]


BUG = """
from harness.proof import Bugs
from reference_server.authority import Authority
from reference_server.protocol import Malformed

BUGS = Bugs()


@BUGS.breaking("R109")
class Shrugs(Authority):
    \"""Says 10001 whatever it is that it cannot read.\"""

    def handle(self, request, source, now):
        if isinstance(request, Malformed):
            request = Malformed(code=10001, reason=request.reason)
        return super().handle(request, source, now)
"""


def test_bugs_of_ones_own_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own_bugs.py").write_text(BUG)
    ended = CliRunner().invoke(main, ["coverage", str(ONE), "--bugs", "own_bugs", "--json", "c.json"])
    assert ended.exit_code == 0, ended.output
    rules = {each["rule"]: each["cells"] for each in json.loads(Path("c.json").read_text())["rules"]}
    assert (rules["R109"]["caught"], rules["R110"]["caught"]) == (1, 0)


def test_what_was_proven_is_counted_and_not_proven_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("machines.json").write_text(proofs_as_text([proof("a", "R109"), proof("b", "R109")]))
    Path("programs.json").write_text(proofs_as_text([proof("c", "R078", program="fdl-server")]))
    files = ["--proofs", "machines.json", "--proofs", "programs.json"]
    ended = CliRunner().invoke(main, ["coverage", str(ONE), *files, "--json", "c.json"])
    assert ended.exit_code == 0, ended.output
    rules = {each["rule"]: each["cells"] for each in json.loads(Path("c.json").read_text())["rules"]}
    assert (rules["R109"]["caught"], rules["R078"]["caught"], rules["R110"]["caught"]) == (2, 1, 0)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--proofs", "none.json"], "none.json, which cannot be read"),
        (["--proofs", "none.json", "--no-prove"], "are not proven again"),
        (["--proofs", "none.json", "--bugs", "own_bugs"], "are not proven again"),
    ],
)
def test_a_wrong_call_about_proofs(arguments: list[str], told: str) -> None:
    ended = CliRunner().invoke(main, ["coverage", str(ONE), *arguments])
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert told in ended.stderr


def test_bugs_that_are_not_there_are_told(tmp_path: Path) -> None:
    ended = CliRunner().invoke(main, ["coverage", str(ONE), "--bugs", "no.such"])
    assert ended.exit_code == 2
    assert "--no-prove" in ended.output


def test_reports_are_written(tmp_path: Path) -> None:
    assert invoke(ONE, "--json", tmp_path / "c.json", "--html", tmp_path / "c.html")[0] == 0
    assert json.loads((tmp_path / "c.json").read_text())["scenarios"] == 1
    assert "<!DOCTYPE html>" in (tmp_path / "c.html").read_text()


# The library.


def test_what_binds_a_program_has_caught_a_bug() -> None:
    # Facts were noticed to be broken by `fdl-harness prove --programs`, which takes too long here.
    recorded = read_record(RECORD, "literal")
    bound = [row.entry for row in TWO_RUNS.matrix().rows if row.binds_a_program]
    judged = [entry.id for entry in bound if "judged" in recorded.get(entry.id, ())]
    assert len(judged) > 60
    assert [rule for rule in judged if "caught" not in recorded[rule]] == []


def test_the_library_has_lost_no_cell() -> None:
    made = Census("literal")
    jobs = [job for path in find_scenarios(library_path()) for job in jobs_for(load(path), [LITERAL])]
    for result in run_jobs(jobs):
        made.add(result.judgements)
    matrix = made.matrix()
    recorded = read_record(RECORD, "literal")
    changes = lost(matrix, recorded), gained(matrix, recorded)
    assert changes == ([], []), "\n".join(change_lines(*changes, Path("tests/coverage.json")))
    # Each rule that is judged has been reached, on all sides of its boundary if it has one, and was never broken.
    assert [(row.entry.id, row.gaps) for row in matrix.rows if row.entry.judged and row.gaps] == []
    assert matrix.violated == ()
