"""`dropout` and `keep_mask` of Dask arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, overload

import dask.array as da

from fastdrop import masks
from fastdrop._keys import as_index
from fastdrop.dask.blocks import Numbers, Options, Result, check_not_written, drop
from fastdrop.keys import Key, RNGLike
from fastdrop.masks import check_shape
from fastdrop.signatures import NoiseShape

if TYPE_CHECKING:
    from typing_extensions import Unpack


class DropoutOptions(Options, total=False):
    """Those of `dropout`."""

    noise_shape: NoiseShape | None


@overload
def dropout(
    x: da.Array,
    p: Numbers = ...,
    training: bool = ...,
    inplace: Literal[False] = ...,
    *,
    return_key: Literal[False] = ...,
    **options: Unpack[DropoutOptions],
) -> da.Array: ...
@overload
def dropout(
    x: da.Array,
    p: Numbers = ...,
    training: bool = ...,
    inplace: Literal[False] = ...,
    *,
    return_key: Literal[True],
    **options: Unpack[DropoutOptions],
) -> tuple[da.Array, Key | None]: ...
@overload
def dropout(
    x: da.Array,
    p: Numbers = ...,
    training: bool = ...,
    inplace: Literal[False] = ...,
    *,
    return_key: bool,
    **options: Unpack[DropoutOptions],
) -> Result: ...
def dropout(
    x: da.Array,
    p: Numbers = 0.5,
    training: bool = True,
    inplace: Literal[False] = False,
    *,
    rng: RNGLike = None,
    out: None = None,
    noise_shape: NoiseShape | None = None,
    scale: bool = True,
    fill: Numbers = 0,
    offset: SupportsIndex = 0,
    origin: Sequence[SupportsIndex] | None = None,
    full_shape: Sequence[SupportsIndex] | None = None,
    return_key: bool = False,
    num_threads: SupportsIndex | None = 1,
) -> Result:
    """Zero each element of a Dask array with probability p and scale the others by 1/(1-p).

    Nothing is computed yet. Whatever the chunks, the blocks of the result have the bytes that
    `fastdrop.dropout` gives for the whole array with the same key.

    Parameters
    ----------
    x : dask.array.Array
        Of any shape. Its blocks are NumPy arrays of known sizes, of a dtype as for
        `fastdrop.dropout`.
    p : float, array_like of float or dask.array.Array, optional
        Probability of an element to be dropped, as for `fastdrop.dropout`. A Dask array is
        rechunked as x is.
    training : bool, optional
        If false, x itself is returned. The same holds for p = 0.
    inplace, out : optional
        False and None only: a Dask array cannot be written into.
    rng : None, int, sequence of int, SeedSequence, Key or random generator, optional
        Source of the key, as for `fastdrop.dropout`. The key is taken when this function is called,
        and becomes a part of the graph. So the result has the same mask each time that it, or a
        block of it, is computed. With a p that is a Dask array a key is always taken.
    noise_shape, scale, offset, origin, full_shape
        As for `fastdrop.dropout` on the whole of x.
    fill : array_like or dask.array.Array, optional
        What a dropped element becomes, as for `fastdrop.dropout`. A Dask array is rechunked as x
        is.
    return_key : bool, optional
        Return a pair of the result and the call's key.
    num_threads : int or None, optional
        Number of threads for each block. It is 1 by default, because Dask computes several blocks
        at a time. None stands for fastdrop's own default where the block is computed.

    Returns
    -------
    y : dask.array.Array
        x, or an array of x's shape, dtype and chunks. Its name depends on the name of x, the key
        and the other arguments alone, so Dask computes equal calls once.
    key : Key or None
        Only with ``return_key=True``; None if nothing will be drawn.

    Raises
    ------
    ValueError
        If x, or a p or a fill that is a Dask array, has chunks of unknown sizes; and as for
        `fastdrop.dropout`.
    TypeError
        If x is not a Dask array; if blocks are not NumPy arrays, but masked, sparse or on a GPU;
        with ``inplace=True`` or an `out`; and as for `fastdrop.dropout`.

    Notes
    -----
    A call that raises has advanced no generator. All errors are raised here, except those by the
    elements of a p or a fill that is a Dask array, which are raised when a block is computed.

    See Also
    --------
    fastdrop.dropout : The same for arrays in memory.

    Examples
    --------
    >>> import dask.array as da, numpy as np, fastdrop.dask
    >>> x = da.arange(1.0, 10.0, chunks=3).reshape(3, 3)
    >>> y, key = fastdrop.dask.dropout(x, 0.5, rng=1, return_key=True)
    >>> y.compute()
    array([[ 2.,  4.,  6.],
           [ 8., 10.,  0.],
           [14.,  0.,  0.]])
    >>> np.array_equal(y.compute(), fastdrop.dropout(x.compute(), 0.5, rng=key))
    True
    """
    check_not_written(inplace, out)
    return drop(
        "dropout",
        x,
        p,
        training,
        fill,
        return_key,
        rng=rng,
        origin=origin,
        full_shape=full_shape,
        noise_shape=noise_shape,
        scale=scale,
        offset=offset,
        num_threads=num_threads,
    )


def keep_mask(
    shape: SupportsIndex | Sequence[SupportsIndex],
    p: Numbers = 0.5,
    *,
    chunks: Any = "auto",
    rng: RNGLike = None,
    count: SupportsIndex | None = None,
    min_keep: SupportsIndex | None = None,
    axis: SupportsIndex = -1,
    offset: SupportsIndex = 0,
    origin: Sequence[SupportsIndex] | None = None,
    full_shape: Sequence[SupportsIndex] | None = None,
    num_threads: SupportsIndex | None = 1,
) -> da.Array:
    """Make the mask that `dropout` would use, as a Dask array: True where an element is kept.

    Parameters
    ----------
    shape : int or sequence of int
        The mask's shape.
    p : float, array_like of float or dask.array.Array, optional
        Probability of an element to be dropped, as for `fastdrop.keep_mask`.
    chunks : int, tuple, str or dict, optional
        How to cut the mask, as for `dask.array.ones`: ``x.chunks`` to cut it as x. It changes no
        element.
    rng, num_threads
        As for `dropout`.
    count, min_keep, axis, offset, origin, full_shape
        As for `fastdrop.keep_mask` on the whole mask.

    Returns
    -------
    dask.array.Array
        The mask, of dtype bool.

    Raises
    ------
    ValueError
        As for `fastdrop.keep_mask` and `dropout`.
    TypeError
        As for `fastdrop.keep_mask` and `dropout`.

    Notes
    -----
    There is no `packed`, because blocks may end within a byte.

    Examples
    --------
    >>> import fastdrop.dask
    >>> mask = fastdrop.dask.keep_mask((2, 4), 0.5, chunks=(1, 3), rng=10)
    >>> mask.compute()
    array([[ True, False,  True, False],
           [ True,  True, False, False]])
    """
    kept = da.ones(check_shape(shape), dtype=bool, chunks=chunks)
    if count is None and min_keep is None:
        masks.keep_mask((), 0, axis=axis)  # rejects an axis along which nothing is counted
    y: da.Array = drop(
        "keep_mask",
        kept,
        p,
        True,
        False,
        False,
        rng=rng,
        origin=origin,
        full_shape=full_shape,
        count=count,
        min_keep=min_keep,
        axis=as_index(axis, "axis"),
        scale=False,
        offset=offset,
        num_threads=num_threads,
    )
    return y
