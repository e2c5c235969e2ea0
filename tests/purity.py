"""Finds what makes a run depend on anything but its scenario and seed: clocks, unnamed randomness, accidental order.

The scan reads the syntax tree, so it sees ``from time import time`` and ``import time as t`` alike. It cannot see the
type of a variable: of sets it finds those that are written where they are iterated, or bound to a name in the same
function.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["impurities"]

#: What gives another answer in the next run, by module; ``None`` stands for the whole module.
_AMBIENT: dict[str, frozenset[str] | None] = {
    "time": None,
    "datetime": frozenset({"datetime.now", "datetime.utcnow", "datetime.today", "date.today"}),
    "os": frozenset({"urandom", "getrandom", "times", "getpid", "listdir", "scandir", "walk"}),
    "random": None,
    "secrets": None,
    "uuid": frozenset({"uuid1", "uuid4"}),
}
#: A generator that is made from a seed is the one thing of `random` that has a name.
_NAMED = frozenset({"random.Random"})
#: Answers that differ from process to process.
_OF_THE_PROCESS = frozenset({"id", "hash"})
#: Methods of a path whose answers come in the order of the directory.
_OF_THE_DIRECTORY = frozenset({"iterdir", "glob", "rglob"})
#: What takes an iterable and does not care about its order, or makes an order of it.
_ORDER_DOES_NOT_MATTER = frozenset({"sorted", "len", "sum", "min", "max", "any", "all", "set", "frozenset"})
#: What takes an iterable and keeps its order.
_KEEPS_ORDER = frozenset({"list", "tuple", "enumerate", "iter", "map", "filter", "zip", "dict", "join", "extend"})
_SET_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference"})


def impurities(source: str) -> list[str]:
    """Return what is impure in ``source``, each as ``line: what``, in the order of the lines."""
    tree = ast.parse(source)
    for parent in ast.walk(tree):
        for child in ast.iter_child_nodes(parent):
            child.parent = parent  # type: ignore[attr-defined]
    found = [*_ambient(tree), *_unordered(tree)]
    return [f"{line}: {what}" for line, what in sorted(found)]


def _ambient(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the uses of clocks, of unnamed randomness, of addresses and hashes, and of a directory's order."""
    meaning: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            meaning |= {each.asname or each.name: each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            meaning |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and not isinstance(_parent(node), ast.Attribute):
            dotted = _dotted(node)
            if dotted is None or dotted.split(".")[0] not in meaning:
                continue
            first, _, rest = dotted.partition(".")
            full = f"{meaning[first]}.{rest}".rstrip(".")
            module, _, name = full.partition(".")
            if module in _AMBIENT and full not in _NAMED:
                names = _AMBIENT[module]
                if names is None or name in names:
                    yield node.lineno, full
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in _OF_THE_PROCESS:
                yield node.lineno, f"{node.func.id}()"
            if isinstance(node.func, ast.Attribute) and node.func.attr in _OF_THE_DIRECTORY and not _order_lost(node):
                yield node.lineno, f"{node.func.attr}() in the directory's order"


def _unordered(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the places where the order of a set decides."""
    scopes = [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))]
    for scope in scopes:
        names = _names_of_sets(scope)
        for node in _within(scope):
            if _is_set(node, names) and _order_decides(node):
                yield node.lineno, "a set's order decides"


def _names_of_sets(scope: ast.AST) -> set[str]:
    """Return the names that are bound to a set, and to nothing else, in ``scope``."""
    sets: set[str] = set()
    others: set[str] = set()
    for node in _within(scope):
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        (sets if _is_set(value, set()) else others).update(names)
    return sets - others


def _within(scope: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Yield the nodes of ``scope`` that do not belong to a function inside it."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.expr | ast.stmt):
            yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)


def _is_set(node: ast.AST, names: set[str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr | ast.BitXor | ast.Sub):
        return _is_set(node.left, names) or _is_set(node.right, names)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            return node.func.attr in _SET_METHODS and _is_set(node.func.value, names)
        return isinstance(node.func, ast.Name) and node.func.id in ("set", "frozenset")
    return False


def _order_decides(node: ast.AST) -> bool:
    """Tell whether ``node``, a set, stands where it is iterated and the order is kept."""
    parent = _parent(node)
    if isinstance(parent, ast.For | ast.AsyncFor):
        return parent.iter is node
    if isinstance(parent, ast.comprehension):
        return parent.iter is node and not _order_lost(_parent(parent))
    if isinstance(parent, ast.Starred):
        return not isinstance(_parent(parent), ast.Set)
    return isinstance(parent, ast.Call) and node in parent.args and _name_of(parent.func) in _KEEPS_ORDER


def _order_lost(node: ast.AST) -> bool:
    """Tell whether what ``node`` yields goes where its order does not matter."""
    parent = _parent(node)
    if isinstance(node, ast.SetComp):
        return True
    return isinstance(parent, ast.Call) and node in parent.args and _name_of(parent.func) in _ORDER_DOES_NOT_MATTER


def _name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _dotted(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        of = _dotted(node.value)
        return None if of is None else f"{of}.{node.attr}"
    return None


def _parent(node: ast.AST) -> ast.AST:
    parent: ast.AST = node.parent  # type: ignore[attr-defined]
    return parent
