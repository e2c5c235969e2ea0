"""The process ``fdl-node serve``, which is up when it is made."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.programs import ROOT, environment


@dataclass
class ServedProcess:
    """Pages that a process serves: the address that it has printed, with the token, and its lines."""

    process: subprocess.Popen[str]
    url: str = ""
    lines: list[str] = field(default_factory=list)

    @classmethod
    def started(cls, machine: Path, *arguments: str) -> Self:
        """Start it on a free port, and wait until it listens."""
        command = [sys.executable, "-m", "fake_fdl_nodes.program.cli", "serve", "--listen", "127.0.0.1:0", *arguments]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(machine) | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        made = cls(process)
        made.url = made.told(r"open (http://\S+)")
        return made

    def told(self, pattern: str) -> str:
        """Wait for a line that has ``pattern``, and return what its group, or all of it, is in there."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found[found.lastindex or 0]
        raise AssertionError(f"no line with {pattern!r} in {''.join(self.lines)}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Have it end, unless it has, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.lines.append(self.process.communicate(timeout=30)[0])
        return self.process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
