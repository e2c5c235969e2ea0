"""The contracts that the issuer knows (R054, R055): a TOML file with one ``[[contracts]]`` table each."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

__all__ = ["LAST_DAY", "Contract", "ContractsError", "contract_of", "read_contracts"]


class ContractsError(Exception):
    """A contracts file that cannot be used. ``problems`` are all that is wrong with it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One signed contract.

    ``number`` is what the licence is called, ``sender`` the e-mail address that may apply, ``signed`` the day of
    signing, ``expires`` the last licensed day (``None``: never) in the time zone ``zone``.
    """

    number: str
    company: str
    sender: str
    signed: date
    expires: date | None = None
    zone: str = "UTC"


#: The last day that a licence can name; the day after has to have a date, too.
LAST_DAY = date(9998, 12, 31)
_KEYS: dict[str, tuple[type, str, bool]] = {
    "number": (str, 'a text, such as "C-2026-17"', True),
    "company": (str, "the name of the company, in quotes", True),
    "sender": (str, "the e-mail address that may apply, in quotes", True),
    "signed": (date, "the day of signing, such as 2026-01-15", True),
    "expires": (date, "the last licensed day, such as 2027-01-14", False),
    "zone": (str, 'the name of a time zone, such as "Asia/Shanghai"', False),
}


def read_contracts(path: Path) -> tuple[Contract, ...]:
    """Return the contracts of a file.

    :raises ContractsError: with everything that is wrong with it.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ContractsError([f"{path}: {(error.strerror or str(error)).lower()}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ContractsError([f"{path}: not TOML: {error}"]) from None
    tables = data.get("contracts")
    if not isinstance(tables, list) or not tables:
        raise ContractsError([f"{path}: contracts: found nothing, expected at least one [[contracts]] table"])
    problems = [
        f"{path}: {problem}"
        for index, table in enumerate(tables)
        for problem in _problems(f"contracts[{index}]", table)
    ]
    if problems:
        raise ContractsError(problems)
    contracts = tuple(Contract(**table) for table in tables)
    numbers = [contract.number for contract in contracts]
    twice = [number for number in dict.fromkeys(numbers) if numbers.count(number) > 1]
    if twice:
        raise ContractsError([f"{path}: number: found {number!r} twice, expected one contract" for number in twice])
    return contracts


def _problems(place: str, table: Any) -> list[str]:
    if not isinstance(table, dict):
        return [f"{place}: found {table!r}, expected a table"]
    found = []
    for key, (kind, expected, needed) in _KEYS.items():
        if key not in table:
            found += [f"{place}.{key}: found nothing, expected {expected}"] if needed else []
        elif type(table[key]) is not kind or table[key] == "":
            found.append(f"{place}.{key}: found {table[key]!r}, expected {expected}")
    if isinstance(table.get("zone"), str) and not _is_zone(table["zone"]):
        found.append(f"{place}.zone: found {table['zone']!r}, expected {_KEYS['zone'][1]}")
    if type(table.get("expires")) is date and table["expires"] > LAST_DAY:
        found.append(f"{place}.expires: found {table['expires']}, expected a day up to {LAST_DAY}; left out: never")
    expected = f"one of {', '.join(_KEYS)}"
    found += [f"{place}.{key}: found an unknown key, expected {expected}" for key in table if key not in _KEYS]
    return sorted(found)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return False
    return True


def contract_of(contracts: Sequence[Contract], company: str, signed: date | None) -> Contract | None:
    """Return the contract of ``company``, that of the day ``signed`` if it has several."""
    own = [contract for contract in contracts if contract.company.casefold() == company.casefold()]
    return next((contract for contract in own if contract.signed == signed), own[0] if own else None)
