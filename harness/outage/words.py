"""What the words of a timeline mean: its sources, its events, and what each event has in its detail.

Each function takes a text as it stands in the file, and returns what it means or raises a `Mistake`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from harness.durations import format_duration
from harness.outage.reasons import code_of, written_code
from harness.outage.record import NETWORK, Observation, What
from harness.problems import Mistake, one_of, shown
from harness.scenario import SERVER
from harness.scenario_file import values
from harness.trace import Status
from reference_server.addresses import format_address
from reference_server.protocol import Kind

__all__ = ["Meaning", "detail_of", "meaning", "source_of"]

#: Other words for the sources that are no nodes.
_SOURCES = {
    **dict.fromkeys((SERVER, "authorization server", "服务器", "授权服务器"), SERVER),
    **dict.fromkeys((NETWORK, "网络"), NETWORK),
}
_EVENTS = {each.value: each for each in What}
#: What is recorded of which source.
_OF_THE_SERVER = (What.STARTED, What.STOPPED, What.STATUS, What.ADDRESS, What.CLOCK, What.NOTE)
_OF_THE_NETWORK = (What.STARTED, What.STOPPED, What.NOTE)
_OF_A_NODE = tuple(What)
#: Other words for the statuses, as a page may show them.
_STATUSES = {
    **{each.name.lower(): each for each in Status},
    **dict.fromkeys(("not registered", "未注册"), Status.UNREGISTERED),
    **dict.fromkeys(("normal", "已注册", "正常", "注册成功"), Status.REGISTERED),
    **dict.fromkeys(("中断", "已中断", "连接中断"), Status.INTERRUPTED),
    **dict.fromkeys(("refused", "拒绝", "已拒绝", "被拒绝"), Status.REJECTED),
    **dict.fromkeys(("失效", "已失效"), Status.LAPSED),
}
#: What a page may say of all three kinds of failing.
_FAILING = ("failed", "registration failed", "注册失败", "失败")
#: What a row may say that was asked.
_ASKS = {"register": Kind.REGISTER, "立即注册": Kind.REGISTER, "unbind": Kind.UNBIND, "解绑": Kind.UNBIND}
_ASKED = re.compile(r"\bregister\b|\bunbind\b|立即注册|解绑")
_COUNT = re.compile(r"[0-9]{1,7}", re.ASCII)


class Meaning(NamedTuple):
    """What a line says besides when: the fields of an `Observation` that its words fill."""

    source: str
    what: What
    fields: Mapping[str, Any]


def meaning(source: str, event: str, detail: str) -> Meaning:
    """Return what the words of one line mean.

    :raises Mistake: whose ``key`` is the column that is to blame.
    """
    of = _keyed("source", source_of, source)
    what = _keyed("event", lambda text: _event(text, of), event)
    fields = _keyed("detail", lambda text: _fields(text, of, what), detail)
    return Meaning(of, what, fields)


def source_of(text: str) -> str:
    """Return the source that ``text`` names: the server, the network, or a node by its name."""
    name = " ".join(text.split())
    if not name:
        raise Mistake("no source", f"{SERVER}, {NETWORK}, or the name of a node")
    return _SOURCES.get(name.casefold()) or values.node_name(name)


def detail_of(observation: Observation) -> str:
    """Return the detail with which a line says what ``observation`` does; a value is written in one way only."""
    if observation.code is not None:
        asked = "" if observation.asked is None else f" {observation.asked.name.lower()}"
        return f"{written_code(observation.code)}{asked}"
    if observation.status is not None:
        return observation.status.name.lower()
    if observation.count is not None:
        return str(observation.count)
    if observation.address is not None:
        return format_address(observation.address)
    if observation.by_us is not None:
        return format_duration(observation.by_us)
    if observation.nodes:
        return "; ".join(observation.nodes) + (";" if len(observation.nodes) == 1 else "")
    return observation.text


def _keyed(key: str, reader: Callable[[str], Any], text: str) -> Any:
    try:
        return reader(text)
    except Mistake as mistake:
        raise Mistake(mistake.found, mistake.expected, key=key) from None
    except ValueError as error:
        raise Mistake(shown(text), str(error), key=key) from None


def _event(text: str, source: str) -> What:
    of = {SERVER: _OF_THE_SERVER, NETWORK: _OF_THE_NETWORK}.get(source, _OF_A_NODE)
    word = text.strip().casefold()
    what = _EVENTS.get(word)
    if what in of:
        return what
    found = shown(text.strip()) if word else "no event"
    raise Mistake(found if what is None else f"{found} of the {source}", one_of([each.value for each in of], word))


def _fields(text: str, source: str, what: What) -> dict[str, Any]:
    text = " ".join(text.split())
    if what is What.FAILED:
        return {"code": code_of(text), "asked": _asked(text), "text": text}
    if what is What.STATUS and source == SERVER:
        if not _COUNT.fullmatch(text):
            raise Mistake(shown(text), "the number of registered nodes that the server shows")
        return {"count": int(text), "text": text}
    if what is What.STATUS:
        return {"status": _status(text), "text": text}
    if what is What.ADDRESS:
        return {"address": values.address(text), "text": text}
    if what is What.CLOCK:
        return {"by_us": values.step(text), "text": text}
    if what is What.STOPPED and source == NETWORK:
        return {"nodes": _names(text), "text": text}
    return {"text": text}


def _asked(text: str) -> Kind | None:
    """Return what was asked for that failed, if the words say so; most rows are those of polls."""
    found = _ASKED.search(text.casefold())
    return None if found is None else _ASKS[found[0]]


def _status(text: str) -> Status:
    word = " ".join(text.casefold().split())
    if word in _STATUSES:
        return _STATUSES[word]
    if word in _FAILING:
        found = f"{shown(text)} (which of them cannot be told)"
        raise Mistake(found, "interrupted (no answer), rejected (the answer was no) or lapsed (24 h without contact)")
    raise Mistake(shown(text) if text else "no status", one_of([each.name.lower() for each in Status], word))


def _names(text: str) -> tuple[str, ...]:
    """Return the nodes that a list names, separated by ``;``, or by spaces where there is none."""
    names = (" ".join(name.split()) for name in (text.split(";") if ";" in text else text.split()))
    return tuple(dict.fromkeys(values.node_name(name) for name in names if name))
