"""`dropout`, and beside it the other functions, as in `torch.nn.functional`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdrop import _core
from fastdrop.alpha import alpha_dropout, feature_alpha_dropout, feature_noise
from fastdrop.channels import dropout1d, dropout2d, dropout3d
from fastdrop.keys import Key, RNGLike
from fastdrop.signatures import (
    DropoutOptions,
    DType,
    NoiseShape,
    Probabilities,
    Probability,
    Result,
    Shape,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "DType",
    "NoiseShape",
    "Probabilities",
    "Probability",
    "Shape",
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
    "feature_noise",
]


@overload
def dropout(
    x: np.ndarray[Shape, DType],
    p: Probabilities = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[False] = ...,
    **options: Unpack[DropoutOptions],
) -> np.ndarray[Shape, DType]: ...
@overload
def dropout(
    x: ArrayLike,
    p: Probabilities = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[False] = ...,
    **options: Unpack[DropoutOptions],
) -> NDArray[Any]: ...
@overload
def dropout(
    x: np.ndarray[Shape, DType],
    p: Probabilities = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[True],
    **options: Unpack[DropoutOptions],
) -> tuple[np.ndarray[Shape, DType], Key | None]: ...
@overload
def dropout(
    x: ArrayLike,
    p: Probabilities = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[True],
    **options: Unpack[DropoutOptions],
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def dropout(
    x: ArrayLike,
    p: Probabilities = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: bool,
    **options: Unpack[DropoutOptions],
) -> Result: ...
def dropout(
    x: ArrayLike,
    p: Probabilities = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    rng: RNGLike = None,
    out: NDArray[Any] | None = None,
    noise_shape: NoiseShape | None = None,
    scale: bool = True,
    fill: ArrayLike = 0,
    offset: SupportsIndex = 0,
    origin: Sequence[SupportsIndex] | None = None,
    full_shape: Sequence[SupportsIndex] | None = None,
    return_key: bool = False,
    num_threads: SupportsIndex | None = None,
) -> Result:
    """Zero each element with probability p and scale the others by 1/(1-p).

    The mask depends only on the key, p and the position of each element in C order. It does not
    depend on the number of threads, the CPU, the dtype, the memory layout or `inplace`, and it is
    not stored.

    Parameters
    ----------
    x : array_like
        Of any shape. The dtype is float16, bfloat16 (of the package ml_dtypes), float32, float64,
        complex64 or complex128, or, with ``scale=False``, any numeric dtype of fixed size,
        including bool and integers. Lists, DataFrames, tensors and the like are converted as by
        `numpy.asarray`.
    p : float or array_like of float, optional
        Probability of an element to be dropped, in [0, 1]. It is met exactly, to 2**-80. An array
        has a probability for each element, or for each feature, channel and so on: it must
        broadcast to x's shape or, with `noise_shape`, to that. The labels of a Series or DataFrame
        are not used.
    training : bool, optional
        If false, nothing is drawn, and x itself is returned (or `out` with x's values). The same
        holds for p = 0.
    inplace : bool, optional
        Write into x, and return it.
    rng : None, int, sequence of int, SeedSequence, Key or random generator, optional
        Source of the call's key. A seed (an int, a list, tuple or integer array of them, or a
        `SeedSequence`) and a `Key` always give the same mask. A random generator is advanced by two
        64-bit draws in each call that decides by chance, by none otherwise (evaluation, p = 0,
        p = 1, an empty x). It is a `Generator`, `BitGenerator` or `RandomState` of NumPy, or any
        object that has the `capsule` and the `lock` of a bit generator, or whose `bit_generator`
        has them. None takes the next key of the process's own stream; see `manual_seed`.
    out : ndarray, optional
        Array of x's shape and dtype to write into. It may be x or overlap it.
    noise_shape : sequence of int or None, optional
        Shape of the mask, by default x's: for each axis of x its length, None for that length, or
        1. All elements along an axis of 1 share a decision.
    scale : bool, optional
        If false, kept elements are unchanged, in any numeric dtype.
    fill : array_like, optional
        What a dropped element becomes, by default 0: a number that x's dtype can hold, such as NaN
        for a missing value, or an array that broadcasts to x's shape, such as a color for images
        whose last axis is the channels.
    offset : int, optional
        Position of x's first element in the mask's stream, 0 or more; with `noise_shape`, of the
        first decision. It counts elements in C order: if an array is cut into pieces that are
        contiguous in that order, such as blocks of rows, the results of the pieces with their
        offsets equal the result of the whole array.
    origin, full_shape : sequence of int, optional
        x is the block of a larger array of shape `full_shape` that begins at the index `origin`:
        the result equals that block of the whole array's result. So the pieces of any array, cut
        along any axes, can be dropped apart. Pass the same seed or `Key` for all of them: with None
        or a generator each call has another key. `noise_shape`, p and `fill` are those of the
        block. Along an axis of 1 in `noise_shape` all blocks share their decisions; for the other
        axes write None, because the length of a block may be 1. `offset` is that of the whole.
    return_key : bool, optional
        Return a pair of the result and the call's key. The same call with ``rng=key`` has the
        same mask.
    num_threads : int, optional
        Number of threads, 1 or more; by default `get_num_threads`, and one for a small x.

    Returns
    -------
    y : ndarray
        x, `out`, or a new array of x's shape, dtype and layout (as `numpy.empty_like` makes).
        A dropped element is +0, even if x is NaN or infinite, or `fill`. A kept element is
        ``x * s`` with ``s = 1 / (1 - p)``, of its own p, computed in double precision and rounded
        once to x's dtype (for complex x, to the dtype of its parts). For float16 and bfloat16 s is
        a float32, and the product is computed in float32 and rounded once.
    key : Key or None
        Only with ``return_key=True``; None if nothing was drawn.

    Raises
    ------
    ValueError
        If p is outside [0, 1] or NaN; if `out` has another shape or comes with ``inplace=True``; if
        the array to write into is read-only or has elements that share memory; if `noise_shape`
        does not fit x; if p or `fill` do not broadcast; if x's dtype cannot hold `fill`, such as
        NaN in an integer; if the block of `origin` does not lie inside `full_shape`, or only one of
        the two is given; if a seed is negative or an empty sequence; if `offset` is negative or
        `num_threads` less than 1.
    TypeError
        If x is not numeric or cannot be scaled; if x or `out` is a masked array, whose mask would
        be lost; if x is sparse, lazy or chunked, like arrays of Dask, Zarr, HDF5 and xarray; if
        `out` has another dtype or is not an ndarray; if ``inplace=True`` and x is not an ndarray;
        if `rng` or another argument has the wrong type, such as a bool for p or an int for a flag.

    Notes
    -----
    A call that raises has written nothing and advanced no generator. The GIL is released while the
    elements are computed; any thread may call.

    The operation is that of Hinton et al. (2012), arXiv:1207.0580, scaled as in
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

    Drop whole rows, or pixels of an image whose other pixels are unchanged:

    >>> fastdrop.dropout(x, 0.5, rng=10, noise_shape=(3, 1))
    array([[ 2.,  4.,  6.],
           [ 0.,  0.,  0.],
           [14., 16., 18.]])
    >>> fastdrop.dropout(x, [0, 0.5, 1], rng=1, fill=np.nan)  # a probability per column
    array([[ 1.,  4., nan],
           [ 4., 10., nan],
           [ 7., nan, nan]])
    >>> image = np.full((2, 4, 3), 200, np.uint8)
    >>> fastdrop.dropout(image, 0.5, rng=3, noise_shape=(None, None, 1), scale=False)[:, :, 0]
    array([[200, 200, 200,   0],
           [  0,   0, 200, 200]], dtype=uint8)

    A block of a larger array, here its last column, as of the whole array:

    >>> fastdrop.dropout(x[:, 2:], 0.5, rng=1, origin=(0, 2), full_shape=(3, 3))
    array([[6.],
           [0.],
           [0.]])
    """
    return _core.dropout(
        x,
        p,
        training,
        inplace,
        rng,
        out,
        noise_shape,
        scale,
        fill,
        None,
        None,
        -1,
        offset,
        origin,
        full_shape,
        return_key,
        num_threads,
    )
