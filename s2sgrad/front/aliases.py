"""May `s += v` be read as `s = s + v` where it is not known whether `s` is an array?

It may if no other name can hold the array: then nobody sees whether it was changed or replaced.
"""

from __future__ import annotations

import ast

_FRESH = ast.Constant | ast.BinOp | ast.UnaryOp | ast.Compare
_OPERATION = ast.BinOp | ast.UnaryOp | ast.Compare | ast.Return | ast.AugAssign | ast.While | ast.If
_FRESH_CALLS = {
    "sum", "mean", "prod", "dot", "exp", "log", "sin", "cos", "tanh", "sqrt", "abs", "max", "min",
    "zeros", "ones", "empty", "zeros_like", "ones_like", "copy", "array", "float", "vdot", "matmul",
    "square", "power",
}  # fmt: skip


def is_own_number(s: ast.AugAssign, function: ast.AST) -> bool:
    """Is the name that `s` adds to bound to fresh values only, and never handed to another name?"""
    if not isinstance(s.target, ast.Name):
        return False
    name = s.target.id
    if isinstance(function, ast.FunctionDef | ast.Lambda):
        a = function.args
        if name in [p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs)]:
            return False
    return _only_fresh(name, function)


def _only_fresh(name: str, function: ast.AST) -> bool:
    for parent in ast.walk(function):
        inner = isinstance(parent, ast.FunctionDef | ast.Lambda) and parent is not function
        if inner and any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(parent)):
            return False  # an inner function holds it
        binds = isinstance(parent, ast.Assign | ast.AnnAssign) and _binds(parent, name)
        if binds and not _is_fresh(parent, name):  # type: ignore[arg-type]
            return False
        for child in ast.iter_child_nodes(parent):
            if not (isinstance(child, ast.Name) and child.id == name):
                continue
            if isinstance(child.ctx, ast.Store):
                if not isinstance(parent, ast.Assign | ast.AnnAssign | ast.AugAssign):
                    return False
            elif not _only_reads(parent):
                return False
    return True


def _binds(s: ast.Assign | ast.AnnAssign, name: str) -> bool:
    targets = s.targets if isinstance(s, ast.Assign) else [s.target]
    return any(isinstance(n, ast.Name) and n.id == name for t in targets for n in ast.walk(t))


def _is_fresh(s: ast.Assign | ast.AnnAssign, name: str) -> bool:
    if isinstance(s, ast.Assign) and (len(s.targets) > 1 or not isinstance(s.targets[0], ast.Name)):
        targets, value = s.targets[0], s.value
        if len(s.targets) > 1 or not (
            isinstance(targets, ast.Tuple) and isinstance(value, ast.Tuple)
        ):
            return False
        pairs = list(zip(targets.elts, value.elts, strict=False))
        named = [v for t, v in pairs if isinstance(t, ast.Name) and t.id == name]
        return len(named) == 1 and isinstance(named[0], _FRESH)
    value_ = s.value
    if isinstance(value_, ast.Call):
        return ast.unparse(value_.func).rpartition(".")[2] in _FRESH_CALLS
    return value_ is None or isinstance(value_, _FRESH)


def _only_reads(parent: ast.AST) -> bool:
    """Does a bare name here neither hand on the array nor a view of it?"""
    if isinstance(parent, ast.Call):
        return ast.unparse(parent.func).rpartition(".")[2] in _FRESH_CALLS
    return isinstance(parent, _OPERATION)
