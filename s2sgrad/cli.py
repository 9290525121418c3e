"""The command line: `s2sgrad transpile | show | graph | explain | check | coverage`."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from s2sgrad.errors import S2SGradError
from s2sgrad.front.annotations import parse_types
from s2sgrad.front.modules import MARKER
from s2sgrad.front.static import TRANSFORMS
from s2sgrad.transpile import Options, Written, command_line, transpile

_WHAT = TRANSFORMS
_MANY = 3  # from here on progress is told


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, 1 (refused or stale), 2 (wrong usage)."""
    args = _parser().parse_args(argv)
    try:
        code: int = args.run(args)
        return code
    except S2SGradError as e:
        print(f"s2sgrad: {e}", file=sys.stderr)
        return 1
    except OSError as e:
        print(f"s2sgrad: {e.filename}: {e.strerror}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    from s2sgrad import __version__

    parser = argparse.ArgumentParser(
        prog="s2sgrad",
        description="Differentiate Python and NumPy functions by writing the derivative as source.",
        epilog="s2sgrad COMMAND --help tells more, with an example.",
    )
    parser.add_argument("--version", action="version", version=f"s2sgrad {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _transpile_parser(commands)
    for name, run, words, example in (
        ("show", _show, "print a function's derivative", "--wrt w,b"),
        ("graph", _graph, "the compute graph, with local partials on its edges", "-o loss.svg"),
        ("explain", _explain, "what a function's derivative costs", "--types 'loss(w: Float[n])'"),
        (
            "check",
            _check,
            "compare with central differences; this runs the file",
            "--args 'np.ones(3), 2.0'",
        ),
    ):
        p = _command(commands, name, run, words, f"s2sgrad {name} model.py::loss {example}")
        p.add_argument("where", metavar="FILE::NAME", help="a file, and a function in it")
        _request(p, what=name in ("show", "explain"))
        if name == "graph":
            p.add_argument("-o", "--out", type=Path, help="x.svg or x.dot (default: print DOT)")
            p.add_argument(
                "--order",
                action="store_true",
                help="what the Jacobian eliminates, numbered in that order; types must be exact",
            )
        if name == "check":
            p.add_argument("--args", help="the arguments as Python, as in 'np.ones(3), 2.0'")
            p.add_argument("--seed", type=int, default=0, help="of random arguments (default 0)")
            p.add_argument("--rtol", type=float, default=1e-5, help="how close (default 1e-5)")
    words = "which functions of NumPy, math and SciPy have a derivative"
    p = _command(commands, "coverage", _coverage, words, "s2sgrad coverage numpy.linalg --missing")
    p.add_argument("modules", metavar="MODULE", nargs="*", help="list the functions of these")
    p.add_argument("--missing", action="store_true", help="only those that have none")
    p.add_argument("--page", action="store_true", help="print docs/coverage.md")
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    words: str,
    example: str,
) -> argparse.ArgumentParser:
    p = commands.add_parser(
        name,
        help=words,
        description=f"{words[0].upper()}{words[1:]}.",
        epilog=f"Example: {example}",
    )
    p.set_defaults(run=run)
    return p


def _transpile_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    words = "write a module with the derivatives of a file's functions, without running the file"
    example = "s2sgrad transpile model.py -f loss --wrt w,b -o model_grad.py"
    p = _command(commands, "transpile", _transpile, words, example)
    p.add_argument("file", type=Path, metavar="FILE", help="a Python file, which is read, not run")
    p.add_argument(
        "-f", "--function", nargs="+", action="extend", default=[], metavar="NAME",
        help="these functions (default: all at top level that return a value)",
    )  # fmt: skip
    _request(p)
    out = p.add_mutually_exclusive_group()
    out.add_argument("-o", "--out", type=Path, help="the file to write (default: standard output)")
    out.add_argument("--append", action="store_true", help="write below the text of FILE itself")
    p.add_argument(
        "--keep-going", action="store_true", help="write what can be differentiated, exit with 0"
    )
    p.add_argument(
        "--check", action="store_true",
        help="write nothing; exit with 1 if the file to write is not as it would be written",
    )  # fmt: skip
    p.add_argument("-q", "--quiet", action="store_true", help="tell no progress")


def _request(p: argparse.ArgumentParser, what: bool = True) -> None:
    p.add_argument("--wrt", help="differentiate in these parameters: w,b (default: the first)")
    if what:
        p.add_argument("--what", help=f"of {','.join(_WHAT)} (default: grad,value_and_grad)")
    else:
        p.set_defaults(what=None)
    p.add_argument(
        "--types", default="",
        help="of parameters, for shorter code: 'loss(w: Float[n d], lr: float)'",
    )  # fmt: skip
    p.add_argument(
        "--import-original", action="store_true",
        help="globals that cannot be copied are imported from FILE when the result is",
    )  # fmt: skip


def _options(args: argparse.Namespace, functions: Sequence[str]) -> Options:
    what = tuple(args.what.split(",")) if args.what else None
    for w in what or ():
        if w not in _WHAT:
            raise S2SGradError(f"--what {w}: there are {', '.join(_WHAT)}")
    names = tuple(n.strip() for n in args.wrt.split(",")) if args.wrt else ()
    return Options(
        tuple(functions),
        (names, len(names) == 1) if names else None,
        what,
        parse_types(args.types),
        args.import_original,
        getattr(args, "append", False),
    )


# -- transpile


def _transpile(args: argparse.Namespace) -> int:
    if args.check and args.out is None and not args.append:
        raise S2SGradError("--check compares with a file: give -o OUT or --append")
    options = _options(args, args.function)
    out: Path | None = args.file if args.append else args.out
    told = 0

    def progress(name: str) -> None:
        nonlocal told
        told += 1
        if told >= _MANY and not args.quiet:
            print(f"s2sgrad: [{told}] {name}", file=sys.stderr)

    written = transpile(args.file, options, command_line(args.file, out, _again(args)), progress)
    for e in written.refused.values():
        print(f"{e}\n", file=sys.stderr)
    if written.refused:
        names = ", ".join(written.refused)
        print(f"s2sgrad: not differentiated: {names}", file=sys.stderr)
        if not args.keep_going:
            return 1
    return _deliver(written, args, out)


def _again(args: argparse.Namespace) -> list[str]:
    """The arguments that decide what is written, in one order."""
    found: list[str] = []
    if args.function:
        found += ["-f", *args.function]
    for flag in ("wrt", "what", "types"):
        if getattr(args, flag):
            found += [f"--{flag}", getattr(args, flag)]
    found += [f"--{f.replace('_', '-')}" for f in ("import_original", "append") if getattr(args, f)]
    return [*found, "--keep-going"] if args.keep_going else found


def _deliver(written: Written, args: argparse.Namespace, out: Path | None) -> int:
    if out is None:
        sys.stdout.write(written.text)
        return 0
    new = written.text.encode()
    if args.append:
        new = _appended(args.file.read_bytes(), written.text)
    old = out.read_bytes() if out.exists() else None
    if args.check:
        if old != new:
            print(f"s2sgrad: {out} is stale: run the command without --check", file=sys.stderr)
            return 1
        return 0
    if old != new:
        _replace(out, new)
    return 0


def _appended(own: bytes, text: str) -> bytes:
    """The user's text byte for byte, then ours, with the line ends that the file has."""
    mark = own.find(MARKER.encode())
    own = own if mark < 0 else own[:mark]
    end = b"\r\n" if b"\r\n" in own else b"\n"
    if mark < 0:
        own += (b"" if own.endswith(b"\n") or not own else end) + end + end
    return own + f"{MARKER}\n{text}".encode().replace(b"\n", end)


def _replace(out: Path, new: bytes) -> None:
    """All or nothing: a module that is half written would still be imported."""
    scratch = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        scratch.write_bytes(new)
        if out.exists():
            scratch.chmod(out.stat().st_mode)
        scratch.replace(out)
    finally:
        scratch.unlink(missing_ok=True)


# -- commands about one function


def _one(args: argparse.Namespace, what: str) -> tuple[Path, str, Written]:
    """The derivative of `FILE::NAME`. Raises what refuses it."""
    file, colons, name = args.where.rpartition("::")
    if not colons:
        raise S2SGradError(f"{args.where}: expected FILE::NAME")
    args.what = args.what or what
    written = transpile(Path(file), _options(args, [name]), "")
    for e in written.refused.values():
        raise e
    return Path(file), name, written


def _show(args: argparse.Namespace) -> int:
    _, _, written = _one(args, "value_and_grad")
    sys.stdout.write(written.body.lstrip("\n"))
    return 0


def _graph(args: argparse.Namespace) -> int:
    from s2sgrad.commands.graph import render
    from s2sgrad.commands.order import OrderGraph, order_graph
    from s2sgrad.graph import Graph

    _, name, written = _one(args, "jacobian" if args.order else "grad")
    graph: Graph | OrderGraph = Graph(written.units[0].stages, name)
    if args.order:
        graph = order_graph(written.units[0])
    if args.out is None:
        sys.stdout.write(graph.dot)
    else:
        render(graph, args.out)
    return 0


def _explain(args: argparse.Namespace) -> int:
    from s2sgrad.commands.explain import explain

    _, _, written = _one(args, "value_and_grad")
    sys.stdout.write("\n".join(explain(u) for u in written.units))
    return 0


def _check(args: argparse.Namespace) -> int:
    from s2sgrad.commands.check import arguments, compare, load_function

    file, name, written = _one(args, "grad")
    unit = written.units[0]
    print(f"running {file}, to call `{name}`", file=sys.stderr)
    primal, space = load_function(file, name)
    values = arguments(unit, args.args, space, args.seed)
    places = [list(unit.types).index(w) for w in unit.wrt]
    got, want = compare(written.text, unit.name, primal, values, places, args.seed)
    right = abs(got - want) <= args.rtol * max(1.0, abs(want))
    print(f"{unit.name}: {got:.10g}, by central differences {want:.10g}: ", end="")
    if math.isnan(want):
        print("the function is NaN at these arguments, which proves nothing: give others (--args)")
    else:
        print("they agree" if right else "THEY DIFFER")
    return 0 if right else 1


def _coverage(args: argparse.Namespace) -> int:
    from s2sgrad.commands.coverage import page, report

    sys.stdout.write(page() if args.page else report(args.modules, args.missing))
    return 0
