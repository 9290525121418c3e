"""The public transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypedDict, TypeVar, Unpack, overload

from s2sgrad.derivative import Derivative, Wrt
from s2sgrad.elimination.search import MODES, SEARCHED, Order
from s2sgrad.jacobians import Jacobian
from s2sgrad.pullbacks import Pullback

P = ParamSpec("P")
V = TypeVar("V")


class Options(TypedDict, total=False):
    """What every transform may be told: see `grad`."""

    has_aux: bool
    optimize: int
    jit: str | None


class JacobianOptions(Options, total=False):
    """What `jacobian` may be told."""

    order: Order


class _Grad(Protocol):
    """`@grad(wrt=...)`: what decorates."""

    def __call__(self, fun: Callable[P, Any], /) -> Derivative[P, Any]: ...


class _ValueAndGrad(Protocol):
    def __call__(self, fun: Callable[P, V], /) -> Derivative[P, tuple[V, Any]]: ...


class _Vjp(Protocol):
    def __call__(self, fun: Callable[..., V], /) -> Derivative[..., tuple[V, Any]]: ...


def _transform(
    fun: Callable[..., Any] | None,
    wrt: Wrt,
    what: str,
    has_aux: bool,
    optimize: int,
    jit: str | None,
    order: Order | None = None,
) -> Any:
    kind = {"pullback": Pullback, "jacobian": Jacobian, "hessian": Jacobian}.get(what, Derivative)

    def made(f: Callable[..., Any]) -> Any:
        derivative = kind(f, wrt, what, has_aux, optimize, jit)
        if isinstance(derivative, Jacobian) and order is not None:
            derivative.in_order(order)
        return derivative

    return made if fun is None else made(fun)


ORDERS = (*SEARCHED, *MODES)


def _order(order: Order) -> Order:
    if isinstance(order, str):
        if order not in ORDERS:
            raise ValueError(f"order is one of {', '.join(ORDERS)}, or vertices: not {order!r}")
        return order
    return tuple(tuple(s) if isinstance(s, list) else s for s in order)


@overload
def grad(fun: Callable[P, Any], wrt: Wrt = 0, **options: Unpack[Options]) -> Derivative[P, Any]: ...
@overload
def grad(fun: None = None, wrt: Wrt = 0, **options: Unpack[Options]) -> _Grad: ...
def grad(
    fun: Callable[..., Any] | None = None,
    wrt: Wrt = 0,
    *,
    has_aux: bool = False,
    optimize: int = 1,
    jit: str | None = None,
) -> Any:
    """The gradient of a scalar-valued function, of the structure, shape and dtype of `wrt`.

    `wrt` is a position, a name, or a tuple of them: then the gradient is a tuple.  It may be a
    number, an array, or a container of them; leaves that are no numbers get None.  With `has_aux`
    the function returns `(loss, aux)`, and the gradient function `(gradient, aux)`.  These options
    are those of all transforms: `optimize` is 0 (the program as it is, to compare with), 1, or 2,
    which may change the order in which the primal is summed; `jit` is None, others are to come.

    Raises `DifferentiationError`, with the place, for what cannot be differentiated, `TypeError`
    for a result that is no scalar.

    >>> from s2sgrad import grad
    >>> def cube(x):
    ...     return x * x * x
    >>> grad(cube)(2.0)
    12.0
    >>> def loss(p):
    ...     return p["w"] * p["w"] + p["b"]
    >>> grad(loss)({"w": 3.0, "b": 1.0, "name": "line"})
    {'w': 6.0, 'b': 1.0, 'name': None}
    """
    return _transform(fun, wrt, "grad", has_aux, optimize, jit)


@overload
def value_and_grad(
    fun: Callable[P, V], wrt: Wrt = 0, **options: Unpack[Options]
) -> Derivative[P, tuple[V, Any]]: ...
@overload
def value_and_grad(fun: None = None, wrt: Wrt = 0, **options: Unpack[Options]) -> _ValueAndGrad: ...
def value_and_grad(
    fun: Callable[..., Any] | None = None,
    wrt: Wrt = 0,
    *,
    has_aux: bool = False,
    optimize: int = 1,
    jit: str | None = None,
) -> Any:
    """The value and the gradient of a scalar-valued function.

    With `has_aux` the function returns `(loss, aux)`, and this `((loss, aux), gradient)`.

    >>> from s2sgrad import value_and_grad
    >>> def f(x, y):
    ...     return x * y + y
    >>> value_and_grad(f, wrt=("x", "y"))(2.0, 3.0)
    (9.0, (3.0, 3.0))
    """
    return _transform(fun, wrt, "value_and_grad", has_aux, optimize, jit)


@overload
def vjp(
    fun: Callable[..., V], wrt: Wrt = 0, **options: Unpack[Options]
) -> Derivative[..., tuple[V, Any]]: ...
@overload
def vjp(fun: None = None, wrt: Wrt = 0, **options: Unpack[Options]) -> _Vjp: ...
def vjp(
    fun: Callable[..., Any] | None = None,
    wrt: Wrt = 0,
    *,
    has_aux: bool = False,
    optimize: int = 1,
    jit: str | None = None,
) -> Any:
    """The value and the vector-Jacobian product: call with `out_bar=`, structured like the result.

    None in `out_bar` is zero.  For a real scalar it may be left out, and is 1.

    Raises `TypeError` where `out_bar` has not the structure or the shapes of the result.

    >>> import numpy as np
    >>> from s2sgrad import vjp
    >>> def f(x):
    ...     return x * x
    >>> vjp(f)(np.array([1.0, 2.0]), out_bar=np.array([1.0, 10.0]))
    (array([1., 4.]), array([ 2., 40.]))
    """
    return _transform(fun, wrt, "vjp", has_aux, optimize, jit)


@overload
def jvp(
    fun: Callable[..., V], wrt: Wrt = 0, **options: Unpack[Options]
) -> Derivative[..., tuple[V, Any]]: ...
@overload
def jvp(fun: None = None, wrt: Wrt = 0, **options: Unpack[Options]) -> _Vjp: ...
def jvp(
    fun: Callable[..., Any] | None = None,
    wrt: Wrt = 0,
    *,
    has_aux: bool = False,
    optimize: int = 1,
    jit: str | None = None,
) -> Any:
    """The value and its derivative in a direction: call with `tangents=`, structured like `wrt`.

    For a bare `wrt` one tangent in the structure, shape and kind of the argument, for a tuple a
    tuple of them; None is zero.  The second result has the structure of the first, None where that
    is no number.  With `has_aux` the function returns `(out, aux)`, and this
    `((out, aux), tangent of out)`.

    Raises `TypeError` where `tangents` has not the structure or the shapes of the arguments.

    >>> import numpy as np
    >>> from s2sgrad import jvp
    >>> def f(x):
    ...     return x * x
    >>> jvp(f)(np.array([1.0, 2.0]), tangents=np.array([1.0, 10.0]))
    (array([1., 4.]), array([ 2., 40.]))
    """
    return _transform(fun, wrt, "jvp", has_aux, optimize, jit)


@overload
def hvp(
    fun: Callable[..., Any], wrt: Wrt = 0, **options: Unpack[Options]
) -> Derivative[..., Any]: ...
@overload
def hvp(fun: None = None, wrt: Wrt = 0, **options: Unpack[Options]) -> _Vjp: ...
def hvp(
    fun: Callable[..., Any] | None = None,
    wrt: Wrt = 0,
    *,
    has_aux: bool = False,
    optimize: int = 1,
    jit: str | None = None,
) -> Any:
    """The Hessian of a scalar-valued function times a vector: call with `vector=`.

    `vector` is structured like `wrt` (see `jvp`), and so is the product.  It is the derivative of
    the gradient in the direction of `vector`, forward mode over reverse mode (Pearlmutter, "Fast
    exact multiplication by the Hessian", 1994): no Hessian is formed.  With `has_aux` the result is
    `(product, aux)`.

    >>> import numpy as np
    >>> from s2sgrad import hvp
    >>> def f(x):
    ...     return np.sum(x * x * x)
    >>> hvp(f)(np.array([1.0, 2.0]), vector=np.array([1.0, 10.0]))
    array([  6., 120.])
    """
    return _transform(fun, wrt, "hvp", has_aux, optimize, jit)


@overload
def jacobian(
    fun: Callable[P, Any], wrt: Wrt = 0, **options: Unpack[JacobianOptions]
) -> Derivative[P, Any]: ...
@overload
def jacobian(fun: None = None, wrt: Wrt = 0, **options: Unpack[JacobianOptions]) -> _Grad: ...
def jacobian(
    fun: Callable[..., Any] | None = None,
    wrt: Wrt = 0,
    *,
    has_aux: bool = False,
    optimize: int = 1,
    jit: str | None = None,
    order: Order = "auto",
) -> Any:
    """The matrix of partial derivatives, an array of the shape `out.shape + arg.shape`.

    Several results, or a tuple or container in `wrt`, give the structure of the results, and in
    each place that of the arguments; a number by a number gives a number.  With `has_aux` the
    function returns `(out, aux)`, this `(matrix, aux)`.

    Functions of a few numbers become straight code, for arguments of these shapes, in which the
    local derivatives are multiplied in the cheapest `order` that is found ("auto": vertex
    elimination, Griewank and Walther, Evaluating Derivatives, 2008, chapters 9 and 10; "edges":
    single edges too, Naumann, Mathematical Programming 99, 2004), in that of "forward", "reverse"
    or "markowitz", or in the given one: vertices, and edges as `("front", i, j)` or
    `("back", j, k)`, numbered as in `.cost["order"]`.  Of array programs the
    local derivatives are labelled einsum terms, multiplied in the cheapest order of vertices: zeros
    are not multiplied.  Others are made of columns by forward mode or of rows by reverse mode,
    whichever are fewer: for arguments of new shapes the function is run once to see how many
    results it has.

    Raises `TypeError` for complex arguments, `ValueError` for an order that is none.

    >>> import numpy as np
    >>> from s2sgrad import jacobian
    >>> jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _transform(fun, wrt, "jacobian", has_aux, optimize, jit, order=_order(order))


@overload
def hessian(
    fun: Callable[P, Any], wrt: Wrt = 0, **options: Unpack[Options]
) -> Derivative[P, Any]: ...
@overload
def hessian(fun: None = None, wrt: Wrt = 0, **options: Unpack[Options]) -> _Grad: ...
def hessian(
    fun: Callable[..., Any] | None = None,
    wrt: Wrt = 0,
    *,
    has_aux: bool = False,
    optimize: int = 1,
    jit: str | None = None,
) -> Any:
    """The second derivatives of a scalar-valued function, of the shape `arg.shape + arg.shape`.

    For a tuple in `wrt` a tuple of tuples: in row `i` and column `j` the derivative in argument `j`
    of the gradient in argument `i`.  A column is one `hvp`.  With `has_aux` the result is
    `(matrix, aux)`.  Raises `TypeError` for complex arguments.

    >>> import numpy as np
    >>> from s2sgrad import hessian
    >>> hessian(lambda x: x[0] * x[0] * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return _transform(fun, wrt, "hessian", has_aux, optimize, jit)


@overload
def elementwise_grad(
    fun: Callable[P, Any], wrt: Wrt = 0, **options: Unpack[Options]
) -> Derivative[P, Any]: ...
@overload
def elementwise_grad(fun: None = None, wrt: Wrt = 0, **options: Unpack[Options]) -> _Grad: ...
def elementwise_grad(
    fun: Callable[..., Any] | None = None,
    wrt: Wrt = 0,
    *,
    has_aux: bool = False,
    optimize: int = 1,
    jit: str | None = None,
) -> Any:
    """The derivative of each element of the result in its own element of the argument.

    With `has_aux` the function returns `(out, aux)`, this `(derivative, aux)`.

    Raises `DifferentiationError` where elements meet (a sum, a product of matrices, an index).

    >>> import numpy as np
    >>> from s2sgrad import elementwise_grad
    >>> elementwise_grad(lambda x: x * x)(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    return _transform(fun, wrt, "elementwise_grad", has_aux, optimize, jit)


@overload
def pullback(
    fun: Callable[..., V], wrt: Wrt = 0, **options: Unpack[Options]
) -> Derivative[..., tuple[V, Callable[[Any], Any]]]: ...
@overload
def pullback(fun: None = None, wrt: Wrt = 0, **options: Unpack[Options]) -> _Vjp: ...
def pullback(
    fun: Callable[..., Any] | None = None,
    wrt: Wrt = 0,
    *,
    has_aux: bool = False,
    optimize: int = 1,
    jit: str | None = None,
) -> Any:
    """`(value, back)`: `back(out_bar)` gives the cotangents, and may be called many times.

    The function runs once, and what `back` needs is kept; changing the arguments or the value
    later does no harm.  None in `out_bar` is zero.  With `has_aux` the function returns
    `(out, aux)`, this `((out, aux), back)`.

    `back` raises `TypeError` where `out_bar` has not the structure or the shapes of the result.

    >>> import numpy as np
    >>> from s2sgrad import pullback
    >>> value, back = pullback(lambda x: x * x)(np.array([1.0, 2.0]))
    >>> back(np.array([1.0, 0.0])), back(np.array([0.0, 1.0]))
    (array([2., 0.]), array([0., 4.]))
    """
    return _transform(fun, wrt, "pullback", has_aux, optimize, jit)
