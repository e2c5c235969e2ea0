"""The message catalogues: everything in both languages, nothing left over (R079)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from reference_server.program import messages
from reference_server.program.messages import LANGUAGES, Speaker, Text

LOCALE = Path(messages.__file__).with_name("locale")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
PLACE = re.compile(r"\{(\w+)\}")


def catalogue(language: str) -> dict[str, str]:
    with (LOCALE / f"{LANGUAGES[language]}.po").open("rb") as file:
        return {str(entry.id): str(entry.string) for entry in read_po(file, abort_invalid=True) if entry.id}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_just_the_messages(language: str) -> None:
    assert list(catalogue(language)) == [text.value for text in Text]


@pytest.mark.parametrize("text", Text)
def test_a_message_is_in_both_languages_and_fills_the_same_places(text: Text) -> None:
    english, chinese = catalogue("en")[text.value], catalogue("zh")[text.value]
    assert sorted(PLACE.findall(english)) == sorted(PLACE.findall(chinese))
    assert english.isascii()
    assert CHINESE.search(chinese)
    # What is spelled in Latin letters in the Chinese text are names, files and options, not words left untranslated.
    words = re.findall(r"[A-Za-z][A-Za-z.\-]+", PLACE.sub("", chinese))
    known = "FineDataLink CA Ctrl-C MachineInfo.rif receipt.fr server zh en root sudo bin FanruanLicenseServer.zip"
    allowed = {*known.split(), "port", "language", "destroy", "help"}
    assert [word for word in words if word.strip(".-").removesuffix("/server") not in allowed] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_speaker_says_them(language: str) -> None:
    speaker = Speaker(language)
    assert "8081" in speaker.say(Text.PORT_IN_USE, port=8081)
    for text in Text:
        said = speaker.say(text, **dict.fromkeys(PLACE.findall(catalogue(language)[text.value]), "X"))
        assert said != text.value
        assert "{" not in said


def test_the_catalogues_are_the_only_ones() -> None:
    assert sorted(file.name for file in LOCALE.iterdir()) == sorted(f"{name}.po" for name in LANGUAGES.values())
