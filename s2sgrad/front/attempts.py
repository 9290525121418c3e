"""`try` and `with`: what may raise is tried where it stands; which arm ran decides what follows.

What the body has bound or written when it is left is to be had in a handler only as far as that is
certain: a name that is bound after the last statement that may raise is not bound there, one that
is bound before the first is.  Any other name may not be read there.
"""

from __future__ import annotations

import ast
import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from s2sgrad.front.building import RAISED
from s2sgrad.front.desugar import Managed
from s2sgrad.front.generators import Generators
from s2sgrad.front.join import Arm
from s2sgrad.front.memory import Root, Stale, now
from s2sgrad.front.raising import may_raise
from s2sgrad.front.values import Known, Poison, Tup, Value, same
from s2sgrad.ir import ops
from s2sgrad.ir.alias import WRITES
from s2sgrad.ir.build import map_equations
from s2sgrad.ir.call import equations
from s2sgrad.ir.graph import UNDEF, Atom, Attempt, Block, Eqn, Lit, Stmt, Var
from s2sgrad.ir.types import BOOL, Static

OK = ".ok"
_serial = itertools.count(1)
_RISKY = (ast.Call, ast.Raise, ast.Assert, ast.Subscript, ast.BinOp, ast.For, ast.While, ast.Try)
Types = tuple[type[BaseException], ...]


@dataclass(frozen=True, slots=True)
class Handler:
    """What is caught, under which name, and what is done then."""

    classes: Types
    name: str | None
    run: Callable[[], None]
    asks: bool = False  # is the exception itself needed?
    again: bool = False  # is it raised again?


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """A statement of the body of a `try`, and the state of the program before it."""

    node: ast.stmt
    env: dict[str, Value]
    versions: dict[Root, Var | Stale]
    start: int  # statements of the IR so far
    mark: int


class _Left(Exception):
    """The statement that is parsed is sure to raise an exception of this class."""

    def __init__(self, cls: type[Exception]) -> None:
        super().__init__()
        self.cls = cls


class Attempts(Generators):
    """Exceptions that are handled."""

    joined_arms: Callable[[Atom, list[Arm], ast.AST], None]
    branch: Callable[[Atom, Callable[[], None], Callable[[], None], ast.AST], None]

    def __init__(self) -> None:
        super().__init__()
        self.handled: list[tuple[Types, int]] = []  # by the `try`s around; how deep they are
        self.left: type[Exception] | None = None  # what the body that was parsed last surely raises

    # -- statements

    def stmt_Try(self, s: ast.Try) -> None:
        if s.finalbody:
            rest = ast.copy_location(ast.Try(s.body, s.handlers, s.orelse, []), s)
            body: list[ast.stmt] = [rest] if s.handlers else s.body
            self.finally_(body, lambda: self.parse_block(s.finalbody), s)
            return
        handlers = [
            Handler(
                self.caught_by(h.type),
                h.name,
                lambda h=h: self.parse_block(h.body),  # type: ignore[misc]
                _asks(h),
                _again(h),
            )
            for h in s.handlers
        ]
        self.attempt(s.body, handlers, lambda: self.parse_block(s.orelse), s)

    def caught_by(self, node: ast.expr | None) -> Types:
        """The classes that a handler names."""
        if node is None:
            return (BaseException,)
        value = self.expr(node)
        found = value.items if isinstance(value, Tup) else (value,)
        classes = tuple(v.obj for v in found if isinstance(v, Known) and isinstance(v.obj, type))
        if len(classes) < len(found) or not all(issubclass(c, BaseException) for c in classes):
            raise self.refuse(
                node, "what this handler catches is no known class", "name the class", "try"
            )
        return classes

    def finally_(self, body: list[ast.stmt], last: Callable[[], None], at: ast.AST) -> None:
        """`last` runs after `body`, and when it is left by an exception, if anyone can see that."""
        with self.block() as stmts:
            state = dict(self.env), dict(self.versions)
            self.parse_block(body)
            done = len(stmts)
            last()
        acts = any(e.effect for e in _equations(stmts[done:]))
        if not acts or not _raise(stmts[:done], (BaseException,)):
            self.stmts += stmts
            return
        self.env.clear()
        self.env.update(state[0])
        self.versions = state[1]

        def again() -> None:
            last()
            raised = (Lit("raise"), Lit(()))
            self.emit(ops.raise_, raised, at=at, effect=True)
            self.env[RAISED] = Lit(True)

        self.attempt(body, [Handler((BaseException,), None, again, again=True)], last, at)

    # -- the parts of a `try`

    def attempt(
        self,
        body: Sequence[ast.stmt],
        handlers: list[Handler],
        orelse: Callable[[], None],
        at: ast.AST,
    ) -> None:
        """The body; the handlers, where it may raise what they catch."""
        steps, stmts, after = self.tried(body, handlers)
        classes = tuple(dict.fromkeys(c for h in handlers for c in h.classes))
        risky = [k for k in range(len(steps)) if _raise(_made_by(steps, k, stmts), classes)]
        if not risky:
            self.stmts += stmts
            self.adopt(*after)
            orelse()
            return
        sure, self.left = self.left, None
        if sure is not None and not _raise(stmts[:-1], classes):
            one = next(h for h in handlers if issubclass(sure, h.classes))
            if not (one.asks or one.again):  # what is raised is known, and who handles it
                self.stmts += stmts[:-1]
                self.adopt({n: v for n, v in after[0].items() if n != RAISED}, after[1])
                self.run_handler(one, None)
                return
        first = steps[risky[0]]
        if len(risky) > 1 and not any(h.again for h in handlers):
            certain = self.certain(steps, risky, after[0])
            if any(is_poison(v) and v is not first.env.get(n) for n, v in certain.items()):
                self.step_by_step(body, steps, risky, handlers, orelse, at)
                return
        self.refuse_half_written(steps, risky, stmts, after[1])
        self.stmts += stmts[: first.start]
        done = [_marked(s, classes) for s in stmts[first.start :]]
        then = Arm(done, {**after[0], OK: Lit(True)}, after[1], self.views.new_child(), first.mark)
        self.env.clear()
        self.env.update({**self.certain(steps, risky, after[0]), OK: Lit(False)})
        self.versions = dict(first.versions)
        left = self.arm(lambda: self.handle(handlers, at))
        self.env.clear()
        self.env.update(first.env)
        self.versions = dict(first.versions)
        always, never = RAISED in then.env, RAISED in left.env
        for arm in (then, left) if always or never else ():
            arm.env.pop(OK, None)
        self.joined_arms(Lit(Attempt(classes)), [then, left], at)
        ok = self.env.pop(OK, Lit(not always))
        if RAISED in self.env or always:
            return
        if isinstance(ok, Var):
            self.branch(ok, orelse, lambda: None, at)
        else:
            orelse()

    def adopt(self, env: dict[str, Value], versions: dict[Root, Var | Stale]) -> None:
        """Go on from this state of the program."""
        self.env.clear()
        self.env.update(env)
        self.versions = versions

    def step_by_step(
        self,
        body: Sequence[ast.stmt],
        steps: list[_Step],
        risky: list[int],
        handlers: list[Handler],
        orelse: Callable[[], None],
        at: ast.AST,
    ) -> None:
        """Each statement that may raise is tried alone, so that what it left behind is known."""
        name = f".failed{next(_serial)}"
        failed, error = name, f"{name}.error"
        classes = tuple(dict.fromkeys(c for h in handlers for c in h.classes))
        self.env[failed] = Lit(False)
        asks = len(handlers) > 1 or any(h.asks for h in handlers)

        lost: set[str] = set()  # what is not certain where it failed

        def fail() -> None:
            self.env[failed] = Lit(True)
            for n in [n for n, v in self.env.items() if is_poison(v)]:
                lost.add(n)
                self.env[n] = UNDEF

        def handled() -> None:
            why = "is bound in the body of a `try`: its value here is not certain"
            self.env.update({n: self.poison(f"`{n}` {why}") for n in lost})
            self.handle_next(handlers, self.env.pop(error, None), at)

        def note() -> None:
            fail()
            self.env[error] = self.env[".error"]

        one = Handler(classes, ".error" if asks else None, note if asks else fail, asks)
        cuts = [0, *(k + 1 for k in risky[:-1]), len(steps)]
        for start, end in itertools.pairwise(cuts):
            part = list(body[start:end])
            go_on = functools.partial(self.attempt, part, [one], lambda: None, at)
            self.unless(failed, lambda: None, go_on, at)
        self.unless(failed, handled, orelse, at)
        for n in (failed, error):
            self.env.pop(n, None)

    def unless(
        self, flag: str, then: Callable[[], None], orelse: Callable[[], None], at: ast.AST
    ) -> None:
        """`then` if the flag is set, else `orelse`."""
        test = self.env[flag]
        if isinstance(test, Lit):
            (then if test.value else orelse)()
        else:
            assert isinstance(test, Var)
            self.branch(test, then, orelse, at)

    def tried(
        self, body: Sequence[ast.stmt], handlers: list[Handler]
    ) -> tuple[list[_Step], list[Stmt], tuple[dict[str, Value], dict[Root, Var | Stale]]]:
        """The body, parsed; the state of the program is afterwards what it was before."""
        before = dict(self.env), self.versions
        self.versions = dict(self.versions)
        steps: list[_Step] = []
        classes = tuple(c for h in handlers for c in h.classes)
        self.handled.append((classes, len(self.views.maps) + 1))
        try:
            with self.block() as stmts:
                for node in body:
                    steps.append(
                        _Step(node, dict(self.env), dict(self.versions), len(stmts), now())
                    )
                    self.parse_block([node])
        except _Left as e:
            self.env[RAISED] = Lit(True)
            self.left = e.cls
        finally:
            self.handled.pop()
        after = dict(self.env), self.versions
        self.env.clear()
        self.env.update(before[0])
        self.versions = before[1]
        return steps, stmts, after

    def surely(self, cls: type[Exception], argument: Any, why: Exception, at: ast.AST) -> Exception:
        """In the body of a `try` that catches it, what is sure to raise is a `raise`."""
        classes, depth = self.handled[-1] if self.handled else ((), 0)
        if depth != len(self.views.maps) or not any(issubclass(cls, c) for c in classes):
            return why
        text = f"raise {cls.__name__}({argument!r})"
        self.emit(ops.raise_, (Lit(text), Lit(())), at=at, effect=True)
        return _Left(cls)

    def handle(self, handlers: list[Handler], at: ast.AST) -> None:
        """The handlers, one after another asked whether the exception is theirs."""
        error: Var | None = None
        if len(handlers) > 1 or any(h.asks for h in handlers):
            hint = next((h.name for h in handlers if h.name), "") or "error"
            error = Var(hint.rpartition(".")[2], Static("exception"))
            self.stmts.append(Eqn(error, ops.caught, (), None, self.span(at), effect=True))
        self.handle_next(handlers, error, at)

    def handle_next(self, handlers: list[Handler], error: Any, at: ast.AST) -> None:
        one, *rest = handlers
        if not rest:
            self.run_handler(one, error)
            return
        assert error is not None
        test = Var("", BOOL)
        args = (error, *map(Lit, one.classes))
        self.stmts.append(Eqn(test, ops.is_caught, args, None, self.span(at)))
        self.branch(
            test,
            lambda: self.run_handler(one, error),
            lambda: self.handle_next(rest, error, at),
            at,
        )

    def run_handler(self, one: Handler, error: Any) -> None:
        if one.name is not None and error is not None:
            self.env[one.name] = error
        one.run()
        if one.name is not None:
            self.env.pop(one.name, None)

    # -- what is certain where a handler begins

    def certain(
        self, steps: list[_Step], risky: list[int], after: dict[str, Value]
    ) -> dict[str, Value]:
        """The names as they are wherever in the body an exception may be raised."""
        states = [steps[k].env for k in risky]
        certain = dict(states[0])
        for n in dict.fromkeys(n for env in (*states, after) for n in env):
            values = [env.get(n, UNDEF) for env in states]
            if not all(same(values[0], v) for v in values) or any(
                self.may_rebind(steps, k, n, after) for k in risky
            ):
                certain[n] = self.poison(
                    f"`{n.rpartition('.')[2]}` is bound in the body of a `try`, "
                    "before or after what raises: its value here is not certain"
                )
        return certain

    def may_rebind(self, steps: list[_Step], k: int, name: str, after: dict[str, Value]) -> bool:
        """May the statement have bound the name, and then raise?"""
        if name in self.rebound or name.startswith(".cell"):  # a call may have done it
            end = steps[k + 1].env if k + 1 < len(steps) else after
            return not same(steps[k].env.get(name, UNDEF), end.get(name, UNDEF))
        return not _bound_last([steps[k].node], name)

    def refuse_half_written(
        self,
        steps: list[_Step],
        risky: list[int],
        stmts: list[Stmt],
        after: dict[Root, Var | Stale],
    ) -> None:
        """A write to what was there before the `try`, and then an exception: nobody knows."""
        first = steps[risky[0]]
        for k in range(risky[0], len(steps)):
            end = steps[k + 1].versions if k + 1 < len(steps) else after
            written = [
                r
                for r, v in end.items()
                if r.serial < first.mark and steps[k].versions.get(r, r.first) is not v
            ]
            made = _made_by(steps, k, stmts)
            last = isinstance(made[-1], Eqn) and made[-1].op in WRITES if made else False
            whole = sum(any(e.op in WRITES for e in _equations([s])) for s in made) == 1
            if written and not (last and whole and k >= risky[-1]):
                raise self.refuse(
                    steps[k].node,
                    f"{_what(written[0])} is written to in a `try` that may be left afterwards",
                    "write to a new array, or in the `else` of the `try`",
                    "try",
                )


def _what(root: Any) -> str:
    """What is written to, for a message."""
    hint = getattr(root.first, "hint", "")
    return f"`{hint}`" if hint else "a container or an array"


def _made_by(steps: list[_Step], k: int, stmts: list[Stmt]) -> list[Stmt]:
    return stmts[steps[k].start : steps[k + 1].start if k + 1 < len(steps) else len(stmts)]


def _equations(stmts: Sequence[Stmt]) -> list[Eqn]:
    return list(equations(Block((), tuple(stmts), ())))


def _raise(stmts: Sequence[Stmt], classes: Types) -> bool:
    """May one of the statements raise one of these?"""
    return any(may_raise(e, classes) for e in _equations(stmts))


def _marked(s: Stmt, classes: Types) -> Stmt:
    """The statement, what may raise in it marked: it is kept, and stays where it is."""

    def mark(e: Eqn) -> Eqn:
        return replace(e, raises=True) if not e.raises and may_raise(e, classes) else e

    return map_equations(Block((), (s,), ()), mark).stmts[0]


def _asks(h: ast.ExceptHandler) -> bool:
    names = (n.id for s in h.body for n in ast.walk(s) if isinstance(n, ast.Name))
    return h.name is not None and h.name in names


def _again(h: ast.ExceptHandler) -> bool:
    return any(isinstance(n, ast.Raise) and n.exc is None for s in h.body for n in ast.walk(s))


def is_poison(v: Value) -> bool:
    """Is it a name that may not be read?"""
    return isinstance(v, Known) and isinstance(v.obj, Poison)


def _bound_last(stmts: Sequence[ast.stmt], name: str) -> bool:
    """Can nothing raise once the statements have bound the name, as far as their text tells?"""
    for k, s in enumerate(stmts):
        bound = {n.id for n in ast.walk(s) if isinstance(n, ast.Name) and not _loads(n)}
        if name not in bound:
            continue
        if any(isinstance(n, _RISKY) for rest in stmts[k + 1 :] for n in ast.walk(rest)):
            return False
        inner = [b for f in ("body", "orelse") if isinstance(b := getattr(s, f, None), list)]
        if isinstance(s, ast.If | Managed):
            if not all(_bound_last(b, name) for b in inner):
                return False
        elif inner or name not in _targets(s):
            return False
    return True


def _targets(node: ast.stmt) -> set[str]:
    """The names that the statement binds last of all."""
    targets: list[Any] = getattr(node, "targets", None) or [getattr(node, "target", None)]
    if len(targets) > 1:
        return set()
    flat = targets[0].elts if isinstance(targets[0], ast.Tuple) else targets
    return {t.id for t in flat if isinstance(t, ast.Name)}


def _loads(n: ast.Name) -> bool:
    return isinstance(n.ctx, ast.Load)
