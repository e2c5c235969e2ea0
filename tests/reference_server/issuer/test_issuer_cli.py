"""The command fdl-issuer: what it prints, writes and returns."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from reference_server.issuer.cli import main
from tests.reference_server.issuer.applications import mail, rif_of

CONTRACTS = """\
[[contracts]]
number = "C-17"
company = "Example Ltd"
sender = "it@example.com"
signed = 2026-01-15
expires = 2027-01-14
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a contracts file and a right application."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "contracts.toml").write_text(CONTRACTS)
    (tmp_path / "application.eml").write_bytes(mail(rif_of(tmp_path).to_bytes()))
    return tmp_path


def issuer(*arguments: str) -> Result:
    done = CliRunner().invoke(main, arguments)
    assert "Traceback" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done


def test_check_lists_every_reason_and_issues_nothing(folder: Path) -> None:
    wrong = mail(None, fields={"FineDataLink version": "", "Authorization capacity": ""})
    (folder / "wrong.eml").write_bytes(wrong)
    done = issuer("check", "wrong.eml", "--contracts", "contracts.toml")
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert [line.split("  ")[:2] for line in lines[:-1]] == [
        ["refused", "R061"],
        ["warning", "R072"],
        ["refused", "R073"],
    ]
    assert lines[-1] == "wrong.eml: refused for 2 reasons"
    assert not (folder / "issuer.sqlite3").exists()


def test_check_of_a_right_one(folder: Path) -> None:
    done = issuer("check", "application.eml", "--contracts", "contracts.toml")
    assert (done.exit_code, done.output) == (0, "application.eml: nothing stops it\n")


def test_issue_writes_the_archive_once(folder: Path) -> None:
    done = issuer("issue", "application.eml", "--contracts", "contracts.toml")
    assert done.exit_code == 0, done.output
    assert (folder / "FanruanLicenseServer.zip").stat().st_mode & 0o777 == 0o600
    before = (folder / "FanruanLicenseServer.zip").read_bytes()
    again = issuer("issue", "application.eml", "--contracts", "contracts.toml")
    assert again.exit_code == 1
    assert "R015" in again.output
    assert (folder / "FanruanLicenseServer.zip").read_bytes() == before


def test_an_application_that_is_refused_leaves_no_trace(folder: Path) -> None:
    (folder / "wrong.eml").write_bytes(mail(None))
    assert issuer("issue", "wrong.eml", "--contracts", "contracts.toml").exit_code == 1
    assert not (folder / "FanruanLicenseServer.zip").exists()
    assert issuer("list").output == ""


def test_an_archive_that_cannot_be_written_is_not_issued(folder: Path) -> None:
    done = issuer("issue", "application.eml", "--contracts", "contracts.toml", "-o", "nowhere/archive.zip")
    assert (done.exit_code, "nowhere" in done.output) == (2, True)
    assert issuer("issue", "application.eml", "--contracts", "contracts.toml").exit_code == 0


def test_suspend_extend_and_change_capacity(folder: Path) -> None:
    issuer("issue", "application.eml", "--contracts", "contracts.toml")
    assert issuer("suspend", "C-17").exit_code == 0
    assert "C-17-1  live, suspended" in issuer("list").output
    assert issuer("resume", "C-17").exit_code == 0
    assert issuer("extend", "C-17", "2028-02-29").exit_code == 0
    assert issuer("change-capacity", "C-17", "5").exit_code == 0
    (line,) = issuer("list").output.splitlines()
    assert line.startswith("C-17-1  live  machine ")
    assert line.endswith("capacity 5  through 2028-02-29  file 5  Example Ltd")


def test_template_never_writes_over_something(folder: Path) -> None:
    assert issuer("template").exit_code == 2
    done = issuer("template", "-o", "new.eml")
    assert (done.exit_code, done.output.splitlines()[0]) == (0, "wrote new.eml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "none.eml", "--contracts", "contracts.toml"], "none.eml"),
        (["check", "application.eml", "--contracts", "none.toml"], "none.toml: no such file or directory"),
        (["list", "--register", "none"], "none: found no such file"),
        (["suspend", "C-17", "--register", "none"], "none: found no such file"),
        (["list", "--register", "contracts.toml"], "contracts.toml: file is not a database"),
        (["extend", "C-17", "tomorrow"], "tomorrow"),
        (["change-capacity", "C-17", "0"], "0"),
        (["change-capacity", "C-17", "9007199254740992"], "9007199254740992"),
        (["extend", "C-17", "9999-12-31"], "expected a day up to 9998-12-31"),
    ],
)
def test_a_wrong_call_or_file_is_told_and_ends_with_2(folder: Path, arguments: list[str], message: str) -> None:
    done = issuer(*arguments)
    assert done.exit_code == 2
    assert message in done.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("contracts = 3", "contracts: found nothing, expected at least one [[contracts]] table"),
        ("[[contracts", "not TOML"),
        (CONTRACTS.replace('"C-17"', "17"), "contracts[0].number: found 17, expected a text"),
        (CONTRACTS.replace("2026-01-15", '"soon"'), "contracts[0].signed: found 'soon', expected the day of signing"),
        (
            CONTRACTS + 'zone = "Mars/Phobos"',
            "contracts[0].zone: found 'Mars/Phobos', expected the name of a time zone",
        ),
        (CONTRACTS.replace("2027-01-14", "9999-12-31"), "contracts[0].expires: found 9999-12-31, expected a day up to"),
        (CONTRACTS + "colour = 1", "contracts[0].colour: found an unknown key"),
        (
            CONTRACTS.replace('sender = "it@example.com"\n', ""),
            "contracts[0].sender: found nothing, expected the e-mail",
        ),
        (CONTRACTS + CONTRACTS, "number: found 'C-17' twice"),
    ],
)
def test_a_wrong_contracts_file_names_the_place(folder: Path, text: str, message: str) -> None:
    (folder / "contracts.toml").write_text(text)
    done = issuer("check", "application.eml", "--contracts", "contracts.toml")
    assert done.exit_code == 2
    assert message in done.output
