"""Names resolved without running the file: what is found, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from s2sgrad.errors import DifferentiationError, S2SGradError
from s2sgrad.front.annotations import UnknownType, of_text, parse_types
from s2sgrad.ir.types import FLOAT, INT, Array, Unknown
from s2sgrad.transpile import Options, Written, transpile

CANARY = "raise SystemExit('the file was run')\n"


def written(folder: Path, files: dict[str, str], **options: Any) -> Written:
    """`main.py` of `files` transpiled; each file ends Python if it is run."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CANARY + dedent(text), encoding="utf-8")
    main = next(n for n in files if n.endswith("main.py"))
    return transpile(folder / main, Options(**options), "s2sgrad transpile")


def gradient(folder: Path, files: dict[str, str], name: str = "f") -> Callable[..., Any]:
    """The gradient of `name` in the module that is emitted."""
    done = written(folder, files, functions=(name,), what=("grad",))
    for e in done.refused.values():
        raise e
    assert "s2sgrad" not in done.body
    space: dict[str, Any] = {}
    exec(done.text, space)
    made: Callable[..., Any] = space[f"{name}_grad"]
    return made


def refusal(folder: Path, files: dict[str, str], name: str = "f") -> str:
    done = written(folder, files, functions=(name,), what=("grad",))
    error = done.refused[name]
    assert isinstance(error, DifferentiationError)
    return str(error)


X = 0.7
FOUND: dict[str, tuple[dict[str, str], float]] = {
    "numpy under another name": (
        {"main.py": "import numpy as xp\ndef f(x):\n    return xp.sin(x) * xp.pi\n"},
        math.pi * math.cos(X),
    ),
    "a submodule": (
        {"main.py": "import numpy.linalg as la, numpy as np\n"
         "def f(x):\n    return la.norm(np.array([x, 2.0]))\n"},
        X / math.hypot(X, 2.0),
    ),
    "from imports": (
        {"main.py": "from numpy import exp as e\nfrom math import pi, sin\n"
         "def f(x):\n    return e(x) * pi + sin(x)\n"},
        math.exp(X) * math.pi + math.cos(X),
    ),
    "operator": (
        {"main.py": "import operator\nfrom operator import mul\n"
         "def f(x):\n    return operator.add(mul(x, x), x)\n"},
        2 * X + 1,
    ),
    "an import under try": (
        {"main.py": "try:\n    import numpy as np\nexcept ImportError:\n    np = None\n"
         "def f(x):\n    return np.cos(x)\n"},
        -math.sin(X),
    ),
    "TYPE_CHECKING": (
        {"main.py": "from typing import TYPE_CHECKING\nimport numpy as np\n"
         "if TYPE_CHECKING:\n    from numpy.typing import NDArray\n"
         "def f(x: 'NDArray | float') -> 'NDArray':\n    return np.sum(np.exp(x))\n"},
        math.exp(X),
    ),
    "constants of constants": (
        {"main.py": "import numpy as np\nA = 2.0\nB = -A ** 2 + np.log(3.0)\nN = 3\n"
         "def f(x):\n    s = 0.0\n    for _ in range(N):\n        s = s + B * x\n    return s\n"},
        3 * (-4.0 + math.log(3.0)),
    ),
    "an array constant": (
        {"main.py": "import numpy as np\nW = np.array([[1.0, 2.0], [3.0, 4.0]]).T\n"
         "def f(x):\n    return np.sum(W * x)\n"},
        10.0,
    ),
    "constants unpacked": (
        {"main.py": "A, B = 2.0, 5.0\nC = D = 3.0\ndef f(x):\n    return A * x * B + C * D * x\n"},
        19.0,
    ),
    "functions in a dict": (
        {"main.py": "import numpy as np\ndef square(z):\n    return z * z\n"
         "ACT = {'sin': np.sin, 'square': square}\n"
         "def f(x):\n    return ACT['sin'](x) + ACT['square'](x)\n"},
        math.cos(X) + 2 * X,
    ),
    "functions in a tuple": (
        {"main.py": "import numpy as np\nLAYERS = (np.sin, lambda z: z * z)\n"
         "def f(x):\n    return LAYERS[1](LAYERS[0](x))\n"},
        2 * math.sin(X) * math.cos(X),
    ),
    "a lambda and an alias": (
        {"main.py": "import numpy as np\nsq = lambda z, by=3.0: z * z * by\ng = sq\nh = np.exp\n"
         "def f(x):\n    return g(x) + h(x)\n"},
        6 * X + math.exp(X),
    ),
    "a default that is a constant": (
        {"main.py": "RATE = 0.25\ndef helper(z, by=RATE):\n    return z * z * by\n"
         "def f(x, scale=2.0 * RATE):\n    return helper(x) * scale\n"},
        2 * X * 0.25 * 0.5,
    ),
    "a parameter named like a constant of a helper": (
        {"main.py": "RATE = 0.5\ndef h(z):\n    return z * RATE\n"
         "def f(RATE):\n    return h(RATE) * RATE\n"},
        2 * X * 0.5,
    ),
    "a sibling file": (
        {"main.py": "import helpers\nfrom helpers import square as sq\n"
         "def f(x):\n    return helpers.cube(x) + sq(x) * helpers.RATE\n",
         "helpers.py": "RATE = 0.5\ndef square(z):\n    return z * z\n"
         "def cube(z):\n    return z * square(z)\n"},
        3 * X**2 + X,
    ),
    "a package": (
        {"pkg/main.py": "from . import consts\nfrom .sub.deep import twice\nfrom .sub import deep\n"
         "import pkg.consts\ndef f(x):\n"
         "    return twice(x) * consts.RATE + deep.twice(x) * pkg.consts.RATE\n",
         "pkg/__init__.py": "", "pkg/sub/__init__.py": "", "pkg/consts.py": "RATE = 0.25\n",
         "pkg/sub/deep.py": "from ..consts import RATE as R\n"
         "def twice(z):\n    return 2.0 * z * R\n"},
        2 * 2.0 * 0.25 * 0.25,
    ),
    "a name through two files": (
        {"main.py": "from middle import g\ndef f(x):\n    return g(x)\n",
         "middle.py": "from last import g\n", "last.py": "def g(z):\n    return z * z\n"},
        2 * X,
    ),
    "a star import from the project": (
        {"main.py": "from helpers import *\ndef f(x):\n    return square(x)\n",
         "helpers.py": "def square(z):\n    return z * z\n"},
        2 * X,
    ),
    "two files with one name": (
        {"main.py": "import a, b\ndef f(x):\n    return x * a.RATE + x * x * b.RATE\n",
         "a.py": "RATE = 0.5\n", "b.py": "RATE = 0.25\n"},
        0.5 + 2 * X * 0.25,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_found(case: str, tmp_path: Path) -> None:
    files, want = FOUND[case]
    assert gradient(tmp_path, files)(X) == pytest.approx(want, rel=1e-12)


# The text, and what stands in the refusal: its message, the way out, and the place.
REFUSED: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "bound twice": (
        {"main.py": "A = 1.0\nA = 2.0\ndef f(x):\n    return x * A\n"},
        ("`A` is bound 2 times", "main.py:5:16", "bound here", "#rebound"),
    ),
    "changed by +=": (
        {"main.py": "A = 1.0\nA += 2.0\ndef f(x):\n    return x * A\n"},
        ("`A` is bound 2 times", "#rebound"),
    ),
    "global": (
        {"main.py": "A = 1.0\ndef set_a(v):\n    global A\n    A = v\n"
         "def f(x):\n    return x * A\n"},
        ("`A` is bound 2 times", "#rebound"),
    ),
    "bound in an if": (
        {"main.py": "import sys\nif sys.argv:\n    A = 1.0\ndef f(x):\n    return x * A\n"},
        ("`A` cannot be copied", "under an `if`", "--import-original", "#global"),
    ),
    "a function bound twice": (
        {"main.py": "def g(x):\n    return x\ndef g(x):\n    return 2 * x\n"
         "def f(x):\n    return g(x)\n"},
        ("`g` is bound 2 times", "#rebound"),
    ),
    "written into": (
        {"main.py": "import numpy as np\nA = np.ones(3)\nA[0] = 2.0\n"
         "def f(x):\n    return np.sum(x * A)\n"},
        ("`A` is written into", "written here", "#rebound"),
    ),
    "written into through another name": (
        {"main.py": "import numpy as np\nA = np.ones(3)\nB = A.T\nB[0] = 2.0\n"
         "def f(x):\n    return np.sum(x * A)\n"},
        ("`A` is written into", "#rebound"),
    ),
    "written into by a function": (
        {"main.py": "import numpy as np\nA = np.ones(3)\ndef reset():\n    A[:] = 0.0\n"
         "def f(x):\n    return np.sum(x * A)\n"},
        ("`A` is written into", "#rebound"),
    ),
    "written into by a callee": (
        {"main.py": "import numpy as np\nA = np.ones(3)\ndef fill(a):\n    a[:] = 0.0\n"
         "def init():\n    fill(A)\ndef f(x):\n    return np.sum(x * A)\n"},
        ("`A` is written into", "#rebound"),
    ),
    "given to a call": (
        {"main.py": "import numpy as np\nA = np.ones(3)\nnp.fill_diagonal(A, 2.0)\n"
         "def f(x):\n    return np.sum(x * A)\n"},
        ("`A` is written into", "#rebound"),
    ),
    "a list that grows": (
        {"main.py": "A = [1.0, 2.0]\nA.append(3.0)\ndef f(x):\n    return x * A[0]\n"},
        ("`A` is written into", "#rebound"),
    ),
    "getattr": (
        {"main.py": "import numpy as np\ndef f(x):\n    return getattr(np, 'sin')(x)\n"},
        ("`getattr` finds names at run time", "main.py:4:12", "#dynamic"),
    ),
    "exec": (
        {"main.py": "import numpy as np\nA = 1.0\nexec('A = 2.0')\ndef f(x):\n    return x * A\n"},
        ("made at run time", "any name may be bound here", "#dynamic"),
    ),
    "globals": (
        {"main.py": "A = 1.0\nglobals()['A'] = 2.0\ndef f(x):\n    return x * A\n"},
        ("made at run time", "#dynamic"),
    ),
    "import star from outside": (
        {"main.py": "from scipy.special import *\ndef f(x):\n    return expit(x)\n"},
        ("may come from `from scipy.special import *`", "import it by name", "#star-import"),
    ),
    "a star after the binding": (
        {"main.py": "A = 1.0\nfrom somewhere import *\ndef f(x):\n    return x * A\n"},
        ("`A` may come from", "#star-import"),
    ),
    "another library": (
        {"main.py": "import torch\ndef f(x):\n    return torch.sin(x)\n"},
        ("`torch` is not read", "imported here", "#not-imported"),
    ),
    "above the root": (
        {"pkg/main.py": "from ...secret import A\ndef f(x):\n    return x * A\n",
         "pkg/__init__.py": "", "secret.py": "A = 1.0\n"},
        ("secret", "#not-imported"),
    ),
    "no literal": (
        {"main.py": "import os\nA = os.getpid()\ndef f(x):\n    return x * A\n"},
        ("#not-imported",),
    ),
    "a call of the user's": (
        {"main.py": "def made():\n    return 2.0\nA = made()\ndef f(x):\n    return x * A\n"},
        ("`A` cannot be copied", "--import-original", "#global"),
    ),
    "random numbers": (
        {"main.py": "import numpy as np\nA = np.random.randn(3)\n"
         "def f(x):\n    return np.sum(x * A)\n"},
        ("`A` cannot be copied", "#global"),
    ),
    "monkeypatching": (
        {"main.py": "import helpers\nhelpers.RATE = 2.0\ndef f(x):\n    return x * helpers.RATE\n",
         "helpers.py": "RATE = 0.5\n"},
        ("`helpers` is changed", "changed here", "#rebound"),
    ),
    "a decorated helper": (
        {"main.py": "def twice(g):\n    return lambda x: 2 * g(x)\n"
         "@twice\ndef h(x):\n    return x\ndef f(x):\n    return h(x)\n"},
        ("`h` is decorated with `@twice`", "decorated here", "#decorator"),
    ),
    "a class": (
        {"main.py": "class Rate:\n    value = 2.0\ndef f(x):\n    return x * Rate.value\n"},
        ("`Rate` cannot be copied", "it is a class", "#global"),
    ),
    "not defined": (
        {"main.py": "def f(x):\n    return x * missing\n"},
        ("`missing` is not defined", "main.py:3:16", "#name"),
    ),
    "defined by itself": (
        {"main.py": "A = B\nB = A\ndef f(x):\n    return x * A\n"},
        ("is defined by itself", "#name"),
    ),
    "a key that is not there": (
        {"main.py": "import numpy as np\nT = {'a': np.sin}\ndef f(x):\n    return T['b'](x)\n"},
        ("`T` has no key 'b'", "#name"),
    ),
    "several results": (
        {"main.py": "def f(x):\n    return x, 2 * x\n"}, ("returns several results", "#result"),
    ),
    "an array": (
        {"main.py": "import numpy as np\ndef f(x: 'Float[n]'):\n    return 2 * x\n"},
        ("returns a 1-dimensional array", "vjp", "#result"),
    ),
    "a generator": ({"main.py": "def f(x):\n    yield x\n"}, ("a generator", "#kind")),
    "a container": (
        {"main.py": "def f(p):\n    return p['w'] * 2.0\n"},
        ("`p` is used as a container", "main.py:3:12", "#argument"),
    ),
    "any number of arguments": (
        {"main.py": "def f(*xs):\n    return xs[0]\n"}, ("any number of values", "#argument"),
    ),
    "no parameters": (
        {"main.py": "def f():\n    return 1.0\n"}, ("no parameters", "#no-parameter"),
    ),
    "an int": (
        {"main.py": "def f(x: int):\n    return x * 2.0\n"}, ("`x` is int, not float", "#argument"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, tmp_path: Path) -> None:
    files, words = REFUSED[case]
    text = refusal(tmp_path, files)
    for word in words:
        assert word in text, text


def test_a_refusal_letter_by_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = refusal(tmp_path, {"main.py": "A = 1.0\nA = 2.0\ndef f(x):\n    return x * A\n"})
    assert text.splitlines() == [
        "s2sgrad cannot differentiate this: `A` is bound 2 times in its file: it is not certain "
        "what it is",
        "  main.py:5:16",
        "    2 | A = 1.0",
        "      |     --- bound here",
        "    3 | A = 2.0",
        "      |     --- bound here",
        "    5 |     return x * A",
        "      |                ^",
        "  way out: bind it once, or pass it as an argument      (docs/errors.md#rebound)",
    ]


def test_import_original(tmp_path: Path) -> None:
    files = {
        "main.py": "def made():\n    return 2.0\nA = made()\ndef f(x):\n    return x * x * A\n"
    }
    done = written(tmp_path, files, functions=("f",), what=("grad",), import_original=True)
    assert not done.refused
    assert "from main import A\n" in done.text
    files["main.py"] += "def g(A):\n    return A\n"  # a parameter of that name
    done = written(tmp_path, files, functions=("f",), what=("grad",), import_original=True)
    assert "from main import A as A_\n" in done.text
    assert "x * A_" in done.text


def test_a_file_that_does_not_parse(tmp_path: Path) -> None:
    with pytest.raises(DifferentiationError, match=r"does not parse(.|\n)*main.py:2"):
        written(tmp_path, {"main.py": "def f(x:\n"})


def test_a_function_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(S2SGradError, match="no top-level function `g`; it has f"):
        written(tmp_path, {"main.py": "def f(x):\n    return x\n"}, functions=("g",))


def test_types_as_text() -> None:
    assert of_text("float") == FLOAT
    assert of_text("Float[Array, 'n 3']") == Array("d", ("?n", 3))
    assert of_text("Float32[np.ndarray, 'n']") == Array("f", ("?n",))
    assert of_text("Float[]") == Array("d", ())
    loose = of_text("npt.NDArray[np.float64]")
    assert isinstance(loose, Unknown)
    assert loose.array
    assert loose.real
    assert isinstance(of_text("Float[... d]"), Unknown)
    assert parse_types("f(x: Float[n d], k: int); g(y: float)") == {
        "f": {"x": Array("d", ("?n", "?d")), "k": INT},
        "g": {"y": FLOAT},
    }


@pytest.mark.parametrize("text", ["Tensor", "Float[n", "{W}", "f", "f(x)", "f(x: float"])
def test_types_that_are_none(text: str) -> None:
    with pytest.raises(UnknownType):
        parse_types(text if text.startswith("f") else f"f(x: {text})")


def test_declared_extents_are_checked_and_may_be_one(tmp_path: Path) -> None:
    text = (
        "import numpy as np\n"
        "def f(w: 'Float[Array, \"d\"]', X: 'Float[Array, \"n d\"]', y: 'Float[Array, \"n\"]'):\n"
        "    return np.sum((X @ w - y) ** 2)\n"
    )
    run = gradient(tmp_path, {"main.py": text})
    rng = np.random.default_rng(0)
    for n, d in ((4, 3), (1, 1), (1, 3), (4, 1), (0, 2)):
        w, X, y = rng.standard_normal(d), rng.standard_normal((n, d)), rng.standard_normal(n)
        np.testing.assert_allclose(run(w, X, y), 2 * X.T @ (X @ w - y), rtol=1e-12)
    for wrong in ((np.ones(2), np.ones((4, 3)), np.ones(4)), (np.ones(3), np.ones((4, 3)), 1.0)):
        with pytest.raises(TypeError, match="`X`: float array \\[n d\\]"):
            run(*wrong)
