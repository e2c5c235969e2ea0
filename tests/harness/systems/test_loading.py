"""Systems under test by name: what a name finds, what is told when it finds nothing, and that a start begins anew."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from fake_fdl_nodes.node import Node
from harness.problems import Mistake
from harness.systems.loading import Kind, called, found_in, load, makes_authority, once, system_of
from reference_server.authority import Authority

SHOP = """
import helper

class Server:
    def __init__(self, licence, folder): pass
    def respond(self, body, source): return 200, b""

class Outer:
    class Inner(Server): pass

def make(): return helper.count()
def wants(licence, clock, port=8080, *, key): pass
def application(environ, start_response): return []
async def asgi(scope, receive, send): pass
app = asgi
TABLE = {}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "helper.py").write_text("calls = []\ndef count():\n    calls.append(1)\n    return len(calls)\n")
    (tmp_path / "broken.py").write_text("import no_such_module\n")
    (tmp_path / "crooked.py").write_text("def make(:\n")
    (tmp_path / "raises.py").write_text("\n\nTABLE = {}['capacity']\n")
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(3)\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "module.py").write_text("def factory(): return 'made'\n")
    return tmp_path


def test_a_name_finds_a_function_a_class_and_what_is_inside(folder: Path) -> None:
    assert load("package.module:factory", "server", (folder,))() == "made"
    assert load("shop:Server", "server", (folder,)).__name__ == "Server"
    assert load("shop:Outer.Inner", "server", (folder,)).__name__ == "Inner"


@pytest.mark.parametrize(
    ("name", "found", "expected"),
    [
        ("shop", '"shop"', 'such as "package.module:factory"'),
        ("shop:", '"shop:"', 'such as "package.module:factory"'),
        ("shop.py:make", '"shop.py:make", but there is no module shop.py', "a module that is installed, or lies in"),
        ("../shop:make", '"../shop:make"', 'such as "package.module:factory"'),
        ("shpo:make", '"shpo:make", but there is no module shpo', "(did you mean shop?)"),
        ("package.modul:make", "but there is no module package.modul", "a module that is installed, or lies in"),
        ("shop:maek", "but there is no 'maek' in the module shop", "a name that it has (did you mean make?)"),
        ("shop:Outer.Inn", "but there is no 'Inn' in the module shop", "a name that it has (did you mean Inner?)"),
        ("package:x", "but there is no 'x' in the module package", "a name that it has"),
        ("shop:TABLE", '"shop:TABLE", which is of the type dict', "a class, or a function that makes"),
        ("shop:application", "which is an application itself", "def make(): return app"),
        ("shop:app", "which is an application itself", "def make(): return app"),
        (
            "shop:wants",
            "cannot be called without clock and key",
            "licence, folder, now_us, reading, drifted by these names",
        ),
        ("broken:make", "whose module cannot be imported: *broken.py:1: ModuleNotFoundError: No module", "can be"),
        ("crooked:make", "whose module cannot be imported: *crooked.py:1: SyntaxError: ", "a module that can be"),
        ("raises:make", "whose module cannot be imported: *raises.py:3: KeyError: 'capacity'", "a module that can be"),
        ("leaves:make", "whose module cannot be imported: *leaves.py:2: SystemExit: 3", "a module that can be"),
    ],
)
def test_a_name_that_finds_nothing_is_told_with_what_was_expected(
    folder: Path, name: str, found: str, expected: str
) -> None:
    with pytest.raises(Mistake) as told:
        load(name, "server", (folder,))
    assert re.search(re.escape(found).replace(r"\*", ".*"), told.value.found)
    assert expected in told.value.expected


@pytest.mark.parametrize(
    ("factory", "kind", "message"),
    [
        (42, "server", "which is of the type int, expected a class"),
        (lambda port: None, "server", "which cannot be called without port, expected a factory that asks for none"),
        (lambda setup: None, "node", "expected one that is called like fake_fdl_nodes.node.Node"),
        (type("Needy", (Authority,), {"__init__": lambda self, port: None}), "server", "called like reference_server"),
    ],
)
def test_what_is_given_itself_is_checked_too(factory: Any, kind: Kind, message: str) -> None:
    with pytest.raises(Mistake, match=re.escape(message)):
        system_of(factory, kind)


def test_what_is_called_gets_what_it_asks_for() -> None:
    offered = {"licence": 1, "folder": 2, "now_us": 3}

    def by_name(folder: int, *, licence: int, more: int = 7) -> tuple[int, ...]:
        return licence, folder, more

    class Made:
        def __init__(self, now_us: int) -> None:
            self.now_us = now_us

    assert called(by_name, offered) == (1, 2, 7)
    assert called(lambda: "nothing", offered) == "nothing"
    assert called(lambda **everything: everything, offered) == offered
    assert called(Made, offered).now_us == 3
    assert called(dict, offered) == {}


def test_an_authority_is_known_by_its_class_or_by_what_a_function_says() -> None:
    def of_mine() -> Authority:
        raise NotImplementedError

    class Mine(Authority):
        pass

    assert [makes_authority(each) for each in (Authority, Mine, of_mine)] == [True] * 3
    assert [makes_authority(each) for each in (Node, dict, lambda: None)] == [False] * 3


def test_the_name_of_what_is_given_itself_is_its_own() -> None:
    assert system_of(Authority, "server").name == "reference_server.authority:Authority"
    assert system_of(Node, "node").factory() is Node


# The modules.


def test_each_time_the_modules_of_the_folder_are_new(folder: Path) -> None:
    # As a new process has them: what the one before kept in a variable is gone.
    assert load("shop:make", "server", (folder,))() == 1
    make = load("shop:make", "server", (folder,))
    assert (make(), make()) == (1, 2)
    every = once(system_of("shop:make", "server", (folder,)))
    assert every.factory() is every.factory()


def test_a_module_of_the_same_name_in_another_folder_is_another_one(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "shop.py").write_text("def make(): return 'another one'\n")
    assert load("shop:make", "server", (folder,))() == 1
    assert load("shop:make", "server", (other, folder))() == "another one"
    assert load("shop:make", "server", (folder, other))() == 1


def test_what_others_have_imported_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(folder))
    import helper  # type: ignore[import-not-found]

    load("shop:make", "server", (folder,))()
    load("shop:make", "server", (folder,))()
    assert sys.modules["helper"] is helper
    assert len(helper.calls) == 2
    del sys.modules["helper"]


def test_the_path_is_as_it_was_and_leads_to_the_folders_meanwhile(folder: Path) -> None:
    before = list(sys.path)
    with found_in((folder, folder)):
        assert sys.path == [str(folder), *before]
        import helper

        assert helper.count() == 1
    assert sys.path == before
    assert "helper" not in sys.modules
    with pytest.raises(Mistake):
        load("no_such_thing:make", "server", (folder,))
    assert sys.path == before


def test_within_a_run_only_a_start_imports_anew(folder: Path) -> None:
    with found_in((folder,)):
        load("shop:make", "server", (folder,))
        first = sys.modules["helper"]
        import helper

        assert helper is first
        load("shop:make", "server", (folder,))
        assert sys.modules["helper"] is not first
