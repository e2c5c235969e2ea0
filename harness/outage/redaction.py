"""A record without the names and addresses of those whose it is.

Each name is replaced by the same word wherever it occurs, each address by the same other one (see
`harness.outage.renumbering` for what is kept of addresses). The values of a record are known for what they are. Free
words are searched: for the names of nodes, and for what looks like an address, the name of a host or an e-mail
address. Whatever else stands in free words stays, such as the name of a person: nothing can know it for one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv6Address

from fake_fdl_nodes.fleet import NodeSetup
from harness.outage.record import NETWORK, Observation, Record, What
from harness.outage.renumbering import Renumbering
from harness.outage.words import detail_of
from harness.problems import Problem
from harness.scenario import SERVER, Scenario
from reference_server.addresses import format_address

__all__ = ["REDACTED_FILE", "REDACTED_INSTALLATION", "Redaction", "free_words", "redacted"]

#: What a redacted record says its file is called, since files are named after customers.
REDACTED_FILE = "record"
REDACTED_INSTALLATION = "installation"

_FREE = (What.STARTED, What.STOPPED, What.REGISTERED, What.UNBOUND, What.NOTE)
_PART = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS = rf"(?<![0-9.]){_PART}(?:[.]{_PART}){{3}}(?![0-9]|[.][0-9])"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?"
#: What ends like a file is none: it says which program or file is meant.
_FILE = r"(?:exe|rif|log|txt|csv|jsonl?|toml|xml|ya?ml|html?|bat|dll|jar|conf|ini)\b"
_DOCUMENTED = r"(?:FanruanLicenseServer|Windows|Mac|Linux_[A-Za-z0-9]+)[.]zip\b|receipt[.]fr\b"
_HOST = (
    rf"(?<![A-Za-z0-9_-])(?!{_DOCUMENTED})(?:{_LABEL}[.]){{1,20}}(?!{_FILE})[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9](?![A-Za-z0-9_])"
    rf"|(?<=://){_LABEL}|(?<=\\\\){_LABEL}"
)
_MAIL = r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+[A-Za-z0-9]"
_HARDWARE = r"(?<![0-9A-Fa-f:-])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:-])"
#: What may be one: at least two colons, and at its end an IPv4 address or not.
_IPV6 = (
    r"(?<![0-9A-Za-z:.])(?=[0-9A-Fa-f]*:[0-9A-Fa-f]*:)[0-9A-Fa-f:]+(?:[0-9]+(?:[.][0-9]+){3})?"
    r"(?![0-9A-Za-z:]|[.][0-9])"
)


class Redaction:
    """What stands for each name and address of one record.

    :param names: the names of nodes, in the order in which they are numbered.
    :param addresses: addresses that are no part of a text.
    :param texts: all free words.
    """

    def __init__(self, names: Iterable[str], addresses: Iterable[int], texts: Iterable[str]) -> None:
        self._names = {name: f"node-{number}" for number, name in enumerate(dict.fromkeys(names), 1)}
        self._by_any_case = {name.casefold(): word for name, word in reversed(self._names.items())}
        self._search = _search(self._names)
        self._only_names = re.compile(_any_of(self._names), re.IGNORECASE) if self._names else None
        self._words: dict[str, dict[str, str]] = {}
        found = [address for text in dict.fromkeys(texts) for address in re.findall(_ADDRESS, text)]
        self.address = Renumbering([*addresses, *map(_number, found)])

    @classmethod
    def of(cls, record: Record, installation: Scenario | None = None) -> Redaction:
        """Return what stands for the names and addresses of ``record``, and of what is installed, if that is known."""
        names = list(record.nodes)
        addresses = [each.address for each in record.observations if each.address is not None]
        if installation is not None:
            names += [node.name for node in installation.nodes]
            addresses += [installation.server.address, *(node.address for node in installation.nodes)]
            addresses += [end for ends in installation.licence.ranges for end in ends]
        return cls(names, addresses, free_words(record))

    def name(self, name: str) -> str:
        """Return what stands for a source: the name of a node, or one that is no secret."""
        return name if name in (SERVER, NETWORK) else self._names[name]

    def text(self, text: str) -> str:
        """Return free words without names and addresses."""
        return self._search.sub(self._word, text)

    def record(self, record: Record) -> Record:
        """Return ``record`` without names and addresses. Of lines that were left out only the place is told."""
        words = _remembered(self.text)
        return Record(
            REDACTED_FILE,
            tuple(self._observation(each, words) for each in record.observations),
            tuple(self._problem(each) for each in record.left_out),
        )

    def installation(self, scenario: Scenario) -> Scenario:
        """Return what is installed in ``scenario`` without names and addresses. What happens there is left out."""
        licence, server = scenario.licence, scenario.server
        return Scenario(
            title="An installation",
            file=REDACTED_INSTALLATION,
            start_us=scenario.start_us,
            duration_us=scenario.duration_us,
            reading=scenario.reading,
            licence=replace(
                licence,
                ranges=tuple((self.address(first), self.address(last)) for first, last in licence.ranges),
                applications=tuple(self._numbered("application", each) for each in licence.applications),
                domains=tuple(self._numbered("host", each) for each in licence.domains),
            ),
            network=scenario.network,
            server=replace(
                server, address=self.address(server.address), name=self._numbered("host", server.name), use=None
            ),
            nodes=tuple(map(self._node, scenario.nodes)),
        )

    def _node(self, node: NodeSetup) -> NodeSetup:
        return replace(
            node,
            name=self.name(node.name),
            address=self.address(node.address),
            application=self._numbered("application", node.application),
            cluster=None if node.cluster is None else self._numbered("cluster", node.cluster),
            domain=None if node.domain is None else self._numbered("host", node.domain),
            clone_of=None if node.clone_of is None else self.name(node.clone_of),
        )

    def _observation(self, observation: Observation, words: Callable[[str], str]) -> Observation:
        changed = replace(
            observation,
            source=self.name(observation.source),
            address=None if observation.address is None else self.address(observation.address),
            nodes=tuple(map(self.name, observation.nodes)),
        )
        if _is_free(observation):
            return replace(changed, text=words(observation.text))
        # The words around a value may say more than the value.
        return replace(changed, text=detail_of(changed))

    def _problem(self, problem: Problem) -> Problem:
        expected = problem.expected
        if self._only_names is not None:
            expected = self._only_names.sub(lambda found: self._named(found[0]) or "", expected)
        return replace(problem, file=REDACTED_FILE, found="what is not shown", expected=expected)

    def _word(self, found: re.Match[str]) -> str:
        """Return what stands for what the search has found."""
        text = found[0]
        if (word := self._named(text)) is not None:
            return word
        kind = found.lastgroup or ""
        if kind == "address":
            return format_address(self.address(_number(text)))
        if kind == "ipv6" and not _is_ipv6(text):
            return text
        return self._numbered(kind, text)

    def _numbered(self, kind: str, text: str) -> str:
        """Return what stands for a name of another ``kind``, numbered in the order in which they are asked for."""
        known = self._words.setdefault(kind, {})
        number = len(known) + 1
        shapes = {"mail": f"mail-{number}@mail.example", "host": f"host-{number}.example"}
        return known.setdefault(text.casefold(), shapes.get(kind, f"{kind}-{number}"))

    def _named(self, text: str) -> str | None:
        return self._names.get(text) or self._by_any_case.get(text.casefold())


def free_words(record: Record) -> list[str]:
    """Return the texts of ``record`` in which anything may stand, each once."""
    return list(dict.fromkeys(each.text for each in record.observations if each.text and _is_free(each)))


def _is_free(observation: Observation) -> bool:
    return observation.what in _FREE and not observation.nodes


def redacted(record: Record) -> Record:
    """Return ``record`` without names and addresses, which are replaced consistently."""
    return Redaction.of(record).record(record)


def _search(names: Mapping[str, str]) -> re.Pattern[str]:
    """Return what finds names and addresses. Where two begin together, the first in this list is found."""
    kinds = {"mail": _MAIL, "hardware": _HARDWARE, "ipv6": _IPV6, "address": _ADDRESS, "host": _HOST}
    if names:
        kinds["node"] = _any_of(names)
    return re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in kinds.items()), re.IGNORECASE)


def _any_of(names: Iterable[str]) -> str:
    """Return a pattern of whole ``names``, the longest first."""
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    return "|".join(f"{_edge(name[0], '<!')}{re.escape(name)}{_edge(name[-1], '!')}" for name in longest_first)


def _edge(end: str, look: str) -> str:
    """Return a pattern by which a name does not end within a word."""
    return f"(?{look}[A-Za-z0-9_])" if end.isascii() and (end.isalnum() or end == "_") else ""


def _is_ipv6(text: str) -> bool:
    """Tell an address from a time of day."""
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _number(text: str) -> int:
    return int.from_bytes(map(int, text.split(".")))


def _remembered(words: Callable[[str], str]) -> Callable[[str], str]:
    known: dict[str, str] = {}
    return lambda text: known[text] if text in known else known.setdefault(text, words(text))
