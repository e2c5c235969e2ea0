"""The languages of the pages: each text that a page can show is translated, and the browser's wish is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

import fake_fdl_nodes
from fake_fdl_nodes.languages import LANGUAGES, preferred
from fake_fdl_nodes.node import Status
from fake_fdl_nodes.page import FIELDS, LEADS, METHODS, NO_METHOD, Screen, granted
from fake_fdl_nodes.program.administration import MESSAGES, NO_CODE, NO_DAY, UNDER_WAY
from fake_fdl_nodes.program.served import COMPLAINTS
from fake_fdl_nodes.server_address import REASONS
from harness.outage.reasons import code_of
from reference_server.protocol import Code, Details

PACKAGE = Path(fake_fdl_nodes.__file__).parent
NO_LIMITS = Details(function_points=(), access_domains=(), access_ports=(), application_names=(), expires_us=None)
#: What is the same in each language: the product's name.
NAMES = {"FineDataLink"}


def texts() -> set[str]:
    """Return every text that a page can have translated."""
    found = {NO_METHOD, NO_CODE, NO_DAY, UNDER_WAY, *REASONS, *COMPLAINTS, *METHODS, *FIELDS}
    found |= {part for screen in Screen for part in screen.value.split(" > ")}
    found |= {label for leads in LEADS.values() for label in leads}
    found |= {code.reason for code in Code} | {status.value for status in Status}
    found |= {text for item in granted(NO_LIMITS) for text in (item.label, item.otherwise)}
    found |= {text for pair in MESSAGES for text in pair}
    for template in sorted((PACKAGE / "assets").glob("*.html")):
        with template.open("rb") as file:
            options = {"trim_blocks": "true", "lstrip_blocks": "true"}
            for _, _, text, _ in babel_extract(file, ["say"], [], options):
                # Beside a text stands what fills its places; one that is in a variable is found above.
                text = text[0] if isinstance(text, tuple) else text
                found |= {text} if isinstance(text, str) else set()
    return found - NAMES


def test_each_text_of_a_page_is_translated_and_nothing_else() -> None:
    with (PACKAGE / "locale" / "zh_CN.po").open("rb") as file:
        catalogue = read_po(file)
    translated = {str(each.id): str(each.string) for each in catalogue if each.id}
    assert sorted(translated.keys() ^ texts()) == []
    for text, said in translated.items():
        assert said, text
        # The places to be filled are the same, and what is not in Chinese is a name.
        assert sorted(re.findall(r"\{\w*\}", said)) == sorted(re.findall(r"\{\w*\}", text))
        assert re.search(r"[\u4e00-\u9fff]", said), text


def test_english_is_what_the_texts_are_written_in() -> None:
    assert LANGUAGES["en"].say("Submit") == "Submit"
    assert LANGUAGES["en"].say("{shown} of {all}", shown=1, all=2) == "1 of 2"
    assert LANGUAGES["zh"].say("Submit") == "提交"


@pytest.mark.parametrize("code", Code)
def test_what_a_page_says_of_a_failure_is_understood_in_chinese(code: Code) -> None:
    assert code_of(LANGUAGES["zh"].say(code.reason)) is code


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("en;q=0.5, zh-Hans;q=0.7", "zh"),
        ("fr,de;q=0.9", "en"),
        ("fr,zh;q=0.1", "zh"),
        ("zh;q=0", "en"),
        ("zh;q=high,*", "en"),
        (";;q=,,=", "en"),
    ],
)
def test_the_language_is_the_one_that_the_browser_likes_best(accepted: str, language: str) -> None:
    assert preferred(accepted) == language
