"""What an emitted function costs, counted in its text."""

from __future__ import annotations

import ast


def cost(source: str) -> dict[str, int]:
    """Operations, calls, tapes and copies: each place counts once, however often it runs."""
    nodes = list(ast.walk(ast.parse(source)))
    calls = [n for n in nodes if isinstance(n, ast.Call)]
    methods = [n.func.attr for n in calls if isinstance(n.func, ast.Attribute)]
    binary = [n for n in nodes if isinstance(n, ast.BinOp | ast.AugAssign)]
    return {
        "operations": len(binary),
        "multiplications": sum(isinstance(n.op, ast.Mult | ast.MatMult) for n in binary),
        "additions": sum(isinstance(n.op, ast.Add | ast.Sub) for n in binary),
        "calls": len(calls),
        "loops": sum(isinstance(n, ast.For | ast.While) for n in nodes),
        "taped": methods.count("append"),
        "copies": methods.count("copy") + methods.count("array"),
    }
