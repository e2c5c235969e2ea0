"""The file from which a sweep goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.problems import Mistake
from harness.sweep.ledger import Ledger
from harness.sweep.trial import Breach, Question, Trial

BROKEN = Trial(4, ("cuts",), ("R034",), "ab", (Breach("R034", 5, "fdl-1", "not void"), Breach("liveness", 6, None, "")))
CLEAN = Trial(3, (), ("R031", "R034"), "cd")

names = st.tuples(st.sampled_from(["stops", "cuts", "clocks"]))
breaches = st.builds(
    Breach,
    st.sampled_from(["R034", "liveness", "harness"]),
    st.none() | st.integers(0, 9),
    st.none() | st.text(),
    st.text(),
)
trials = st.builds(Trial, st.integers(0, 99), names, names, st.text(), st.lists(breaches).map(tuple))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sweep.jsonl"


@given(st.lists(trials, unique_by=lambda trial: trial.seed))
def test_what_was_added_is_known_again(tmp_path_factory: pytest.TempPathFactory, done: list[Trial]) -> None:
    path = tmp_path_factory.mktemp("ledger") / "sweep.jsonl"
    for trial in done:  # Each by a sweep of its own.
        with Ledger(path, Question()) as ledger:
            ledger.add([trial])
    with Ledger(path, Question()) as ledger:
        assert ledger.done == {trial.seed: trial for trial in done}


def test_what_was_being_written_when_a_sweep_ended_is_run_again(path: Path) -> None:
    with Ledger(path, Question()) as ledger:
        ledger.add([CLEAN, BROKEN])
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    with Ledger(path, Question()) as ledger:
        assert ledger.done == {3: CLEAN}
        ledger.add([BROKEN])
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (Question(profile="calm"), "profile = 'default'"),
        (Question(reading="revive"), "reading = 'literal'"),
        (Question(server="a:b"), "server = None"),
        (Question(version="0.0.9"), "version = '"),
    ],
)
def test_a_ledger_of_another_question_is_left_alone(path: Path, other: Question, named: str) -> None:
    with Ledger(path, Question()) as ledger:
        ledger.add([CLEAN])
    before = path.read_bytes()
    with pytest.raises(Mistake, match="found a ledger") as caught:
        Ledger(path, other)
    assert named in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text", ["a shopping list\n", "[]\n", '{"other": 1}\n', '{"fdl-harness sweep": 1}\n', "no end of a line"]
)
def test_another_file_is_not_overwritten(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(Mistake, match="which is no ledger of a sweep"):
        Ledger(path, Question())
    assert path.read_text() == text


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"seed": 1}', "null", '{"seed": [], "kinds": [], "tested": [], "digest": "", "breaches": []}']
)
def test_a_line_that_tells_nothing_is_named(path: Path, line: str) -> None:
    with Ledger(path, Question()) as ledger:
        ledger.add([CLEAN])
    with path.open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(Mistake, match=r"line 3 of .*sweep\.jsonl"):
        Ledger(path, Question())


def test_the_first_line_is_the_question(path: Path) -> None:
    with Ledger(path, Question(profile="calm")):
        pass
    assert json.loads(path.read_text().splitlines()[0])["fdl-harness sweep"]["profile"] == "calm"
