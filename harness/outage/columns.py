"""The columns of a record: what a header may call them, what has to be there, and what somebody maps otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.problems import Mistake, did_you_mean, one_of, shown

__all__ = ["KEYS", "SKIP", "Columns", "parse_columns"]

#: What a column is that is left out.
SKIP = "skip"
#: The columns of a timeline, and those that a list of failures has in place of all but the time.
KEYS = ("time", "source", "event", "detail", "node", "code", "name", "reason", SKIP)

#: What a header may call a column.
_HEADERS = {
    **{key: key for key in ("time", "source", "event", "detail", "node", "code", "reason")},
    **dict.fromkeys(("failure time", "时间", "失败时间", "发生时间"), "time"),
    **dict.fromkeys(("来源",), "source"),
    **dict.fromkeys(("事件",), "event"),
    **dict.fromkeys(("详情", "说明"), "detail"),
    **dict.fromkeys(("node name", "节点", "节点名", "节点名称"), "node"),
    **dict.fromkeys(("error code", "错误码", "错误代码"), "code"),
    **dict.fromkeys(("error name", "错误名", "错误名称"), "name"),
    **dict.fromkeys(("failure reason", "原因", "失败原因", "错误原因"), "reason"),
}
_REMEDY = "; --columns says what is called otherwise, such as --columns time=When,event=What"


class Columns:
    """Knows the key of each column of one file.

    :param mapped: the keys of the columns that the file calls otherwise, by their names.
    :param node: whose list it is, where a list does not say so.
    """

    def __init__(self, mapped: Mapping[str, str], node: str | None) -> None:
        self.mapped = mapped
        self.node = node

    def key(self, name: str) -> str | None:
        """Return the key of the column ``name``, ``None`` if it is not known."""
        name = name.strip()
        if name in self.mapped:
            return self.mapped[name]
        key = _HEADERS.get(" ".join(name.casefold().replace("_", " ").split()))
        # What another column is said to be, this one is not.
        return None if key in self.mapped.values() else key

    def names(self, key: str) -> tuple[str, ...]:
        """Return what a column with ``key`` may be called."""
        return (*(name for name, each in self.mapped.items() if each == key), key)

    def check_mapped(self, names: Sequence[str]) -> None:
        """Make sure that what is mapped is there.

        :param names: the columns that there are.
        :raises Mistake: naming them, if it is not.
        """
        for name in self.mapped:
            if name not in names:
                hint = did_you_mean(names, name)
                expected = f"one of the columns that there are: {', '.join(names)}{hint}"
                raise Mistake(f"--columns with {shown(name)}", expected)

    def check_complete(self, names: Iterable[str], keys: Iterable[str]) -> None:
        """Make sure that ``keys`` make a timeline or a list of failures.

        :param names: what the file calls its columns.
        :raises Mistake: saying what is missing.
        """
        there = tuple(keys)
        if missing := self._missing(there):
            raise Mistake(f"the columns {', '.join(names)}", f"{missing}{_REMEDY}")

    def _missing(self, there: Sequence[str]) -> str:
        if "time" not in there:
            return "a column time"
        if "event" in there:
            return "" if "source" in there else "a column source"
        if not any(key in there for key in ("code", "name", "reason")):
            return "a column event (a timeline) or reason (a list of failures)"
        if "node" not in there and self.node is None:
            return "a column node, or --node, which says whose list it is"
        return ""


def parse_columns(text: str) -> dict[str, str]:
    """Return the mapping that ``text`` describes, such as ``time=When,event=What``: the key of each name.

    :raises Mistake: if it is none.
    """
    expected = f"keys with the names of columns, such as time=When,event=What; the keys are {', '.join(KEYS)}"
    columns: dict[str, str] = {}
    for part in text.split(","):
        key, _, name = (each.strip() for each in part.partition("="))
        if not name:
            raise Mistake(shown(part.strip()), expected)
        if key not in KEYS:
            raise Mistake(shown(key), one_of(KEYS, key))
        if name in columns or (key != SKIP and key in columns.values()):
            raise Mistake(f"{shown(part.strip())} (the second one)", "each key and each name once")
        columns[name] = key
    return columns


def unknown(name: str) -> Mistake:
    """Return what is wrong with a column ``name`` of which nobody said what it is."""
    hint = did_you_mean(_HEADERS, name.casefold())
    return Mistake(
        f"an unknown column {shown(name)}", f"--columns with what it is, or skip={name} to leave it out{hint}"
    )
