"""Systems under test by name: ``package.module:factory`` becomes what makes one.

A name is looked up with the folder of the scenario file and the working folder in front of `sys.path`. The modules that
lie in these folders are imported anew each time that a program starts, as a new process would: what they kept in
variables does not outlive a stop.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeAlias, get_type_hints

from harness.problems import Mistake, did_you_mean, shown
from harness.systems.troubles import told
from reference_server.authority import Authority

__all__ = ["OFFERED", "Kind", "System", "called", "found_in", "load", "makes_authority", "once", "system_of"]

#: What the factory of a server can ask for, by the names of its parameters.
OFFERED = ("licence", "folder", "now_us", "reading", "drifted")
_FORM = 'the name of what makes it, such as "package.module:factory"'
_APPLICATIONS = (["environ", "start_response"], ["scope", "receive", "send"])
#: What a factory makes.
Kind: TypeAlias = Literal["server", "node"]
_OURS = ("harness", "reference_server", "fake_fdl_nodes")


@dataclass(frozen=True, slots=True)
class System:
    """What makes a system under test.

    ``name`` is what reports call it; ``factory`` returns what has to be called, which is imported anew if it is known
    by its name.
    """

    name: str
    factory: Callable[[], Callable[..., Any]]


def system_of(what: str | Callable[..., Any], kind: Kind, folders: Sequence[Path] = ()) -> System:
    """Return the system that ``what`` names or makes.

    :param what: a name, or what makes the system itself.
    :param kind: whether it makes a server or a node.
    :param folders: where modules are looked up first.
    :raises Mistake: if there is none.
    """
    if isinstance(what, str):
        load(what, kind, folders)
        return System(what, partial(load, what, kind, folders))
    _check(what, kind, f"{what!r:.80}")
    module, name = getattr(what, "__module__", None), getattr(what, "__qualname__", None)
    if not module or not name:
        module, name = type(what).__module__, type(what).__qualname__
    return System(f"{module}:{name}", lambda: what)


def once(system: System) -> System:
    """Return ``system`` with its modules imported once for all: nodes are many, and one is made but once."""
    return System(system.name, cache(system.factory))


def called(factory: Callable[..., Any], offered: dict[str, Any]) -> Any:
    """Call ``factory`` with those of ``offered`` that it asks for by name."""
    return factory(**{name: value for name, value in offered.items() if name in _asked(factory)})


def makes_authority(factory: Callable[..., Any]) -> bool:
    """Tell whether ``factory`` makes a server that is called in memory, as the reference one: a subclass, say."""
    made: Any = factory
    if not isinstance(factory, type):
        try:
            made = get_type_hints(factory).get("return")
        except (NameError, TypeError, AttributeError):
            return False
    return isinstance(made, type) and issubclass(made, Authority)


def load(name: str, kind: Kind, folders: Sequence[Path]) -> Callable[..., Any]:
    """Return what ``name`` means.

    :raises Mistake: if it means nothing, or nothing that makes a system.
    """
    module_name, _, path = name.partition(":")
    if not (_is_dotted(module_name) and _is_dotted(path)):
        raise Mistake(shown(name), _FORM)
    found: Any
    with found_in(folders):
        _modules.forget(set(_paths(folders)))
        found = _imported(name, module_name, folders)
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            where = f"no {part!r} in the module {module_name}"
            names = [
                each
                for each, value in getattr(found, "__dict__", {}).items()
                if callable(value) and getattr(value, "__module__", None) == module_name
            ]
            hint = did_you_mean(names, part) or _listed(names)
            raise Mistake(f"{shown(name)}, but there is {where}", f"a name that it has{hint}") from None
    _check(found, kind, shown(name))
    made: Callable[..., Any] = found
    return made


def _is_dotted(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _listed(names: Sequence[str]) -> str:
    own = [each for each in names if not each.startswith("_")]
    return f" ({', '.join(own[:8])})" if own else ""


def _check(factory: Any, kind: Kind, name: str) -> None:
    """Raise a `Mistake` unless ``factory`` can be called with what it gets."""
    if not callable(factory):
        expected = "a class, or a function that makes the system under test"
        raise Mistake(f"{name}, which is of the type {type(factory).__name__}", expected)
    needed = _asked(factory, needed=True)
    if kind == "node":
        if not _takes(factory, "setup", "reading", timeout_us=0, key=b""):
            expected = "one that is called like fake_fdl_nodes.node.Node: (setup, reading, *, timeout_us, key)"
            raise Mistake(f"{name}, which cannot be called so", expected)
        return
    if makes_authority(factory):
        if not _takes(factory, "licence", "reading"):
            expected = "one that is called like reference_server.authority.Authority: (licence, reading)"
            raise Mistake(f"{name}, which cannot be called so", expected)
        return
    if needed in _APPLICATIONS:
        raise Mistake(
            f"{name}, which is an application itself",
            "a function that makes it anew at each start of the program: def make(): return app",
        )
    if unknown := [each for each in needed if each not in OFFERED]:
        raise Mistake(
            f"{name}, which cannot be called without {' and '.join(unknown)}",
            f"a factory that asks for none, or some, of {', '.join(OFFERED)} by these names",
        )


def _takes(factory: Callable[..., Any], *arguments: object, **keywords: object) -> bool:
    try:
        inspect.signature(factory).bind(*arguments, **keywords)
    except TypeError:
        return False
    except ValueError:  # It does not say what it takes.
        return True
    return True


def _asked(factory: Callable[..., Any], *, needed: bool = False) -> list[str]:
    """Return the names of the parameters of ``factory``, or of those alone that it cannot do without."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return []
    if not needed and any(each.kind is each.VAR_KEYWORD for each in parameters):
        return list(OFFERED)
    return [
        each.name
        for each in parameters
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD) and not (needed and each.default is not each.empty)
    ]


# Importing.


class _Modules:
    """The modules that were imported for systems under test, from their own folders, while they are at hand."""

    def __init__(self) -> None:
        self._depth = 0
        #: Other people's, whatever folder they lie in.
        self._others: dict[str, ModuleType] = {}

    def enter(self) -> None:
        self._depth += 1
        if self._depth == 1:
            self._others = dict(sys.modules)

    def leave(self, folders: set[str]) -> None:
        self._depth -= 1
        if not self._depth:
            self.forget(folders)

    def forget(self, folders: set[str]) -> None:
        """Let them be imported anew."""
        tops = {name.partition(".")[0] for name, module in sys.modules.items() if self._others.get(name) is not module}
        ours = {top for top in tops if top not in _OURS and _lies_in(sys.modules.get(top), folders)}
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in ours and self._others.get(name) is not module:
                del sys.modules[name]


_modules = _Modules()


@contextmanager
def found_in(folders: Sequence[Path]) -> Iterator[None]:
    """Let modules be found in ``folders`` first."""
    added = _paths(folders)
    _modules.enter()
    sys.path[:0] = added
    # Files may have come since the import system last looked.
    invalidate_caches()
    try:
        yield
    finally:
        _modules.leave(set(added))
        for each in added:
            if each in sys.path:
                sys.path.remove(each)


def _paths(folders: Sequence[Path]) -> list[str]:
    return [str(folder) for folder in dict.fromkeys(folder.resolve() for folder in folders)]


def _lies_in(module: ModuleType | None, folders: set[str]) -> bool:
    """Tell whether a module of the top level was found in one of ``folders`` itself, not somewhere below."""
    places = [Path(each).parent for each in getattr(module, "__path__", ())]
    if not places and getattr(module, "__file__", None):
        places = [Path(str(getattr(module, "__file__", ""))).parent]
    return any(str(place.resolve()) in folders for place in places)


def _imported(name: str, module_name: str, folders: Sequence[Path]) -> ModuleType:
    try:
        return import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            # It is there, and what it imports is not.
            raise _broken(name, error) from None
        around = [path.stem for folder in folders for path in sorted(folder.glob("*.py"))]
        hint = did_you_mean(around, error.name)
        where = ", ".join(dict.fromkeys(str(folder) for folder in folders))
        raise Mistake(
            f"{shown(name)}, but there is no module {error.name}",
            f"a module that is installed{f', or lies in {where}' if where else ''}{hint}",
        ) from None
    except (Exception, SystemExit) as error:
        raise _broken(name, error) from None


def _broken(name: str, error: BaseException) -> Mistake:
    return Mistake(f"{shown(name)}, whose module cannot be imported: {told(error)}", "a module that can be")
