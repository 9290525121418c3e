"""Functions that are kept as calls: recursive ones.

A call is inlined until it is found that it calls itself, with arguments of the same structure; then
it is parsed anew, as a function of its own.  The types of its parameters are widened, and those of
its results found, by parsing its body until they stand: a call of which nothing is known yet ends
the path that it stands on, as an endless recursion would.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from s2sgrad.errors import DifferentiationError
from s2sgrad.front import signature
from s2sgrad.front.heap import cells
from s2sgrad.front.join import Unreached
from s2sgrad.front.memory import Ref, is_array, now, refs
from s2sgrad.front.resolve import is_generator
from s2sgrad.front.signature import Leaf
from s2sgrad.front.statements import Statements
from s2sgrad.front.values import Closure, Generated, Tup, Value, leaves
from s2sgrad.ir import ops
from s2sgrad.ir.build import map_equations, substitute
from s2sgrad.ir.call import Kept, equations
from s2sgrad.ir.graph import Atom, Block, Eqn, Form, Func, Hole, Lit, Var
from s2sgrad.ir.types import INT, Several, Static, Type
from s2sgrad.ir.walk import bound_anywhere, reads

_MOST_NESTED = 40  # calls of one function in one another, while parsing
_MOST_ROUNDS = 12
_MANY_CALLS, _LONG = 3, 12  # a function is kept that is called so often, and has more statements


class Recursion(Exception):
    """A function that is being inlined calls itself."""

    def __init__(self, key: object) -> None:
        super().__init__()
        self.key = key


class _Widened(Exception):
    def __init__(self, spec: Specialised, types: list[Leaf]) -> None:
        super().__init__()
        self.spec, self.types = spec, types


@dataclass(eq=False)
class Specialised:
    """A kept function, for arguments of one structure."""

    closure: Closure
    shape: Any
    kept: Kept
    types: list[Leaf]  # of the numbers and arrays among its arguments
    result: Value | None = None  # the structure of what it returns, if anything is known
    results: list[Type] | None = None  # the types of the leaves of that
    params: tuple[Var, ...] = ()
    block: Block | None = None
    free: tuple[Var, ...] = ()  # values from around it that it reads: further arguments
    done: bool = False
    guess: bool = False  # is the result but a first guess?
    shares: bool = False  # may a result share memory with what it is given?

    def serves(self, closure: Closure, shape: Any) -> bool:
        return self.closure.key == closure.key and self.shape == shape


@dataclass(eq=False)
class Registry:
    """The kept functions of one compilation."""

    active: list[Specialised] = field(default_factory=list)  # being parsed
    made: list[Specialised] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def name(self, node: ast.FunctionDef | ast.Lambda | None, other: str = "call") -> str:
        base = node.name if isinstance(node, ast.FunctionDef) else other
        n, name = 1, base
        while name in self.taken:
            n += 1
            name = f"{base}{n}"
        self.taken.add(name)
        return name


class Keeping(Statements):
    """Calls of the user's functions."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = Registry()
        self.keeps = False  # are long functions kept, too?
        self.called: Counter[str] = Counter()  # how often the function calls each name

    def invoke(self, closure: Closure, bound: dict[str, Value], at: ast.AST) -> Value:
        """The value of a call: inlined where that ends, else of a function that is kept."""
        if is_generator(closure.node):
            return Generated(closure, bound)
        shape = signature.shape(packed(bound))
        for spec in self.registry.active:
            if spec.serves(closure, shape):
                return self.call_active(spec, bound, at)
        around = [s for key, s in self.active_calls if key == closure.key]
        if shape in around:
            raise Recursion((closure.key, shape))
        if len(around) >= _MOST_NESTED:
            raise self.refuse(
                at,
                f"calls of `{_name(closure)}` in one another, each with arguments of another "
                "structure, do not end",
                "pass numbers and arrays, or containers of one structure",
                "recursion",
            )
        env, versions, written = dict(self.env), dict(self.versions), dict(self.written)
        views, done, running = dict(self.views.maps[0]), len(self.stmts), len(self.iterated)

        def undo() -> None:
            self.env.clear()
            self.env.update(env)
            self.versions, self.written = dict(versions), dict(written)
            self.views.maps[0].clear()
            self.views.maps[0].update(views)
            del self.stmts[done:], self.iterated[running:]

        if self.is_large(closure, bound, at):
            try:
                return self.keep(closure, bound, shape, at)
            except (DifferentiationError, Recursion, Unreached):
                undo()  # it is more than a function of numbers and arrays
        try:
            return self.inline(closure, bound, at)
        except Recursion as e:
            if e.key != (closure.key, shape):
                raise
        undo()
        return self.keep(closure, bound, shape, at)

    def is_large(self, closure: Closure, bound: dict[str, Value], at: ast.AST) -> bool:
        """Is it a long function that is called in many places, so that inlining it is no good?"""
        if not self.keeps or self.registry.active or not isinstance(closure.node, ast.FunctionDef):
            return False
        name = getattr(getattr(at, "func", None), "id", "")
        if self.called[name] < _MANY_CALLS or leaves(packed(bound)) is None:
            return False
        long = sum(isinstance(n, ast.stmt) for n in ast.walk(closure.node)) > _LONG
        return long and not any(isinstance(n, ast.Nonlocal) for n in ast.walk(closure.node))

    def inline(self, closure: Closure, bound: dict[str, Value], at: ast.AST) -> Value:
        raise NotImplementedError

    def argument(self, v: Value) -> Value:
        raise NotImplementedError

    # -- calls

    def call_active(self, spec: Specialised, bound: dict[str, Value], at: ast.AST) -> Value:
        """A call of a function that is being parsed."""
        given = self.given(bound)
        if not signature.covers(spec.types, given):
            raise _Widened(spec, signature.joined(spec.types, given))
        if spec.results is None:
            raise Unreached
        return self.call_kept(spec, bound, at)

    def given(self, bound: dict[str, Value]) -> list[Leaf]:
        found = signature.parts(packed(bound))
        return [p if isinstance(p, Lit) else self.type_of(p) for p in found]

    def call_kept(self, spec: Specialised, bound: dict[str, Value], at: ast.AST) -> Value:
        """The equation of a call, and what it returns as the program sees it."""
        found = signature.parts(packed(bound))
        pairs = [(t, p) for t, p in zip(spec.types, found, strict=True) if not isinstance(t, Lit)]
        args: tuple[Atom, ...] = (*(self.read(p, at) for _, p in pairs), *spec.free)
        assert spec.result is not None
        assert spec.results is not None
        meant = signature.extents(spec.types, self.given(bound))
        types = [signature.at_call(t, meant) for t in spec.results]
        outs = self.emit_kept(spec.kept, args, types, at)
        given = [p for _, p in pairs if spec.shares]
        roots = [r for p in given if isinstance(p, Ref) for r in (p.root, *p.root.linked)]
        values = [self.own(v, roots if is_array(v) else ()) for v in outs]
        owners = [c for v in bound.values() for c in cells(v)]
        return self.recelled(signature.with_parts(spec.result, list(values)), owners)

    def emit_kept(
        self, kept: Kept, args: tuple[Atom, ...], types: list[Type], at: ast.AST
    ) -> list[Var]:
        span = self.span(at)
        if len(types) == 1:
            out = Var("", types[0])
            self.stmts.append(Eqn(out, kept, args, None, span))
            return [out]
        whole = Var("", Several(tuple(types)) if types else Static("tuple"))
        self.stmts.append(Eqn(whole, kept, args, None, span))
        outs = [Var("", t) for t in types]
        for k, out in enumerate(outs):
            self.stmts.append(Eqn(out, ops.getitem, (whole,), Form((Hole(0), k)), span))
        return outs

    # -- keeping

    def keep(self, closure: Closure, bound: dict[str, Value], shape: Any, at: ast.AST) -> Value:
        """Make the function, and call it."""
        for spec in self.registry.made:
            known = spec.done and spec.serves(closure, shape) and self.is_closed(spec)
            if known and signature.covers(spec.types, self.given(bound)):
                return self.call_kept(spec, bound, at)
        kept = Kept(self.registry.name(closure.node))
        spec = Specialised(closure, shape, kept, signature.own_types(self.given(bound)))
        self.registry.active.append(spec)
        try:
            self.settle_kept(spec, bound, at)
        finally:
            self.registry.active.pop()
        self.registry.made.append(spec)
        if not self.registry.active:
            finish([s for s in self.registry.made if not s.done])
        return self.call_kept(spec, bound, at)

    def is_closed(self, spec: Specialised) -> bool:
        """Does it read nothing from around it but globals and cells?"""
        data = set(self.scope.variables.values())
        return all(v in data for v in spec.free)

    def settle_kept(self, spec: Specialised, bound: dict[str, Value], at: ast.AST) -> None:
        """Parse the body until what is assumed of parameters and results stands."""
        registry = self.registry
        made, taken = len(registry.made), set(registry.taken)
        for _ in range(_MOST_ROUNDS):
            del registry.made[made:]  # they were parsed on what was assumed then
            registry.taken = set(taken)
            before = spec.result, spec.results, spec.shares
            try:
                self.parse_kept(spec, bound, at)
            except _Widened as e:
                if e.spec is not spec:
                    raise
                spec.types, spec.result, spec.results = e.types, None, None
                continue
            except Unreached:
                if spec.results is not None or registry.active[0] is not spec:
                    raise  # it is another one, around it, of which nothing is known
                spec.result, spec.results, spec.guess = Var("", INT), [INT], True
                continue
            if spec.guess:
                spec.guess = False
            elif before[0] is not None and before[1:] == (spec.results, spec.shares):
                return
        raise self.refuse(
            at,
            f"the types of what `{_name(spec.closure)}` takes and returns do not settle",
            "give it the same types in each call",
            "recursion",
        )

    def parse_kept(self, spec: Specialised, bound: dict[str, Value], at: ast.AST) -> None:
        """The body, on parameters of its own."""
        sub = type(self)()
        for name in ("scope", "registry", "outside", "quiet", "passes"):
            setattr(sub, name, getattr(self, name))
        sub.versions, sub.aliased = dict(self.versions), dict(self.aliased)
        sub.frames, sub.active_calls = list(self.frames), list(self.active_calls)
        mark = now()
        hints = [n for n, v in bound.items() for _ in signature.parts(v)]
        slots = [
            t if isinstance(t, Lit) else Var(h, t) for h, t in zip(hints, spec.types, strict=True)
        ]
        made = signature.with_parts(packed(bound), list(slots))
        assert isinstance(made, Tup)
        arguments = dict(zip(bound, map(sub.argument, made.items), strict=True))
        result = sub.inline(spec.closure, arguments, at)
        found = leaves(result)
        if found is None:
            raise self.refuse(
                at,
                f"`{_name(spec.closure)}` calls itself and returns something that is no number, "
                "array or tuple of them",
                "",
                "recursion",
            )
        if any(r.kind == "argument" or r.serial < mark for r in sub.written):
            raise self.refuse(
                at,
                f"`{_name(spec.closure)}` calls itself and writes to an array that it was given",
                "write to a copy, and return it",
                "recursion",
            )
        roots = [x for r in refs(result) for x in (r.root, *r.root.linked)]
        spec.shares |= any(r.kind != "own" or r.serial < mark for r in roots)
        spec.params = tuple(s for s in slots if isinstance(s, Var))
        returned = [sub.read(p, at) for p in signature.parts(result)]
        spec.block = Block(spec.params, tuple(sub.stmts), tuple(returned))
        self.note_results(spec, result, [sub.type_of(a) for a in returned], at)

    def note_results(
        self, spec: Specialised, result: Value, types: Sequence[Type], at: ast.AST
    ) -> None:
        other = spec.result is not None and signature.shape(spec.result) != signature.shape(result)
        if other and not spec.guess:
            raise self.refuse(
                at,
                f"`{_name(spec.closure)}` returns another structure when it calls itself",
                "return the same kind of thing on every path",
                "recursion",
            )
        own = {d for t in spec.types for d in getattr(t, "shape", ())}
        before = None if spec.guess else spec.results
        spec.results = signature.settled(before, types, own)
        spec.result = signature.with_parts(result, [Var("", t) for t in spec.results])


def finish(group: list[Specialised]) -> None:
    """Functions that are all known: what they read from around them becomes arguments."""
    of = {s.kept: s for s in group}
    inside: dict[Specialised, set[Var]] = {}
    free: dict[Specialised, dict[Var, None]] = {}
    for s in group:
        assert s.block is not None
        inside[s] = bound_anywhere(s.block)
        free[s] = dict.fromkeys(reads([s.block]))
    changed = True
    while changed:
        changed = False
        for s in group:
            assert s.block is not None
            for e in equations(s.block):
                for v in free[of[e.op]] if e.op in of else ():
                    if v not in inside[s] and v not in free[s]:
                        free[s][v] = None
                        changed = True
    effect = any(e.effect for s in group for e in equations(s.block))  # type: ignore[arg-type]
    raises = effect or any(e.raises for s in group for e in equations(s.block))  # type: ignore[arg-type]
    for s in group:
        s.free = tuple(free[s])

    def complete(e: Eqn) -> Eqn:
        if e.op not in of:
            return e
        return replace(e, args=(*e.args, *of[e.op].free), raises=raises, effect=effect)

    for s in group:
        assert s.block is not None
        own = {v: Var(v.hint, v.type) for v in s.free}
        body = substitute(map_equations(s.block, complete), own)
        params = (*s.params, *own.values())
        block = Block(params, body.stmts, body.results)
        s.kept.func = Func(s.kept.name, block, _distinct(params), s.closure.file)
        s.done = True


def _distinct(params: Sequence[Var]) -> tuple[str, ...]:
    """Names for parameters."""
    names: list[str] = []
    for p in params:
        base = p.hint.lstrip(".") or "x"
        n, name = 1, base
        while name in names:
            n += 1
            name = f"{base}{n}"
        names.append(name)
    return tuple(names)


def packed(bound: dict[str, Value]) -> Tup:
    return Tup(tuple(bound.values()), "dict", tuple(bound))


def _name(closure: Closure) -> str:
    return closure.node.name if isinstance(closure.node, ast.FunctionDef) else "lambda"
