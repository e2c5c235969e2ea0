"""What went wrong inside a system under test, told by the place in its code and without a traceback."""

from __future__ import annotations

import os
import sysconfig
import traceback

__all__ = ["in_full", "told"]

_LIBRARIES = tuple(
    f"{os.path.realpath(path)}{os.sep}"
    for path in dict.fromkeys(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))
)
_LONGEST = 200


def told(error: BaseException) -> str:
    """Return in a line what was raised, and where: the innermost place that is no library's."""
    what = type(error).__name__
    message = " ".join(str(error).split())
    if message:
        what += f": {message if len(message) <= _LONGEST else f'{message[:_LONGEST]}...'}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_short(error.filename)}:{error.lineno}: {what}"
    place = _place(error)
    return f"{place}: {what}" if place else what


def in_full(error: BaseException) -> str:
    """Return the whole traceback of ``error``."""
    return "".join(traceback.format_exception(error))


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _is_library(frame.filename)]
    return f"{_short(own[-1].filename)}:{own[-1].lineno}" if own else ""


def _is_library(file: str) -> bool:
    # What is frozen into Python has no file; this package calls the code under test and is not it.
    package = os.path.dirname(os.path.realpath(__file__))
    return file.startswith("<") or os.path.realpath(file).startswith((*_LIBRARIES, package))


def _short(file: str) -> str:
    """Return ``file`` as seen from the working folder, where it lies below that."""
    short = os.path.relpath(file)
    return file if short.startswith(os.pardir) else short
