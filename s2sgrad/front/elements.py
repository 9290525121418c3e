"""NumPy's functions that take functions, or count: `vectorize`, `piecewise`, `ndindex`, ...

Each is parsed as the loop, the comprehension or the stores that it stands for.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.front.infer import fits
from s2sgrad.front.memory import Ref
from s2sgrad.front.methods import Methods
from s2sgrad.front.values import Closure, Known, Method, Partial, Tup, Value
from s2sgrad.ir.graph import Atom, Eqn, Lit, Range, Var
from s2sgrad.ir.types import Array, List, Unknown, kind_of

COUNTERS = {np.ndindex, np.ndenumerate, np.nditer}  # a `for` runs over them
# The modules of `np.polynomial`, which is loaded when a program asks for it.
_SERIES = {
    "Polynomial": ("polynomial", "poly"),
    "Chebyshev": ("chebyshev", "cheb"),
    "Legendre": ("legendre", "leg"),
    "Hermite": ("hermite", "herm"),
    "HermiteE": ("hermite_e", "herme"),
    "Laguerre": ("laguerre", "lag"),
}
Counted = tuple[Range, Callable[[Var], Value]]


class Numbers(Range):
    """The numbers of elements: no `range` of the program's own."""


def _vectorized() -> None:
    """Stands for what `np.vectorize(f)` returns."""


class Elements(Methods):
    """Functions applied to elements, rows and pieces."""

    def parts_call(
        self, op: Any, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value | None:
        """A call of a function that takes functions; None if `op` is not one."""
        if isinstance(op, np.vectorize):
            if op.signature is not None or op.excluded:
                raise self.refuse_applied(node, "`np.vectorize` with `signature` or `excluded`")
            return self.vectorized(self.scope.static(op.pyfunc), args, bool(op.otypes), node)
        if op is np.vectorize:
            if len(args) != 1 or set(kwargs) - {"otypes", "doc", "cache"}:
                raise self.refuse_applied(node, "`np.vectorize` with these options")
            return Partial(Known(_vectorized), (args[0], Lit("otypes" in kwargs)), {})
        if op is _vectorized:
            function, typed, *given = args
            assert isinstance(typed, Lit)
            return self.vectorized(function, given, typed.value, node)
        if isinstance(op, type) and op.__module__.startswith("numpy.polynomial"):
            if len(args) != 1 or kwargs:
                raise self.refuse_applied(node, "a series with a domain or a window")
            return self.series(op, args[0], node)
        if op is np.unstack:
            axis = [*args[1:], *kwargs.values(), Lit(0)][0]
            return self.emit_call(np.moveaxis, [args[0], axis, Lit(0)], {}, node)
        if op in (np.piecewise, np.apply_along_axis, np.fromfunction, np.fromiter):
            return getattr(self, f"call_{op.__name__}")(args, kwargs, node)  # type: ignore[no-any-return]
        return None

    def refuse_applied(self, node: ast.AST, what: str) -> Exception:
        return self.refuse(node, f"{what} is not supported yet", "write the loop", "call")

    def check_known(self, x: Value, name: str, node: ast.AST) -> None:
        """Refuse what may be a number or an array."""
        if isinstance(x, Ref | Var) and isinstance(self.type_of(x), Unknown):
            raise self.refuse(
                node,
                f"`{name}` of something that may be a number or an array",
                "annotate the parameters, or give their types with --types",
                "unknown-type",
            )

    # -- np.polynomial

    def series(self, cls: Any, c: Value, node: ast.AST) -> Value:
        """`Polynomial(c)`: the function of `x` that it is."""
        whole = self.emit_call(np.asarray, [c], {}, node) if isinstance(c, Tup) else c
        return Partial(Known(series_function(cls, "val")), (), {"c": whole, ".class": Known(cls)})

    def is_series(self, v: Value) -> bool:
        return isinstance(v, Partial) and ".class" in v.kwargs

    def attribute(self, owner: Value, node: ast.Attribute) -> Value:
        if isinstance(owner, Partial) and self.is_series(owner):
            return owner.kwargs["c"] if node.attr == "coef" else Method(owner, node.attr)
        return super().attribute(owner, node)

    def method(
        self, m: Method, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        if isinstance(m.owner, Partial) and self.is_series(m.owner):
            cls = m.owner.kwargs[".class"]
            assert isinstance(cls, Known)
            if m.name not in ("deriv", "integ"):
                raise self.refuse_method(m, node)
            op = series_function(cls.obj, "der" if m.name == "deriv" else "int")
            c = self.emit_call(op, [m.owner.kwargs["c"], *args], kwargs, node)
            return self.series(cls.obj, c, node)
        return super().method(m, args, kwargs, node)

    # -- np.vectorize

    def vectorized(self, function: Value, args: list[Value], typed: bool, node: ast.Call) -> Value:
        """One call for each element, in a comprehension."""
        given = [self.as_given(a, node) for a in args]
        for a in given:
            self.check_known(a, "np.vectorize", node)
        arrays = [a for a in given if isinstance(self.type_of(a), Array)]
        if not arrays:
            return self.call(function, given, {}, node)
        first = self.type_of(arrays[0])
        if not all(fits(self.type_of(a), first) for a in arrays):
            wide = self.emit_call(np.broadcast_arrays, list(arrays), {}, node)
            spread = self.items(wide, node, len(arrays))
            given = [spread.pop(0) if a in arrays else a for a in given]
            arrays = [a for a in given if isinstance(self.type_of(a), Array)]
        made = self.each(function, given, node)
        self.check_kinds(function, made, typed, node)
        whole = self.emit_call(np.array, [made], {}, node)
        if len(first.shape) == 1:  # type: ignore[attr-defined]
            return whole
        return self.emit_call(np.reshape, [whole, self.shape_of(arrays[0], node)], {}, node)

    def as_given(self, a: Value, node: ast.Call) -> Value:
        return self.emit_call(np.array, [a], {}, node) if isinstance(a, Tup) else a

    def each(self, function: Value, given: list[Value], node: ast.Call) -> Value:
        """The list of `function(...)` for each element of the arrays among its arguments."""
        names = _parameters(function, len(given))
        values: dict[str, Value] = {"_f": function}
        over: list[str] = []
        for name, a in zip(names, given, strict=True):
            t = self.type_of(a)
            if not isinstance(t, Array):
                values[f"_{name}"] = a
                continue
            flat = a if len(t.shape) == 1 else self.emit_call(np.ravel, [a], {}, node)
            over.append(name)
            values[f"_{name}s"] = flat
        call = f"_f({', '.join(n if n in over else f'_{n}' for n in names)})"
        rows = ", ".join(f"_{name}s" for name in over)
        rows = rows if len(over) == 1 else f"zip({rows})"
        return self.evaluate(f"[{call} for {', '.join(over)} in {rows}]", node, values)

    def check_kinds(self, function: Value, made: Value, typed: bool, node: ast.AST) -> None:
        """The first result of `np.vectorize` settles the dtype: an int there truncates all."""
        t = self.type_of(made) if isinstance(made, Ref) else None
        item = kind_of(t.item) if isinstance(t, List) else None
        if typed or item == "int" or not isinstance(function, Closure):
            return
        if any(type(r.value) is int for r in _returned(function.node)):
            raise self.refuse(
                node,
                "the function returns an int on one path: if it is the first result, NumPy makes "
                "all of them ints",
                "return a float there (0.0), or give otypes=[float]",
                "call",
            )

    def shape_of(self, x: Value, node: ast.AST) -> Tup:
        t, now = self.type_of(x), self.read(x, node)
        assert isinstance(t, Array)
        return Tup(tuple(self.extent(now, k, node) for k in range(len(t.shape))))

    # -- np.piecewise

    def call_piecewise(self, args: list[Value], kwargs: dict[str, Value], node: ast.Call) -> Value:
        """`y[test] = f(x[test])` for each piece; the pieces of a number are branches."""
        x, conditions, functions, *more = args
        self.check_known(x, "np.piecewise", node)
        tests: list[Value] = [conditions]
        if isinstance(conditions, Tup):
            tests = list(conditions.items)
        if not isinstance(functions, Tup) or len(functions.items) - len(tests) not in (0, 1):
            raise self.refuse_applied(node, "`np.piecewise` with these functions")
        if len(functions.items) > len(tests):
            tests.append(self.none_of(tests, node))

        def piece(f: Value, of: Value) -> Value:
            if isinstance(f, Lit | Var | Ref):
                return f
            return self.call(f, [of, *more], dict(kwargs), node)

        if not isinstance(self.type_of(x), Array):
            return self.cases(x, list(zip(tests, functions.items, strict=True)), piece, node)
        y = self.emit_call(np.zeros_like, [x], {}, node)
        assert isinstance(x, Ref)
        assert isinstance(y, Ref)
        for test, f in zip(tests, functions.items, strict=True):
            step = self.index_of(test, node)
            value = piece(f, self.element(x, step, node))
            self.write(y.part(step), self.to_store(value, node), node)
        return y

    def none_of(self, tests: list[Value], node: ast.AST) -> Value:
        known = tests[0]
        for test in tests[1:]:
            known = self.emit_call(np.logical_or, [known, test], {}, node)
        return self.emit_call(np.logical_not, [known], {}, node)

    def cases(
        self,
        x: Value,
        pairs: list[tuple[Value, Value]],
        piece: Callable[[Value, Value], Value],
        node: ast.AST,
    ) -> Value:
        """The last of the pieces whose test holds."""
        if not pairs:
            return Lit(0.0)
        test, f = pairs[-1]
        return self.choose(
            test, lambda: piece(f, x), lambda: self.cases(x, pairs[:-1], piece, node), node
        )

    # -- rows

    def call_apply_along_axis(
        self, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        function, axis, x, *more = args
        t = self.type_of(x)
        if not (isinstance(axis, Lit) and isinstance(t, Array) and isinstance(x, Ref)):
            raise self.refuse_applied(node, "`np.apply_along_axis` of this")
        rank = len(t.shape)
        along = axis.value % rank
        if rank == 1:
            return self.call(function, [x, *more], kwargs, node)
        lead = Tup(())
        if rank == 2:
            rows = x if along == 1 else self.transposed(x, (), node)
        else:
            moved = self.emit_call(np.moveaxis, [x, Lit(along), Lit(-1)], {}, node)
            lead = self.shape_of(moved, node)
            flat = Tup((Lit(-1), lead.items[-1]))
            rows = self.emit_call(np.reshape, [moved, flat], {}, node)
        names = [f"_m{k}" for k in range(len(more))]
        row = _parameters(function, 1)[0]
        given = ", ".join([row, *names, *(f"{k}=_k{k}" for k in kwargs)])
        values = {"_f": function, "_x": rows, **dict(zip(names, more, strict=True))}
        values |= {f"_k{k}": v for k, v in kwargs.items()}
        listed = self.evaluate(f"[_f({given}) for {row} in _x]", node, values)
        made = self.emit_call(np.array, [listed], {}, node)
        left = self.type_of(made)
        if not isinstance(left, Array) or len(left.shape) > 2:
            raise self.refuse_applied(node, "`np.apply_along_axis` of a function to matrices")
        if rank > 2:
            now = self.read(made, node)
            ends = (self.extent(now, 1, node),) if len(left.shape) == 2 else ()
            shape = Tup((*lead.items[:-1], *ends))
            made = self.emit_call(np.reshape, [made, shape], {}, node)
        if len(left.shape) == 1 or along == rank - 1:
            return made
        return self.emit_call(np.moveaxis, [made, Lit(-1), Lit(along)], {}, node)

    def call_fromfunction(
        self, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        """The function of all indices at once."""
        function, shape = args
        if not isinstance(shape, Tup):
            raise self.refuse_applied(node, "`np.fromfunction` of this shape")
        dtype = kwargs.pop("dtype", Known(float))
        grid = self.emit_call(np.indices, [shape], {"dtype": dtype}, node)
        given = [self.element(grid, k, node) for k in range(len(shape.items))]  # type: ignore[arg-type]
        return self.call(function, given, kwargs, node)

    def call_fromiter(self, args: list[Value], kwargs: dict[str, Value], node: ast.Call) -> Value:
        kwargs.pop("count", None)
        typed = {"dtype": args[1]} if len(args) > 1 else kwargs
        if len(args) > 2 or not isinstance(args[0], Tup | Ref):
            raise self.refuse_applied(node, "`np.fromiter` of this")
        return self.emit_call(np.array, [args[0]], typed, node)

    # -- indices

    def counted(self, op: Any, node: ast.Call) -> Counted:
        """`np.ndindex(m, n)`, `np.ndenumerate(x)`, `np.nditer(x)`: a loop over one number."""
        args: list[Value] = []
        for a in node.args:
            star = isinstance(a, ast.Starred)
            args += self.items(self.expr(a.value), a) if star else [self.expr(a)]  # type: ignore[attr-defined]
        if op is np.ndindex and not node.keywords:
            whole = args[0] if len(args) == 1 and isinstance(args[0], Tup) else Tup(tuple(args))
            assert isinstance(whole, Tup)
            sizes = [self.read(i, node) for i in whole.items]
            return self.numbered(sizes, node)
        x = args[0] if len(args) == 1 else None
        t = self.type_of(x) if isinstance(x, Ref) else None
        if not (isinstance(x, Ref) and isinstance(t, Array)):
            raise self.refuse_applied(node, f"a loop over `np.{op.__name__}` of this")
        if op is np.nditer:
            return self.flat_items(x, node)
        over, numbers = self.numbered(
            [self.read(i, node) for i in self.shape_of(x, node).items], node
        )

        def item(i: Var) -> Value:
            at = numbers(i)
            return Tup((at, self.element(x, self.index_of(at, node), node)))

        return over, item

    def numbered(self, sizes: list[Atom], node: ast.AST) -> Counted:
        """All indices of an array of these sizes, in order."""

        def combine(op: Callable[..., Any], a: Any, b: Any) -> Atom:
            if isinstance(a, Lit) and isinstance(b, Lit):
                return Lit(op(a.value, b.value))
            made = self.emit(op, (a, b), at=node)
            last = self.stmts[-1]
            assert isinstance(last, Eqn)
            self.stmts[-1] = replace(
                last, raises=False
            )  # no turn is run where it would divide by 0
            return made

        weights: list[Atom] = [Lit(1)]
        for n in reversed(sizes):
            one = isinstance(weights[0], Lit) and weights[0].value == 1
            weights.insert(0, n if one else combine(operator.mul, n, weights[0]))
        total, *weights = weights

        def item(i: Var) -> Value:
            found: list[Value] = []
            for k, (n, w) in enumerate(zip(sizes, weights, strict=True)):
                part: Atom = i if k == len(sizes) - 1 else combine(operator.floordiv, i, w)
                found.append(part if k == 0 else combine(operator.mod, part, n))
            return Tup(tuple(found))

        return Numbers(Lit(0), total, Lit(1)), item

    def flat_items(self, x: Ref, node: ast.Call) -> Counted:
        """The elements of an array in the order of its memory, where that is known."""
        order = {k.arg: self.expr(k.value) for k in node.keywords}
        c = order.get("order")
        sure = isinstance(c, Lit) and c.value == "C"
        if set(order) - {"order"} or not (sure or (x.root.contiguous and not x.path)):
            raise self.refuse(
                node,
                "`np.nditer` runs in the order of the memory, which is not known here",
                'for e in x.flat, or np.nditer(x, order="C")',
                "for",
            )
        flat = self.flat(x)
        now = self.read(flat, node)
        n = self.extent(now, 0, node)
        return Numbers(Lit(0), n, Lit(1)), lambda i: self.element(flat, i, node)


def series_function(cls: type, what: str) -> Any:
    """What evaluates, differentiates or integrates the series of a class of `np.polynomial`."""
    module, name = _SERIES[cls.__name__]
    return getattr(getattr(np.polynomial, module), f"{name}{what}")


def _parameters(function: Value, n: int) -> list[str]:
    """Names for the arguments of a function: those that it has for them."""
    args = function.node.args if isinstance(function, Closure) else None
    names = [p.arg for p in (*args.posonlyargs, *args.args)] if args else []
    return names[:n] if len(names) >= n else [f"v{k}" for k in range(n)]


def _returned(node: ast.AST) -> list[ast.Constant]:
    """The constants that a function returns, as far as its text tells."""
    if isinstance(node, ast.Lambda):
        found = [node.body]
    else:
        found = [n.value for n in ast.walk(node) if isinstance(n, ast.Return) and n.value]
    made: list[ast.Constant] = []
    while found:
        e = found.pop()
        if isinstance(e, ast.IfExp):
            found += [e.body, e.orelse]
        elif isinstance(e, ast.UnaryOp):
            found.append(e.operand)
        elif isinstance(e, ast.Constant):
            made.append(e)
    return made
