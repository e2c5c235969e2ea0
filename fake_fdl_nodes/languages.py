"""The languages of the administration pages: English, in which their texts are written, and Simplified Chinese.

The translations are a gettext catalogue beside this module, whose ids are the English texts.
"""

from __future__ import annotations

import gettext
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

__all__ = ["DEFAULT", "LANGUAGES", "Language", "preferred"]


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its tag, as HTML wants it, its name in itself, and its catalogue, empty for English."""

    tag: str
    name: str
    catalogue: str = ""

    def say(self, text: str, **values: object) -> str:
        """Return ``text`` in this language, its places filled with ``values``."""
        said = _catalogue(self.catalogue).gettext(text) if self.catalogue else text
        return said.format_map(values) if values else said


#: By the first part of their tags, which is what a reader's choice is kept as.
LANGUAGES = {"en": Language("en", "English"), "zh": Language("zh-CN", "中文", "zh_CN")}
DEFAULT = "en"


def preferred(accepted: str) -> str:
    """Return the language, a key of `LANGUAGES`, that a browser's header ``Accept-Language`` likes best."""
    best, best_weight = DEFAULT, 0.0
    for each in accepted.split(","):
        tag, _, parameter = each.partition(";")
        name, _, value = parameter.partition("=")
        try:
            weight = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            continue
        language = tag.strip().lower().partition("-")[0]
        # Of two that are liked alike the first is taken.
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best


@cache
def _catalogue(name: str) -> gettext.GNUTranslations:
    with (Path(__file__).with_name("locale") / f"{name}.po").open("rb") as text:
        catalogue = read_po(text)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
