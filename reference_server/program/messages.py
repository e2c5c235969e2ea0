"""What the server program says, in Simplified Chinese and in English (R079).

The texts are gettext catalogues, one file a language beside this module. Each has every message; the names that stand
for them in the code are the catalogues' ids.
"""

from __future__ import annotations

import gettext
import io
from enum import Enum
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

__all__ = ["DEFAULT_LANGUAGE", "LANGUAGES", "Speaker", "Text"]

#: The names that ``-language`` takes, with their catalogues; the documented additional one is ``en`` (R079).
LANGUAGES = {"zh": "zh_CN", "en": "en"}
DEFAULT_LANGUAGE = "zh"


class Text(Enum):
    """The messages. Their values are the ids of the catalogues."""

    BANNER = "banner"
    BANNER_ADDRESS = "banner-address"
    BANNER_CERTIFICATE = "banner-certificate"
    BANNER_LICENCE = "banner-licence"
    BANNER_RUNNING = "banner-running"
    STOPPED = "stopped"
    DESTROYED_NOW = "destroyed-now"
    DESTROYED_BEFORE = "destroyed-before"
    RECEIPT_WRITTEN = "receipt-written"
    STOPPING_OTHER = "stopping-other"
    OTHER_STAYS = "other-stays"
    USAGE = "usage"
    UNKNOWN_OPTION = "unknown-option"
    OPTION_NEEDS_VALUE = "option-needs-value"
    BAD_PORT = "bad-port"
    BAD_LANGUAGE = "bad-language"
    UNEXPECTED_ARGUMENT = "unexpected-argument"
    NOT_ADMIN = "not-admin"
    NO_BUNDLE = "no-bundle"
    TAMPERED = "tampered"
    FOREIGN_MACHINE = "foreign-machine"
    UNKNOWN_MACHINE = "unknown-machine"
    SECOND_PROGRAM = "second-program"
    DESTROYED = "destroyed"
    REPLACED = "replaced"
    OLD_FILE = "old-file"
    PORT_IN_USE = "port-in-use"
    PORT_FORBIDDEN = "port-forbidden"
    STATE_DAMAGED = "state-damaged"
    STATE_MISSING = "state-missing"
    STORE_FAILED = "store-failed"
    NO_CERTIFICATE = "no-certificate"
    CANNOT_WRITE = "cannot-write"


@cache
def _catalogue(name: str) -> gettext.GNUTranslations:
    file = Path(__file__).with_name("locale") / f"{name}.po"
    with file.open("rb") as text:
        catalogue = read_po(text)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


class Speaker:
    """Says the messages in one language, a key of `LANGUAGES`."""

    def __init__(self, language: str) -> None:
        self._catalogue = _catalogue(LANGUAGES[language])

    def say(self, text: Text, **values: object) -> str:
        """Return ``text`` with its places filled."""
        return self._catalogue.gettext(text.value).format_map(values)
