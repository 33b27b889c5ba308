"""Masks as arrays: `keep_mask` makes one, and `apply_mask` applies one from any source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, SupportsIndex, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdrop import _core
from fastdrop._keys import as_index
from fastdrop.keys import RNGLike
from fastdrop.signatures import DType, Probabilities, Shape


@overload
def keep_mask(
    shape: SupportsIndex | Sequence[SupportsIndex],
    p: Probabilities = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    count: SupportsIndex | None = ...,
    min_keep: SupportsIndex | None = ...,
    axis: SupportsIndex = ...,
    offset: SupportsIndex = ...,
    origin: Sequence[SupportsIndex] | None = ...,
    full_shape: Sequence[SupportsIndex] | None = ...,
    packed: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[np.bool_]: ...


@overload
def keep_mask(
    shape: SupportsIndex | Sequence[SupportsIndex],
    p: Probabilities = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    count: SupportsIndex | None = ...,
    min_keep: SupportsIndex | None = ...,
    axis: SupportsIndex = ...,
    offset: SupportsIndex = ...,
    origin: Sequence[SupportsIndex] | None = ...,
    full_shape: Sequence[SupportsIndex] | None = ...,
    packed: Literal[True],
    num_threads: SupportsIndex | None = ...,
) -> NDArray[np.uint8]: ...


@overload
def keep_mask(
    shape: SupportsIndex | Sequence[SupportsIndex],
    p: Probabilities = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    count: SupportsIndex | None = ...,
    min_keep: SupportsIndex | None = ...,
    axis: SupportsIndex = ...,
    offset: SupportsIndex = ...,
    origin: Sequence[SupportsIndex] | None = ...,
    full_shape: Sequence[SupportsIndex] | None = ...,
    packed: bool,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any]: ...


def keep_mask(
    shape: SupportsIndex | Sequence[SupportsIndex],
    p: Probabilities = 0.5,
    *,
    rng: RNGLike = None,
    out: NDArray[Any] | None = None,
    count: SupportsIndex | None = None,
    min_keep: SupportsIndex | None = None,
    axis: SupportsIndex = -1,
    offset: SupportsIndex = 0,
    origin: Sequence[SupportsIndex] | None = None,
    full_shape: Sequence[SupportsIndex] | None = None,
    packed: bool = False,
    num_threads: SupportsIndex | None = None,
) -> NDArray[Any]:
    """Make the mask that `dropout` would use: True where an element is kept.

    Parameters
    ----------
    shape : int or sequence of int
        The mask's shape.
    p : float or array_like of float, optional
        Probability of an element to be dropped, in [0, 1]. An array must broadcast to `shape`:
        then the mask holds independent draws of Bernoulli distributions, True with probability
        1 - p.
    rng : optional
        Source of the key, as for `dropout`.
    out : ndarray, optional
        Array to write the mask into: of dtype bool and `shape`, in any layout. If `packed`,
        contiguous, of dtype uint8 and as long as the packed mask.
    count : int, optional
        Drop exactly so many elements along `axis`, all choices of them equally likely. p is not
        used.
    min_keep : int, optional
        Keep at least so many elements along `axis`: decide with p, and where too few are kept, keep
        some of those that were dropped, all choices of them equally likely. So more than 1 - p of
        the elements are kept on average, and elements along the axis are not independent.
    axis : int, optional
        Axis for `count` or `min_keep`, by default the last one.
    offset : int, optional
        Position of the first element in the mask's stream, 0 or more.
    origin, full_shape : sequence of int, optional
        Where the mask lies in that of a larger array, as for `dropout`.
    packed : bool, optional
        Return bits instead of bools, 8 decisions per byte.
    num_threads : int, optional
        Number of threads, 1 or more; by default `get_num_threads`, and one for a small mask.

    Returns
    -------
    ndarray
        The mask, of dtype bool, or `out`. If `packed`, a one-dimensional array of uint8, as from
        ``numpy.packbits(mask, bitorder="little")``: bit ``i & 7``, counted from the lowest, of byte
        ``i >> 3`` decides on element i in C order. The unused bits of the last byte are 0.

    Raises
    ------
    ValueError
        If p is outside [0, 1] or NaN, or does not broadcast to `shape`; if `shape`, `offset` or a
        seed is negative; if the mask does not lie inside `full_shape`; if `num_threads` is less
        than 1; if `count` or `min_keep` is negative or more than the length of the axis, or both
        are given, or `axis` is not an axis of the mask, or is given without them; if `out` has
        another shape, is read-only, or has elements that share memory.
    TypeError
        If `out` has another dtype, or `rng` or another argument is of the wrong type.

    Notes
    -----
    The mask depends only on the key, p and the position, as in `dropout`. The fastest way to a
    result and its mask is ``y, key = dropout(x, p, return_key=True)``, then
    ``keep_mask(x.shape, p, rng=key)``. The GIL is released; any thread may call.

    With `count` or `min_keep` each element has a rank, which depends only on the key and the
    position: `count` drops those of the smallest ranks, and `min_keep` keeps those of the largest.
    Nothing is drawn for a `count` of 0 or of the whole axis, or for a `min_keep` of the whole axis.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> fastdrop.keep_mask((2, 4), 0.5, rng=10)
    array([[ True, False,  True, False],
           [ True,  True, False, False]])
    >>> bits = fastdrop.keep_mask((2, 4), 0.5, rng=10, packed=True)
    >>> bits
    array([53], dtype=uint8)
    >>> np.unpackbits(bits, count=8, bitorder="little").reshape(2, 4)
    array([[1, 0, 1, 0],
           [1, 1, 0, 0]], dtype=uint8)

    Hide 3 of 4 patches in each row, as masked autoencoders do; keep at least one of 4 inputs, which
    changes the first row:

    >>> fastdrop.keep_mask((2, 4), count=3, rng=10)
    array([[False,  True, False, False],
           [False, False, False,  True]])
    >>> fastdrop.keep_mask((3, 4), 0.7, rng=4)
    array([[False, False, False, False],
           [False,  True, False, False],
           [ True, False, False, False]])
    >>> fastdrop.keep_mask((3, 4), 0.7, min_keep=1, rng=4)
    array([[ True, False, False, False],
           [False,  True, False, False],
           [ True, False, False, False]])
    """
    result: NDArray[Any] = _core.keep_mask(
        check_shape(shape),
        p,
        rng,
        out,
        count,
        min_keep,
        axis,
        offset,
        origin,
        full_shape,
        packed,
        num_threads,
    )
    return result


@overload
def apply_mask(
    x: np.ndarray[Shape, DType],
    mask: ArrayLike,
    p: Probabilities,
    *,
    inplace: bool = ...,
    out: NDArray[Any] | None = ...,
    packed: bool = ...,
    scale: bool = ...,
    fill: ArrayLike = ...,
    num_threads: SupportsIndex | None = ...,
) -> np.ndarray[Shape, DType]: ...


@overload
def apply_mask(
    x: ArrayLike,
    mask: ArrayLike,
    p: Probabilities,
    *,
    inplace: bool = ...,
    out: NDArray[Any] | None = ...,
    packed: bool = ...,
    scale: bool = ...,
    fill: ArrayLike = ...,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any]: ...


def apply_mask(
    x: ArrayLike,
    mask: ArrayLike,
    p: Probabilities,
    *,
    inplace: bool = False,
    out: NDArray[Any] | None = None,
    packed: bool = False,
    scale: bool = True,
    fill: ArrayLike = 0,
    num_threads: SupportsIndex | None = None,
) -> NDArray[Any]:
    """Zero the elements where a mask is False and scale the others by 1/(1-p).

    Parameters
    ----------
    x : array_like
        As for `dropout`. If nothing is scaled, because of ``scale=False`` or p = 0, any numeric
        dtype.
    mask : array_like
        Of dtype bool, True for kept elements, with a shape that broadcasts to x's. With
        ``packed=True``, (x.size + 7) // 8 bytes in a one-dimensional array of uint8, as from
        `keep_mask`.
    p : float or array_like of float
        Drop probability of the mask, in [0, 1], which determines the scale 1/(1-p). With 0 nothing
        is scaled. With 1 elements are dropped whatever the mask, unless ``scale=False``. An array
        must broadcast to x's shape, and gives each element its own scale.
    inplace : bool, optional
        Write into x, and return it.
    out : ndarray, optional
        Array of x's shape and dtype to write into. It may be x or overlap it.
    packed : bool, optional
        Whether `mask` holds bits.
    scale : bool, optional
        If false, kept elements are unchanged, whatever p.
    fill : array_like, optional
        What a dropped element becomes, as for `dropout`.
    num_threads : int, optional
        Number of threads, 1 or more; by default `get_num_threads`, and one for a small x.

    Returns
    -------
    ndarray
        x, `out`, or a new array, with the values that `dropout` gives for the same decisions.

    Raises
    ------
    ValueError
        If the shapes of `mask` and x do not fit; and as for `dropout`.
    TypeError
        If `mask` is neither of bool nor, packed, of uint8; and as for `dropout`.

    Notes
    -----
    The mask is copied, as bits, before anything is written, so it may overlap x or `out`. The
    gradient of a loss is passed back by the same call on it. The GIL is released while the elements
    are computed.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> x = np.arange(1.0, 9.0).reshape(2, 4)
    >>> mask = fastdrop.keep_mask(x.shape, 0.5, rng=10)
    >>> fastdrop.apply_mask(x, mask, 0.5)
    array([[ 2.,  0.,  6.,  0.],
           [10., 12.,  0.,  0.]])
    >>> np.array_equal(fastdrop.apply_mask(x, mask, 0.5), fastdrop.dropout(x, 0.5, rng=10))
    True
    >>> fastdrop.apply_mask(np.arange(8).reshape(2, 4), [[True], [False]], p=0, fill=-1)
    array([[ 0,  1,  2,  3],
           [-1, -1, -1, -1]])
    """
    result: NDArray[Any] = _core.apply_mask(
        x, mask, p, inplace, out, packed, scale, fill, num_threads
    )
    return result


def check_shape(shape: SupportsIndex | Sequence[SupportsIndex]) -> tuple[int, ...]:
    """Return the shape of a mask as a tuple of ints; reject anything else."""
    try:
        entries = shape if np.iterable(shape) else (shape,)
        # A list: CPython 3.13 ends a generator without an error, if there is no memory for that.
        result = tuple([as_index(n, "shape") for n in entries])
    except TypeError:
        raise TypeError(f"shape must be an int or a sequence of ints, but got {shape!r}") from None
    if min(result, default=0) < 0:
        raise ValueError(f"shape must have no negative entries, but got {shape!r}")
    if max((math.prod(result), *result)) >= 2**63:  # one may be 0
        raise ValueError(f"shape must have less than 2**63 elements, but got {shape!r}")
    return result
