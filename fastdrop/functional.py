"""The functions, as the user calls them."""

from __future__ import annotations

from typing import Any, Literal, overload

from numpy.typing import ArrayLike, NDArray

from fastdrop import _frontdoor
from fastdrop.keys import Key, KeySource


@overload
def dropout(
    x: ArrayLike,
    p: float = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    offset: int = ...,
    return_key: Literal[False] = ...,
    num_threads: int | None = ...,
) -> NDArray[Any]: ...


@overload
def dropout(
    x: ArrayLike,
    p: float = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    offset: int = ...,
    return_key: Literal[True],
    num_threads: int | None = ...,
) -> tuple[NDArray[Any], Key | None]: ...


def dropout(
    x: ArrayLike,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    rng: KeySource = None,
    out: NDArray[Any] | None = None,
    offset: int = 0,
    return_key: bool = False,
    num_threads: int | None = None,
) -> NDArray[Any] | tuple[NDArray[Any], Key | None]:
    """Zero each element with probability p and scale the others by 1/(1-p).

    The mask depends on the key, p and the element's position in C order alone: not on the number
    of threads, the CPU, the dtype, the memory layout, or whether x is changed in place. It is
    never stored.

    Parameters
    ----------
    x : array_like
        Of any shape, float32 or float64 where elements are to be dropped at random. What is not
        an ndarray is converted as by `numpy.asarray`.
    p : float, optional
        Probability of an element to be dropped, in [0, 1]. It is met exactly, to 2**-80.
    training : bool, optional
        If false, x itself is returned (its values in `out`, if given) and nothing is drawn; so
        too for p = 0.
    inplace : bool, optional
        Write into x, and return it.
    rng : None, int, SeedSequence, BitGenerator, Generator or Key, optional
        Where the call's key comes from. An int, a `SeedSequence` and a `Key` always give the same
        mask. A `Generator` or a `BitGenerator` is advanced by two 64-bit draws in a call that
        decides by chance, and not at all in one that does not (evaluation, p = 0, p = 1, an empty
        x). None takes the next key of the process's own stream; see `manual_seed`.
    out : ndarray, optional
        Array of x's shape and dtype to write into. It may be x or overlap it.
    offset : int, optional
        Position of x's first element in the mask's stream, 0 or more. Pieces of an array that are
        dropped each with its own offset equal the whole dropped at once.
    return_key : bool, optional
        Return the pair of the result and the call's key. The same call with ``rng=key`` has the
        same mask.
    num_threads : int, optional
        Threads to work on, 1 or more; by default `get_num_threads`, and one for a small x.

    Returns
    -------
    y : ndarray
        x, `out`, or a fresh array of x's shape, dtype and layout (as `numpy.empty_like` makes).
        A dropped element is +0, also where x is NaN or infinite. A kept one is ``x * s`` with
        ``s = 1 / (1 - p)`` computed in double precision and rounded once to x's dtype.
    key : Key or None
        Only with ``return_key=True``; None if nothing was drawn.

    Raises
    ------
    ValueError
        If p is outside [0, 1] or NaN; if `out` has another shape or comes with ``inplace=True``; if
        the array to write into is read-only or has elements that share memory; if `offset` is
        negative or `num_threads` less than 1.
    TypeError
        If x's dtype cannot be dropped; if `out` has another dtype or is no ndarray; if
        ``inplace=True`` and x is no ndarray; if `rng` is of another type.

    Notes
    -----
    In every error nothing has been written and no generator advanced. The GIL is released while
    the elements are worked on; any thread may call.

    The operation is that of Hinton et al. (2012), arXiv:1207.0580, in the scaling of
    `torch.nn.functional.dropout`. The mask is defined in ``docs/mask-format.md``.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> x = np.arange(1.0, 10.0).reshape(3, 3)
    >>> fastdrop.dropout(x, 0.5, rng=1)
    array([[ 2.,  4.,  6.],
           [ 8., 10.,  0.],
           [14.,  0.,  0.]])

    The gradient of a loss passes where the mask was kept, with the same scale:

    >>> y, key = fastdrop.dropout(x, 0.5, return_key=True)
    >>> gradient = fastdrop.dropout(np.ones_like(x), 0.5, rng=key)
    >>> np.array_equal(gradient, y / x)
    True
    """
    return _frontdoor.dropout(x, p, training, inplace, rng, out, offset, return_key, num_threads)
