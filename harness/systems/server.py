"""A server under test as a wire: its program is made anew at each start, and asked with the bytes of the protocol.

What it raises, or answers that is no answer, is silence to the node, and a trouble that the result tells.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.problems import Mistake
from harness.systems.ambient import Host
from harness.systems.disk import Disk
from harness.systems.loading import System, called
from harness.systems.programs import HangsError, NoAnswerError, Program, limited, program_of
from harness.systems.troubles import in_full, told
from harness.trace import Trouble
from harness.wires.wire import Started
from reference_server.authority import Change, Reply
from reference_server.licence import Licence
from reference_server.protocol import Instant, ProtocolError, Request, decode_answer, encode_request, format_address
from reference_server.readings import Reading

__all__ = ["LIMIT_S", "ServerUnderTest"]

#: How long the program may take for anything, in seconds of real time.
LIMIT_S = 5.0
#: After so many times that it did not answer, it is not asked again before its next start.
_PATIENCE = 3
#: No answer of the protocol is longer, in bytes.
_LARGEST_ANSWER = 1 << 20
_RAISED = (Exception, HangsError, SystemExit)


class ServerUnderTest:
    """The wire to a server program that is not the reference one.

    :param system: what makes the program.
    :param licence: what the issuer granted.
    :param reading: offered to the factory; the rules are judged by it.
    :param limit_s: how long the program may take to answer, in seconds of real time.
    """

    sees_slots = False

    def __init__(self, system: System, licence: Licence, reading: Reading, *, limit_s: float = LIMIT_S) -> None:
        self._system = system
        self._licence = licence
        self._reading = reading
        self._limit_s = limit_s
        self._host: Host | None = None
        self._temporary = TemporaryDirectory(prefix="fdl-harness-", ignore_cleanup_errors=True)
        self._folder = Path(self._temporary.name) / "folder"
        self._folder.mkdir()
        self._disk = Disk(self._folder)
        self._images = 0
        self._program: Program | None = None
        self._destroyed = False
        self._drifted = False
        self._hung = 0
        self._tells_count = True
        self.troubles: list[Trouble] = []

    def live_on(self, host: Host) -> None:
        """Let the program live on ``host``, whose clocks it sees."""
        self._host = host
        host.disk = self._disk

    # The program's life.

    def start(self, now: Instant, *, downtime_us: int) -> Started:
        """Let the factory make the program. One that raises has refused to run."""
        if not self._destroyed:
            self._hung = 0
            self._tells_count = True
            self._disk.write_back()
            self._program = self._made(now)
        return Started(self._program is not None, ())

    def _made(self, now: Instant) -> Program | None:
        offered = {
            "licence": self._licence,
            "folder": self._folder,
            "now_us": now.wall_us,
            "reading": self._reading,
            "drifted": self._drifted,
        }
        with self._at.seen(now):
            try:
                with limited(self._limit_s):
                    # A factory that is known by its name is imported here, so its module sees the host's clocks, too.
                    factory = self._system.factory()
                    self._at.ambient.look_again()
                    made = called(factory, offered)
                program = program_of(made, self._limit_s)
            except Mistake as error:
                self._note(f"the program cannot be started: {error}", fatal=True)
            except SystemExit as error:
                # That is how a program refuses to run on purpose.
                self._note(f"the program ended itself as it started (exit {error.code})")
            except NoAnswerError as error:
                self._note(f"the program cannot be started: {error.what}", error.detail, fatal=True)
            except HangsError:
                self._note(f"the program did not start in {self._limit_s:g} s of real time", fatal=True)
            except Exception as error:
                self._note(f"the program cannot be started: {told(error)}", in_full(error), fatal=True)
            else:
                if self._drifted:
                    self._tell(program, "drift", True)
                return program
        return None

    def stop(self, now: Instant) -> None:
        """End the program, in order unless it crashes: what the factory made is dropped, the folder stays."""
        program, self._program = self._program, None
        if program is not None:
            with self._at.seen(now):
                self._try("it was ended", program.drop if self._at.crashed else program.end)
        if not self._at.crashed:
            self._disk.write_back()

    def lose_power(self) -> None:
        """Let the folder hold what was synced."""
        self._disk.lose_power()

    def destroy(self) -> Sequence[Change]:
        """Tell the program, if it has ``destroy``. It is never started again."""
        if not self._destroyed:
            self._destroyed = True
            program, self._program = self._program, None
            with self._at.seen():
                if program is not None:
                    self._tell(program, "destroy")
                    self._try("it was ended", program.end)
        return ()

    # What the issuer and the machine do.

    def use(self, licence: Licence) -> None:
        """Hand a new licence over, if the program has ``use``; it is offered to the next start in any case."""
        self._licence = licence
        if self._program is not None:
            with self._at.seen():
                self._tell(self._program, "use", licence)

    def drift(self, drifted: bool) -> None:
        """Tell the program that the machine's identity is another one, if it has ``drift``."""
        self._drifted = drifted
        if self._program is not None:
            with self._at.seen():
                self._tell(self._program, "drift", drifted)

    def _tell(self, program: Program, what: str, *arguments: Any) -> None:
        method = getattr(program.made, what, None)
        if callable(method):
            self._try(f"{what} was called", lambda: method(*arguments))
        else:
            self._note(f"the program has no {what}({', '.join(_PARAMETERS[what])}), so it was not told")

    def image(self) -> Path:
        """Return a copy of the folder."""
        self._images += 1
        copy = Path(self._temporary.name) / f"image-{self._images}"
        shutil.copytree(self._folder, copy, symlinks=True)
        return copy

    def put_back(self, image: Path) -> Sequence[Change]:
        """Let the folder hold what it held."""
        assert self._program is None, "a running program has its files open"
        shutil.rmtree(self._folder)
        shutil.copytree(image, self._folder, symlinks=True)
        self._disk.write_back()
        return ()

    def second(self, now: Instant) -> bool:
        """Let the factory make a second program with the same folder, which raises `SystemExit` to refuse to run."""
        troubles = len(self.troubles)
        second = self._made(now)
        if second is not None:
            with self._at.seen(now):
                self._try("a second program was ended", second.end)
            return True
        # Whatever kept it from running, that is what it had to do.
        del self.troubles[troubles:]
        return False

    # Requests.

    def ask(self, request: Request | bytes, source: int, now: Instant) -> Reply:
        """Let the program respond."""
        assert self._program is not None, "only a running program is asked"
        body = request if isinstance(request, bytes) else encode_request(request)
        if self._hung >= _PATIENCE:
            self._note(f"it is not asked any more, since it did not answer {_PATIENCE} times")
            return Reply(None, [])
        program = self._program
        with self._at.seen(now):
            answered = self._try("no answer", lambda: program.respond(body, format_address(source)))
        if answered is None:
            return Reply(None, [])
        status, text = answered
        if len(text) > _LARGEST_ANSWER:
            self._note(f"no answer: {len(text)} bytes, expected at most {_LARGEST_ANSWER}")
            return Reply(None, [])
        try:
            return Reply(decode_answer(text), [])
        except ProtocolError as error:
            self._note(f"no answer: {status} with {text[:60]!r}, which is none of the protocol ({error.reason:.120})")
            return Reply(None, [])

    # What can be seen of the slots.

    def next_void_us(self) -> int | None:
        """Nothing is known of its slots."""
        return None

    def expire(self, boot_us: int) -> Sequence[Change]:
        """Nothing is known of its slots."""
        return ()

    def registered(self, now: Instant) -> int | None:
        """Return what the program tells. One that has not told once is not asked again before its next start."""
        if self._program is None or not self._tells_count or self._hung >= _PATIENCE:
            return None
        with self._at.seen(now):
            try:
                count = self._program.registered()
            except _RAISED:
                # It need not know the question.
                count = None
        self._tells_count = count is not None
        return count

    def close(self) -> None:
        """End the program and remove its folder."""
        program, self._program = self._program, None
        if program is not None:
            with self._at.seen():
                self._try("it was ended", program.end)
        self._disk.close()
        self._temporary.cleanup()

    # Inside.

    @property
    def _at(self) -> Host:
        assert self._host is not None, "a program lives on a host"
        return self._host

    def _try(self, when: str, call: Callable[[], Any]) -> Any:
        """Return what ``call`` into the program returns, ``None`` if it raises, which is noted."""
        try:
            return call()
        except HangsError:
            self._hung += 1
            self._note(f"{when}: it was waited for {self._limit_s:g} s of real time")
        except NoAnswerError as error:
            self._note(f"{when}: {error.what}", error.detail)
        except _RAISED as error:
            self._note(f"{when}: {told(error)}", in_full(error))
        return None

    def _note(self, what: str, detail: str = "", *, fatal: bool = False) -> None:
        self.troubles.append(Trouble(self._at.true_us, self._at.place, what, detail, fatal))


_PARAMETERS = {"use": ("licence",), "drift": ("drifted",), "destroy": ()}
