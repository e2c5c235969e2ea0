"""The text of a record's file, in whichever encoding a spreadsheet or an editor has saved it."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from harness.outage.errors import RecordError
from harness.problems import Problem

__all__ = ["CONTROL", "lines_of", "read_text"]

_EXPECTED = "a record of an outage, as text in UTF-8, UTF-16 or GB18030"
#: What no text has, but for the tab and the ends of lines.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_END_OF_LINE = re.compile(r"\r\n|\r|\n")


def read_text(path: Path) -> str:
    """Return the text of the file at ``path``.

    A byte order mark says which encoding it is. Without one it is UTF-8, or what a Chinese Excel writes (GB18030).

    :raises RecordError: if it cannot be read, or is no text.
    """
    file = str(path)
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # A path with a NUL character is a ValueError.
        found = (getattr(error, "strerror", None) or str(error)).lower()
        raise RecordError([Problem(file=file, found=found, expected=_EXPECTED)]) from None
    text = _decoded(data, file)
    if control := CONTROL.search(text):
        line, column = _place(text, control.start())
        found = f"the character U+{ord(control[0]):04X}, which no text has"
        raise RecordError([Problem(file=file, line=line, column=column, found=found, expected=_EXPECTED)])
    return text


def lines_of(text: str) -> list[str]:
    """Return the lines of ``text`` without their ends. An empty last one is none."""
    lines = _END_OF_LINE.split(text)
    return lines[:-1] if lines[-1] == "" else lines


def _decoded(data: bytes, file: str) -> str:
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-16" and (chinese := _chinese(data)) is not None:
            return chinese
        before = data[: error.start].decode(encoding, "replace")
        line, column = _place(before, len(before))
        found = f"the byte 0x{data[error.start]:02x}"
        raise RecordError([Problem(file=file, line=line, column=column, found=found, expected=_EXPECTED)]) from None


def _chinese(data: bytes) -> str | None:
    """Return the text that ``data`` is in GB18030, ``None`` if it is none.

    Text in a Latin encoding can pass for GB18030, but what it would say is made of rare characters. Chinese is mostly
    made of those that were in the first standard.
    """
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    characters = [each for each in text if not each.isascii()]
    common = "".join(characters).encode("gb2312", "ignore").decode("gb2312")
    return text if 2 * len(common) > len(characters) else None


def _place(text: str, offset: int) -> tuple[int, int]:
    """Return the line and column of the character at ``offset``."""
    before = _END_OF_LINE.split(text[:offset])
    return len(before), len(before[-1]) + 1
