"""How the server program ends when it does not run: each reason has an exit code and a message of its own."""

from __future__ import annotations

from enum import IntEnum

from reference_server.program.messages import Text

__all__ = ["Exit", "StopError"]


class Exit(IntEnum):
    """The exit codes of ``fdl-server``."""

    DONE = 0
    STORE_FAILED = 1
    USAGE = 2
    NOT_ADMIN = 3
    NO_BUNDLE = 4
    TAMPERED = 5
    FOREIGN_MACHINE = 6
    SECOND_PROGRAM = 7
    DESTROYED = 8
    PORT_IN_USE = 9
    STATE_DAMAGED = 10
    REPLACED = 11
    OLD_FILE = 12
    NO_CERTIFICATE = 13


class StopError(Exception):
    """The program ends here. ``values`` fill the places of ``text``."""

    def __init__(self, code: Exit, text: Text, **values: object) -> None:
        super().__init__(f"{code.name}: {text.value}")
        self.code = code
        self.text = text
        self.values = values
