"""Expressions to equations."""

from __future__ import annotations

import ast
import math
import operator
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.front import sizes
from s2sgrad.front.infer import infer
from s2sgrad.front.integers import WAY_OUT, WHY, is_float
from s2sgrad.front.join import Arm, Join, Unreached
from s2sgrad.front.memory import Memory, Ref, Root, holes, is_array, now
from s2sgrad.front.source import span_of
from s2sgrad.front.values import (
    CALLABLE,
    Choice,
    Closure,
    Known,
    Method,
    Namespace,
    Tup,
    Value,
)
from s2sgrad.ir import ops
from s2sgrad.ir.graph import (
    UNDEF,
    Atom,
    Eqn,
    Form,
    Hole,
    Lit,
    Pack,
    Stmt,
    Var,
    atom_type,
)
from s2sgrad.ir.span import Span
from s2sgrad.ir.types import FLOAT, INT, UNDEFINED, Array, Scalar, Static, Type, Unknown, kind_of
from s2sgrad.rules.registry import lookup

BINARY: dict[type[ast.operator], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
    ast.MatMult: operator.matmul,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
UNARY: dict[type[ast.unaryop], Callable[..., Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
COMPARE: dict[type[ast.cmpop], Callable[..., Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_OWN = {
    ops.getitem,
    ops.setitem,
    ops.additem,
    ops.not_,
    ops.list_,
    ops.append,
    ops.reshape_like,
    ops.bound,
}


_LIBRARIES = ("numpy", "math", "scipy", "s2sgrad", "operator", "functools", "itertools")


def _is_library(obj: Any) -> bool:
    """A module, type or function of NumPy, SciPy or `math`: its attributes stand still."""
    if isinstance(obj, np.ufunc):
        return True
    name = obj.__name__ if isinstance(obj, types.ModuleType) else getattr(obj, "__module__", None)
    return str(name).split(".")[0].lstrip("_") in _LIBRARIES


def _may_raise(op: Callable[..., Any], args: tuple[Atom, ...], t: Type) -> bool:
    """Does plain Python end with an exception where NumPy would warn?"""
    if op is ops.bound or getattr(np.linalg, getattr(op, "__name__", ""), None) is op:
        return True
    if getattr(math, getattr(op, "__name__", ""), None) is op:
        return op not in _TOTAL
    if op in (operator.truediv, operator.floordiv, operator.mod):
        divisor = args[1]
        return t in (FLOAT, INT) and not (isinstance(divisor, Lit) and divisor.value)
    return op is operator.pow and t in (FLOAT, INT) and not isinstance(args[1], Lit)


_TOTAL = {math.sin, math.cos, math.tanh, math.atan, math.atan2, math.fabs, math.hypot, math.erf}


RAISED = ".raised"  # bound where control does not reach


class _Poison:
    """A name that cannot be used any more, and why."""

    def __init__(self, why: str) -> None:
        self.why = why


class Expressions(Memory):
    """Shared state of the parser, and its expressions."""

    def __init__(self) -> None:
        super().__init__()
        self.stmts: list[Stmt] = []
        self.env: dict[str, Value] = {}
        self.frames: list[dict[str, Value]] = []
        self.lookup: Callable[[str, ast.AST], Value] = lambda n, at: UNDEF
        self.file = ""
        self.active_calls: list[tuple[object, Any]] = []  # functions, structures of arguments
        self.lenient = False  # the program is looked at, not differentiated
        self.shapes: dict[Var, Var] = {}  # `x.shape` to x, where the number of axes is not known
        self.choosing = 0  # conditional expressions around
        self.stored: set[str] = set()  # names that the function binds
        self.rebound: list[str] = []  # names that calls of its inner functions may bind
        self.aliased: dict[tuple[int, str], dict[str, Value]] = {}  # frames of `nonlocal` names
        self.outside: dict[Var, Ref] = {}  # arrays that are not the function's own

    # -- building

    @contextmanager
    def block(self) -> Iterator[list[Stmt]]:
        outer, self.stmts = self.stmts, []
        self.views = self.views.new_child()
        try:
            yield self.stmts
        finally:
            self.stmts = outer
            self.views = self.views.parents

    def emit(
        self,
        op: Callable[..., Any],
        args: tuple[Atom, ...],
        form: Form | None = None,
        at: ast.AST | None = None,
        hint: str = "",
        effect: bool = False,
    ) -> Var:
        if not (effect or op in _OWN or lookup(op) is not None):
            name = getattr(op, "__name__", str(op))
            raise self.refuse(
                at or self._node,
                f"there is no rule for `{name}`",
                "give it one with `s2sgrad.rule`, or write it in NumPy",
                "no-rule",
            )
        t = Static("NoneType") if effect else infer(op, args, form)
        out = Var(hint, t, sizes.extent(op, args, t))
        raises = _may_raise(op, args, out.type)
        span = self.span(at) if at else None
        self.stmts.append(Eqn(out, op, args, form, span, effect, raises))
        return out

    def span(self, node: ast.AST) -> Span:
        return span_of(node, self.file)

    def refuse(
        self, at: ast.AST, message: str, way_out: str, anchor: str = ""
    ) -> DifferentiationError:
        return DifferentiationError(
            Refusal(message, self.span(at), way_out, anchor=anchor or "unsupported")
        )

    def poison(self, why: str) -> Value:
        return Known(_Poison(why))

    def refuse_name(self, name: str) -> DifferentiationError:
        node = self.active_node
        return self.refuse(
            node,
            f"`{name}` is not the same kind of thing in each turn of a loop",
            "use two names",
            "kinds",
        )

    @property
    def active_node(self) -> ast.AST:
        return self._node

    _node: ast.AST = ast.Pass()
    scope: Any = None  # where names outside of the function are looked up

    def type_of(self, v: Value) -> Type:
        if v is UNDEF:
            return UNDEFINED
        v = self.read(v, self._node)
        return atom_type(v) if isinstance(v, Var | Lit) else Unknown()

    def named(self, value: Value, name: str) -> Value:
        """Give a value that has no name yet the user's."""
        made = value
        if isinstance(value, Ref):  # the name of a view is that of what was read of it last
            made = self.read(value, self._node) if value.path else value.root.first
        free = isinstance(made, Var) and (not made.hint or made.hint == ".value" != name)
        if free and name != "_":  # that says: not used
            object.__setattr__(made, "hint", name)  # a hint is not part of what a value is
        return value

    # -- expressions

    def expr(self, node: ast.expr) -> Value:
        if hasattr(node, "lineno"):
            self._node = node
        handler = getattr(self, f"expr_{type(node).__name__}", None)
        if handler is None:
            kind = type(node).__name__
            raise self.refuse(node, f"this kind of expression ({kind}) is not supported yet", "")
        value: Value = handler(node)
        return value

    def atom(self, node: ast.expr) -> Atom:
        value = self.read(self.expr(node), node)
        if isinstance(value, Var | Lit):
            return value
        raise self.refuse(node, "a number or an array is needed here", "")

    def expr_Constant(self, node: ast.Constant) -> Value:
        return Lit(node.value)

    def expr_Name(self, node: ast.Name) -> Value:
        return self.read_name(node)

    def read_name(self, node: ast.Name) -> Value:
        if node.id in self.env:
            value = self.env[node.id]
            if value is UNDEF:
                raise self.refuse(
                    node, f"`{node.id}` is not bound on every path to this line", "bind it before"
                )
            if isinstance(value, Known) and isinstance(value.obj, _Poison):
                raise self.refuse(node, value.obj.why, "use two names", "kinds")
            sure: Value = self.sure(value, node)
            if sure is not value and not self.choosing:
                self.env[node.id] = sure
            return sure
        return self.from_outside(self.lookup(node.id, node))

    def from_outside(self, value: Value) -> Value:
        """A global, a cell, a default: an array there belongs to the whole program."""
        if not (isinstance(value, Var) and is_array(value)):
            return value
        if value not in self.outside:
            self.outside[value] = Ref(Root(value, "captured"))
        return self.outside[value]

    def closure(self, node: ast.FunctionDef | ast.Lambda) -> Closure:
        env, outer = self.env, self.lookup

        def lookup(name: str, at: ast.AST) -> Value:
            frame = self.aliased.get((id(env), name), env)
            return frame[name] if name in frame else outer(name, at)

        args = node.args
        positional = [*args.posonlyargs, *args.args]
        named = positional[len(positional) - len(args.defaults) :]
        defaults = {a.arg: self.expr(d) for a, d in zip(named, args.defaults, strict=True)}
        for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            if d is not None:
                defaults[a.arg] = self.expr(d)
        return Closure(node, lookup, defaults, self.file, (node, id(env)), env)

    def expr_Lambda(self, node: ast.Lambda) -> Value:
        return self.closure(node)

    def expr_Tuple(self, node: ast.Tuple) -> Value:
        items: list[Value] = []
        for e in node.elts:
            if isinstance(e, ast.Starred):
                items += self.items(self.expr(e.value), e)
            else:
                items.append(self.expr(e))
        return Tup(tuple(items))

    def expr_List(self, node: ast.List) -> Value:
        made = self.expr_Tuple(ast.copy_location(ast.Tuple(node.elts, node.ctx), node))
        assert isinstance(made, Tup)
        return Tup(made.items, "list")

    def expr_NamedExpr(self, node: ast.NamedExpr) -> Value:
        value = self.named(self.expr(node.value), node.target.id)
        self.env[node.target.id] = value
        return value

    def expr_BinOp(self, node: ast.BinOp) -> Value:
        left = self.expr(node.left)
        return self.binary(node.op, left, self.expr(node.right), node)

    def binary(self, op: ast.operator, a: Value, b: Value, at: ast.AST) -> Value:
        if isinstance(a, Tup) or isinstance(b, Tup):
            if isinstance(op, ast.Add) and isinstance(a, Tup) and isinstance(b, Tup):
                return Tup(a.items + b.items)
            raise self.refuse(at, "arithmetic on a tuple or list", "make it an array: np.array")
        fn = BINARY.get(type(op))
        a, b = self.read(a, at), self.read(b, at)
        if fn is None or not (isinstance(a, Var | Lit) and isinstance(b, Var | Lit)):
            raise self.refuse(at, "this operation is not supported", "")
        if isinstance(a, Lit) and isinstance(b, Lit):
            return Lit(fn(a.value, b.value))
        return self.own(self.emit(fn, (a, b), at=at))

    def expr_UnaryOp(self, node: ast.UnaryOp) -> Value:
        a = self.atom(node.operand)
        if isinstance(node.op, ast.Not):
            return Lit(not a.value) if isinstance(a, Lit) else self.not_(a, node)
        fn = UNARY.get(type(node.op))
        if fn is None:
            raise self.refuse(node, "this operator is not supported", "")
        return Lit(fn(a.value)) if isinstance(a, Lit) else self.own(self.emit(fn, (a,), at=node))

    def not_(self, a: Atom, at: ast.AST) -> Var:
        return self.emit(ops.not_, (a,), at=at)

    def expr_Compare(self, node: ast.Compare) -> Value:
        left = self.expr(node.left)
        return self.compare(left, list(node.ops), list(node.comparators), node)

    def compare(
        self, left: Value, todo: list[ast.cmpop], right: list[ast.expr], node: ast.Compare
    ) -> Value:
        b = self.expr(right[0])
        first = self.compare_two(left, todo[0], b, node)
        if len(todo) == 1:
            return first
        return self.choose(
            first, lambda: self.compare(b, todo[1:], right[1:], node), lambda: first, node
        )

    def compare_two(self, a: Value, op: ast.cmpop, b: Value, at: ast.Compare) -> Value:
        fn = COMPARE.get(type(op))
        a, b = self.read(a, at), self.read(b, at)
        if fn in (operator.is_, operator.is_not) and isinstance(b, Lit) and b.value is None:
            known = isinstance(a, Lit) and a.value is None
            if not isinstance(a, Var) or not isinstance(a.type, Unknown):
                return Lit(known == (fn is operator.is_))
        if fn is None or not (isinstance(a, Var | Lit) and isinstance(b, Var | Lit)):
            raise self.refuse(at, "this comparison is not supported yet", "")
        if isinstance(a, Lit) and isinstance(b, Lit):
            return Lit(fn(a.value, b.value))
        return self.own(self.emit(fn, (a, b), at=at))

    def expr_BoolOp(self, node: ast.BoolOp) -> Value:
        first = self.expr(node.values[0])
        if len(node.values) == 1:
            return first
        rest = ast.copy_location(ast.BoolOp(node.op, node.values[1:]), node)
        if isinstance(node.op, ast.And):
            return self.choose(first, lambda: self.expr(rest), lambda: first, node)
        return self.choose(first, lambda: first, lambda: self.expr(rest), node)

    def expr_IfExp(self, node: ast.IfExp) -> Value:
        test = self.expr(node.test)
        return self.choose(test, lambda: self.expr(node.body), lambda: self.expr(node.orelse), node)

    def arm(self, parse: Callable[[], Any]) -> Arm:
        """Parse an arm of a branch; the state of the program is afterwards what it was before."""
        env, versions, mark = dict(self.env), self.versions, now()
        self.versions = dict(versions)
        with self.block() as stmts:
            value, unreached = UNDEF, False
            try:
                value = parse()
            except Unreached:
                unreached = True
                self.env[RAISED] = Lit(True)
            made = Arm(stmts, dict(self.env), self.versions, self.views, mark, value, unreached)
        self.versions = versions
        self.env.clear()
        self.env.update(env)
        return made

    def choose(
        self, test: Value, then: Callable[[], Value], orelse: Callable[[], Value], at: ast.AST
    ) -> Value:
        """`then() if test else orelse()`, each evaluated in its own arm only."""
        c = self.truth(test, at)
        if isinstance(c, Lit):
            return then() if c.value else orelse()
        # Not read: an array of either arm is what the result may be another name of.
        self.choosing += 1
        arms = [self.arm(make) for make in (then, orelse)]
        self.choosing -= 1
        if all(arm.unreached for arm in arms):
            raise Unreached
        for arm in arms:
            arm.env.pop(RAISED, None)
        a, b = (arm.value for arm in arms)
        if isinstance(a, CALLABLE) and isinstance(b, CALLABLE) and not self.has_acted(arms):
            return Choice(c, a, b)
        numbers = Var | Lit | Ref | Tup
        if not (isinstance(a, numbers) and isinstance(b, numbers)):
            raise self.refuse(
                at, "a conditional expression of things that are no numbers", "use an if"
            )
        join_ = Join(self, arms, at)
        value = join_.phi("", a, b)
        if any(arm.env != self.env for arm in arms):  # `:=`
            for n, (x, y) in self.merge(arms[0].env, arms[1].env, dict(self.env)).items():
                self.env[n] = join_.phi(n, x, y)
        join_.close(c)
        return value

    def has_acted(self, arms: list[Arm]) -> bool:
        """Have the arms done anything but to name a value?"""
        return any(arm.stmts or arm.env != self.env for arm in arms)

    def truth(self, v: Value, at: ast.AST) -> Atom:
        v = self.read(v, at)
        if isinstance(v, Tup):
            return Lit(bool(v.items))
        if isinstance(v, Lit):
            return Lit(bool(v.value))
        if isinstance(v, Var):
            return v
        raise self.refuse(at, "the truth of this is not known", "compare it explicitly")

    # -- parts

    def expr_Attribute(self, node: ast.Attribute) -> Value:
        return self.attribute(self.expr(node.value), node)

    def attribute(self, owner: Value, node: ast.Attribute) -> Value:
        if isinstance(owner, Namespace) and owner.by == "attribute":
            return owner.get(node.attr, node)
        if isinstance(owner, Known):
            if not hasattr(owner.obj, node.attr):
                raise self.refuse(node, f"there is no `{ast.unparse(node)}`", "")
            if not _is_library(owner.obj):
                if isinstance(owner.obj, types.ModuleType) and node.attr in vars(owner.obj):
                    return self.from_outside(self.scope.of_module(owner.obj, node.attr))
                raise self.refuse(
                    node,
                    f"`{ast.unparse(node)}` is read from an object that may change between calls",
                    "pass it as an argument, or bind it to a name of the module",
                    "attribute",
                )
            return self.known(getattr(owner.obj, node.attr))
        if isinstance(owner, Ref) and node.attr == "T":
            return self.transposed(owner, (), node)
        if isinstance(owner, Ref | Var) and node.attr in ("shape", "ndim", "size"):
            return self.shape_fact(self.read(owner, node), node)
        return Method(owner, node.attr)

    def transposed(self, owner: Ref, axes: tuple[int, ...], at: ast.AST) -> Value:
        t = self.type_of(owner)
        if isinstance(t, Array) and len(t.shape) < 2:
            return owner
        part = owner.part(Pack("transpose", axes))
        if isinstance(t, Array):
            self.read(part, at)
            return part
        return self.own(self.read(part, at), (owner.root, *owner.root.linked))

    def shape_fact(self, owner: Var, node: ast.Attribute) -> Value:
        if node.attr == "ndim" and isinstance(owner.type, Array):
            return Lit(len(owner.type.shape))
        if node.attr == "shape" and isinstance(owner.type, Array):
            return Tup(tuple(self.extent(owner, k, node) for k in range(len(owner.type.shape))))
        fn: Callable[..., Any] = getattr(np, node.attr)
        made = self.emit(fn, (owner,), at=node)
        if fn is np.shape:
            self.shapes[made] = owner
        return made

    def extent(self, owner: Var, k: int, at: ast.AST) -> Atom:
        if isinstance(owner.type, Array) and isinstance(owner.type.shape[k], int):
            return Lit(owner.type.shape[k])
        return self.emit(np.size, (owner, Lit(k)), at=at)

    def known(self, obj: Any) -> Value:
        if isinstance(obj, bool | int | float | complex | str | type(None)):
            return Lit(obj)
        return Known(obj)

    def expr_Subscript(self, node: ast.Subscript) -> Value:
        return self.subscript(self.expr(node.value), node)

    def subscript(self, owner: Value, node: ast.Subscript) -> Value:
        if isinstance(owner, Known) and owner.obj in (np.r_, np.c_):
            return self.joined(owner.obj, node)
        if isinstance(owner, Namespace) and owner.by == "item":
            key = self.expr(node.slice)
            if isinstance(key, Lit):
                return owner.get(key.value, node)
        if isinstance(owner, Var) and owner in self.shapes:
            k = self.expr(node.slice) if not isinstance(node.slice, ast.Slice) else None
            if isinstance(k, Lit) and isinstance(k.value, int):
                return self.extent(self.shapes[owner], k.value, node)
        if not isinstance(owner, Ref | Var):
            raise self.refuse(node, "only arrays and tuples can be subscripted", "")
        return self.element(owner, self.index(node.slice), node)

    def element(self, owner: Ref | Var, step: Any, at: ast.AST) -> Value:
        """`owner[step]`: a number, a view, or a copy."""
        if isinstance(owner, Var):
            args: list[Atom] = [owner]
            form = Form((Hole(0), holes(step, args)))
            return self.own(self.emit(ops.getitem, tuple(args), form, at=at))
        part = owner.part(step)
        value = self.read(part, at)
        if not is_array(value):
            return value  # type: ignore[no-any-return]
        if _copies(step):
            return self.own(value)
        if isinstance(value.type, Array):
            return part
        # A number or a view: which, is not known.
        return self.own(value, (owner.root, *owner.root.linked))

    def joined(self, kind: Any, node: ast.Subscript) -> Value:
        """`np.r_[...]` and `np.c_[...]` of vectors and numbers."""
        given = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        atoms = [self.atom(e) for e in given if not isinstance(e, ast.Slice)]
        ranks = [len(t.shape) if isinstance(t, Array) else 0 for t in map(self.type_of, atoms)]
        if len(atoms) < len(given) or not all(n <= 1 if kind is np.r_ else n == 1 for n in ranks):
            raise self.refuse(
                node, "ranges and matrices in `np.r_` and `np.c_`", "use np.concatenate", "index"
            )
        form = Form((Pack("list", tuple(map(Hole, range(len(atoms))))),))
        op = np.hstack if kind is np.r_ else np.column_stack
        return self.own(self.emit(op, tuple(atoms), form, node))

    def index(self, node: ast.expr) -> Any:
        """The template of an index, its atoms in their places."""
        if isinstance(node, ast.Tuple):
            return Pack("tuple", tuple(self.index(e) for e in node.elts))
        if isinstance(node, ast.Slice):
            parts = (node.lower, node.upper, node.step)
            return Pack("slice", tuple(None if e is None else self.index(e) for e in parts))
        return self.index_of(self.expr(node), node)

    def index_of(self, value: Value, node: ast.AST) -> Any:
        """The template of an index that is a value."""
        if isinstance(value, Tup) and value.kind == "tuple":
            return Pack("tuple", tuple(self.index_of(i, node) for i in value.items))
        value = self.read(value, node)
        if isinstance(value, Known) and value.obj is None:
            return None
        if isinstance(value, Lit) and isinstance(value.value, int | type(None) | type(...)):
            return value.value
        by_mask = (
            isinstance(value, Var) and isinstance(value.type, Array) and value.type.char == "?"
        )
        unknown = isinstance(value, Var) and isinstance(value.type, Unknown)
        if isinstance(value, Var) and (kind_of(value.type) == "int" or by_mask or unknown):
            return value
        if is_float(value) and isinstance(self.type_of(value), Scalar):
            raise self.refuse(node, WHY, WAY_OUT, "int")
        raise self.refuse(node, "this index is not supported yet", "", "index")

    def items(self, value: Value, at: ast.AST, n: int | None = None) -> list[Value]:
        """The items of something that is unpacked."""
        if isinstance(value, Tup) and value.is_sequence:
            return list(value.items)
        if isinstance(value, Var) and n is not None and value in self.shapes:
            return [self.extent(self.shapes[value], k, at) for k in range(n)]
        array = isinstance(value, Ref) and isinstance(self.type_of(value), Array | Unknown)
        if isinstance(value, Ref) and n is not None and array:
            return [self.element(value, k, at) for k in range(n)]
        raise self.refuse(at, "it is not known how many items this has", "")

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call) -> Value:
        raise NotImplementedError

    def merge(
        self, a: dict[str, Value], b: dict[str, Value], before: dict[str, Value]
    ) -> dict[str, tuple[Value, Value]]:
        raise NotImplementedError


def _copies(step: Any) -> bool:
    """Is the index one that copies: by a mask or an array of ints?"""
    items = step.items if isinstance(step, Pack) and step.kind == "tuple" else (step,)
    return any(isinstance(i, Var) and isinstance(i.type, Array) for i in items)
