"""A browser without a window, and pages opened in it, each of which has to stay quiet and keep to itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright


class Opener:
    """Opens files or addresses, each in a context of its own, and hears what their pages say and ask for."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.heard: list[str] = []
        self.asked: list[str] = []

    def __call__(self, where: Path | str, **properties: Any) -> Page:
        """Open a file or an address; ``properties`` are those of the browser's context."""
        context = self._browser.new_context(**{"viewport": {"width": 1400, "height": 1000}} | properties)
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self.heard.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.heard.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(where if isinstance(where, str) else where.as_uri())
        return page

    def close(self) -> None:
        """Close all that was opened."""
        for context in self._contexts:
            context.close()


@pytest.fixture(scope="session")
def browser(pytestconfig: pytest.Config) -> Iterator[Browser]:
    """The Chromium that ``--browser`` names."""
    with sync_playwright() as playwright:
        # In a container there is nothing that a sandbox could be made of.
        started = playwright.chromium.launch(
            executable_path=pytestconfig.getoption("--browser"), args=["--no-sandbox", "--force-device-scale-factor=1"]
        )
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Opener]:
    """What opens files; afterwards none may have said anything on the console, or have asked for anything else."""
    opener = Opener(browser)
    yield opener
    opener.close()
    assert opener.heard == []
    assert [url for url in opener.asked if not url.startswith("file:")] == []


@pytest.fixture
def open_address(browser: Browser) -> Iterator[Opener]:
    """What opens addresses of loopback; afterwards no page may have said anything, or have asked anybody else."""
    opener = Opener(browser)
    yield opener
    opener.close()
    assert opener.heard == []
    assert [url for url in opener.asked if urlsplit(url).hostname != "127.0.0.1"] == []
