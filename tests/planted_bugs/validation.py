"""Nodes that are wrong about an answer: what they take for a grant, and what for none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fake_fdl_nodes.node import Effect, Ended, Ending, Node, Reason, Send, Status
from harness.proof import Bugs
from reference_server.protocol import SIMULATED_KEY, Answer, Code, Grant, Instant, Refusal, Release
from tests.planted_bugs import answers

BUGS = Bugs()


# What they say.


class Mumbles(Node):
    """Sends bytes that are no request. ``words`` are sent in its place."""

    words = b"\xff not JSON"

    def _ask(self, message: type, now: Instant) -> list[Effect]:
        return [
            Send(self.words, effect.sent_us) if isinstance(effect, Send) else effect
            for effect in super()._ask(message, now)
        ]


# Validation.


class Lax(Node):
    """Takes grants for good that fail its own validation for one of ``unseen``."""

    unseen: tuple[Code, ...] = tuple(Code)

    def _validate(self, answer: Answer, asked: Any, now: Instant) -> Code | None:
        code = super()._validate(answer, asked, now)
        return None if code in self.unseen and not isinstance(answer, Refusal) else code


@BUGS.breaking("R006", server=answers.Tampers)
class Trusting(Lax):
    """Takes every grant for good, without validating it."""


@BUGS.breaking("R006", server=answers.Forged)
class DoesNotReadSignatures(Lax):
    """Takes a grant that somebody else has signed."""


@BUGS.breaking("R006", server=answers.ForgesReleases)
class BelievesReleases(Node):
    """Takes a release that somebody else has signed."""

    def _validate(self, answer: Answer, asked: Any, now: Instant) -> Code | None:
        return None if isinstance(answer, Release) else super()._validate(answer, asked, now)


@BUGS.breaking("R006")
class TakesAnothersGrant(Node):
    """Takes a grant that is made out to another node."""

    def _validate(self, answer: Answer, asked: Any, now: Instant) -> Code | None:
        if not isinstance(answer, Refusal) and answer.installation != self._setup.installation:
            return None
        return super()._validate(answer, asked, now)


@BUGS.breaking("R006", server=answers.GrantsNoFunctionPoint)
class DoesNotReadFunctionPoints(Lax):
    """Does not look whether the product that it is was granted."""

    unseen = (Code.INCORRECT_LICENSE_FORMAT,)


@BUGS.breaking("R006")
class DoesNotReadTheExpiry(Lax):
    """Takes a grant that came after the licence had expired."""

    unseen = (Code.LICENSE_EXPIRED,)


@BUGS.breaking("R006")
class ExpiresWithTheAnswer(Node):
    """Validates the expiry as of the grant's date, however long the answer took."""

    def _validate(self, answer: Answer, asked: Any, now: Instant) -> Code | None:
        return super()._validate(answer, asked, now._replace(boot_us=asked.sent_us))


@BUGS.breaking("R006")
class Finicky(Node):
    """Turns down a grant that names other applications besides its own."""

    def _validate(self, answer: Answer, asked: Any, now: Instant) -> Code | None:
        if isinstance(answer, Grant) and len(answer.details.application_names) > 1:
            return Code.LICENSE_APPNAME_ERROR
        return super()._validate(answer, asked, now)


@BUGS.breaking("R006")
class NeedsADomain(Node):
    """Turns down a grant without access domains, which means any."""

    def _validate(self, answer: Answer, asked: Any, now: Instant) -> Code | None:
        if isinstance(answer, Grant) and not answer.details.access_domains:
            return Code.LICENSE_DOMAIN_ERROR
        return super()._validate(answer, asked, now)


@BUGS.breaking("R006")
class Deaf(Node):
    """Takes a refusal for a grant."""

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        asked = self.outstanding
        if not isinstance(answer, Refusal) or asked is None or answer.number != asked.number:
            return super().answer(answer, now)
        self.outstanding = None
        self.contact_us = asked.sent_us
        return [Ended(asked.number, Ending.POSITIVE), *self._become(Status.REGISTERED, Reason.GRANTED)]


@BUGS.breaking("R006")
class TakesAnyAnswer(Node):
    """Takes the answer to a request that it has given up for that to the one that is outstanding."""

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        number = answer.number if self.outstanding is None else self.outstanding.number
        if answer.number < number and isinstance(answer, Grant):
            answer = replace(answer, number=number)
            self._key = b""
        effects = super().answer(answer, now)
        self._key = SIMULATED_KEY
        return effects

    def _validate(self, answer: Answer, asked: Any, now: Instant) -> Code | None:
        return super()._validate(answer, asked, now) if self._key else None


@BUGS.breaking("R007")
class TakesLateAnswers(Node):
    """Takes an answer that comes when its time is up."""

    def answer(self, answer: Answer, now: Instant) -> list[Effect]:
        late = self.running and self.outstanding is None and answer.number == self.number
        effects = super().answer(answer, now)
        granted = late and isinstance(answer, Grant)
        return effects + self._become(Status.REGISTERED, Reason.GRANTED) if granted else effects
