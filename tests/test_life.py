"""The walk through a licence's whole life, just as ``docs/life.md`` shows it: its commands, in one shell, in order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reference_server.program.exits import Exit
from tests.programs import AS_ROOT, free_port
from tests.test_docs import ROOT, _blocks, _commands, _shown_in, _write_files

PAGE = ROOT / "docs" / "life.md"
MARK = "the command has ended"


class Shell:
    """A shell that goes on from command to command."""

    def __init__(self, folder: Path) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kept = {key: os.environ[key] for key in ("HOME", "LANG", "PYTHONPATH") if key in os.environ}
        self._process = subprocess.Popen(
            [*AS_ROOT, "bash"],
            cwd=folder,
            env=kept | {"PATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def run(self, command: str) -> list[str]:
        """Run a command to its end, and return the lines that it prints."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        # A command must not read what is meant for the shell.
        stdin.write(f"{{ {command}\n}} < /dev/null\necho; echo '{MARK}'\n")
        stdin.flush()
        lines: list[str] = []
        for line in stdout:
            if line.strip() == MARK:
                break
            lines.append(line.rstrip("\n"))
        return lines[:-1] if lines[-1:] == [""] else lines

    def end(self) -> None:
        """End the shell and whatever it has started."""
        self._process.communicate("kill $(jobs -p) 2>/dev/null; exit\n", timeout=60)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.end()


def test_the_page_is_what_happens(shell: Shell, tmp_path: Path) -> None:
    _write_files(PAGE, tmp_path)
    port = str(free_port())
    for block in _blocks(PAGE):
        if block.info != "console":
            continue
        for command, shown in _commands(block):
            printed = [line.replace(port, "8088") for line in shell.run(command.replace("8088", port))]
            where = f"{PAGE.name}:{block.line}: $ {command}\n" + "\n".join(printed)
            assert _shown_in(shown, printed), where


def test_the_page_lists_every_exit_code() -> None:
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)]
    assert codes == [int(code) for code in Exit if code is not Exit.DONE]
