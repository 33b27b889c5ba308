"""Dropout of whole channels: `dropout1d`, `dropout2d` and `dropout3d`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdrop import _core
from fastdrop.keys import Key, RNGLike
from fastdrop.signatures import ChannelOptions, DType, Probabilities, Result, Shape, typed_like

if TYPE_CHECKING:
    from typing_extensions import Unpack


@overload
def dropout1d(
    x: np.ndarray[Shape, DType],
    p: Probabilities = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[False] = ...,
    **options: Unpack[ChannelOptions],
) -> np.ndarray[Shape, DType]: ...
@overload
def dropout1d(
    x: ArrayLike,
    p: Probabilities = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[False] = ...,
    **options: Unpack[ChannelOptions],
) -> NDArray[Any]: ...
@overload
def dropout1d(
    x: np.ndarray[Shape, DType],
    p: Probabilities = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[True],
    **options: Unpack[ChannelOptions],
) -> tuple[np.ndarray[Shape, DType], Key | None]: ...
@overload
def dropout1d(
    x: ArrayLike,
    p: Probabilities = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[True],
    **options: Unpack[ChannelOptions],
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def dropout1d(
    x: ArrayLike,
    p: Probabilities = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: bool,
    **options: Unpack[ChannelOptions],
) -> Result: ...
def dropout1d(
    x: ArrayLike,
    p: Probabilities = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    rng: RNGLike = None,
    out: NDArray[Any] | None = None,
    scale: bool = True,
    fill: ArrayLike = 0,
    count: SupportsIndex | None = None,
    min_keep: SupportsIndex | None = None,
    offset: SupportsIndex = 0,
    origin: Sequence[SupportsIndex] | None = None,
    full_shape: Sequence[SupportsIndex] | None = None,
    return_key: bool = False,
    num_threads: SupportsIndex | None = None,
) -> Result:
    """Zero whole channels of sequences with probability p and scale the others by 1/(1-p).

    Parameters
    ----------
    x : array_like
        Of shape (N, C, L) or (C, L), and a dtype as for `dropout`. Each channel, of
        shape (L,), is dropped or kept as a whole.
    p, training, inplace, rng, out, scale, fill, origin, full_shape, return_key, num_threads
        As for `dropout`. An array p must broadcast to the mask, which has the length 1 in the axes
        that belong to a channel.
    count : int, optional
        Drop exactly so many of the C channels of each sample, all choices of them equally likely.
        p is not used, and the scale is C/(C - count). With `full_shape`, C is its number.
    min_keep : int, optional
        Keep at least so many channels of each sample: decide with p, and where too few are kept,
        keep some of those that were dropped, all choices of them equally likely. The scale stays
        1/(1-p), so the mean is too large.
    offset : int, optional
        Position of the first channel's decision in the mask's stream, 0 or more.

    Returns
    -------
    y : ndarray
        As from `dropout`.
    key : Key or None
        Only with ``return_key=True``.

    Raises
    ------
    ValueError
        If x has another number of axes; if `count` or `min_keep` is negative or more than C, or
        both are given; and as for `dropout`.
    TypeError
        As for `dropout`.

    Notes
    -----
    The same as `dropout` with a `noise_shape` that is 1 in the last axis. The operation
    is that of Tompson et al. (2015), arXiv:1411.4280, and `torch.nn.functional.dropout1d`.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> fastdrop.dropout1d(np.ones((3, 4)), 0.5, rng=10)
    array([[2., 2., 2., 2.],
           [0., 0., 0., 0.],
           [2., 2., 2., 2.]])
    """
    x = _core.as_array(x, inplace)
    shape, axis = channel_noise(x, "dropout1d", "L")
    return _core.dropout(
        x,
        p,
        training,
        inplace,
        rng,
        out,
        shape,
        scale,
        fill,
        count,
        min_keep,
        axis,
        offset,
        origin,
        full_shape,
        return_key,
        num_threads,
    )


@typed_like(dropout1d)
def dropout2d(
    x: ArrayLike,
    p: Probabilities = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    rng: RNGLike = None,
    out: NDArray[Any] | None = None,
    scale: bool = True,
    fill: ArrayLike = 0,
    count: SupportsIndex | None = None,
    min_keep: SupportsIndex | None = None,
    offset: SupportsIndex = 0,
    origin: Sequence[SupportsIndex] | None = None,
    full_shape: Sequence[SupportsIndex] | None = None,
    return_key: bool = False,
    num_threads: SupportsIndex | None = None,
) -> Result:
    """Zero whole channels of images with probability p and scale the others by 1/(1-p).

    Parameters
    ----------
    x : array_like
        Of shape (N, C, H, W) or (C, H, W), and a dtype as for `dropout`. Each channel, of
        shape (H, W), is dropped or kept as a whole.
    p, training, inplace, rng, out, scale, fill, origin, full_shape, return_key, num_threads
        As for `dropout`. An array p must broadcast to the mask, which has the length 1 in the axes
        that belong to a channel.
    count : int, optional
        Drop exactly so many of the C channels of each sample, all choices of them equally likely.
        p is not used, and the scale is C/(C - count). With `full_shape`, C is its number.
    min_keep : int, optional
        Keep at least so many channels of each sample: decide with p, and where too few are kept,
        keep some of those that were dropped, all choices of them equally likely. The scale stays
        1/(1-p), so the mean is too large.
    offset : int, optional
        Position of the first channel's decision in the mask's stream, 0 or more.

    Returns
    -------
    y : ndarray
        As from `dropout`.
    key : Key or None
        Only with ``return_key=True``.

    Raises
    ------
    ValueError
        If x has another number of axes; if `count` or `min_keep` is negative or more than C, or
        both are given; and as for `dropout`.
    TypeError
        As for `dropout`.

    Notes
    -----
    The same as `dropout` with a `noise_shape` that is 1 in the last two axes. The operation
    is that of Tompson et al. (2015), arXiv:1411.4280, and `torch.nn.functional.dropout2d`,
    except that PyTorch takes 3-D input as (N, C, L).

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> y = fastdrop.dropout2d(np.ones((2, 4, 5, 5)), 0.5, rng=10)
    >>> y.max(axis=(2, 3))
    array([[2., 0., 2., 0.],
           [2., 2., 0., 0.]])
    """
    x = _core.as_array(x, inplace)
    shape, axis = channel_noise(x, "dropout2d", "H, W")
    return _core.dropout(
        x,
        p,
        training,
        inplace,
        rng,
        out,
        shape,
        scale,
        fill,
        count,
        min_keep,
        axis,
        offset,
        origin,
        full_shape,
        return_key,
        num_threads,
    )


@typed_like(dropout1d)
def dropout3d(
    x: ArrayLike,
    p: Probabilities = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    rng: RNGLike = None,
    out: NDArray[Any] | None = None,
    scale: bool = True,
    fill: ArrayLike = 0,
    count: SupportsIndex | None = None,
    min_keep: SupportsIndex | None = None,
    offset: SupportsIndex = 0,
    origin: Sequence[SupportsIndex] | None = None,
    full_shape: Sequence[SupportsIndex] | None = None,
    return_key: bool = False,
    num_threads: SupportsIndex | None = None,
) -> Result:
    """Zero whole channels of volumes with probability p and scale the others by 1/(1-p).

    Parameters
    ----------
    x : array_like
        Of shape (N, C, D, H, W) or (C, D, H, W), and a dtype as for `dropout`. Each channel, of
        shape (D, H, W), is dropped or kept as a whole.
    p, training, inplace, rng, out, scale, fill, origin, full_shape, return_key, num_threads
        As for `dropout`. An array p must broadcast to the mask, which has the length 1 in the axes
        that belong to a channel.
    count : int, optional
        Drop exactly so many of the C channels of each sample, all choices of them equally likely.
        p is not used, and the scale is C/(C - count). With `full_shape`, C is its number.
    min_keep : int, optional
        Keep at least so many channels of each sample: decide with p, and where too few are kept,
        keep some of those that were dropped, all choices of them equally likely. The scale stays
        1/(1-p), so the mean is too large.
    offset : int, optional
        Position of the first channel's decision in the mask's stream, 0 or more.

    Returns
    -------
    y : ndarray
        As from `dropout`.
    key : Key or None
        Only with ``return_key=True``.

    Raises
    ------
    ValueError
        If x has another number of axes; if `count` or `min_keep` is negative or more than C, or
        both are given; and as for `dropout`.
    TypeError
        As for `dropout`.

    Notes
    -----
    The same as `dropout` with a `noise_shape` that is 1 in the last three axes. The operation
    is that of Tompson et al. (2015), arXiv:1411.4280, and `torch.nn.functional.dropout3d`.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> y = fastdrop.dropout3d(np.ones((2, 4, 2, 5, 5)), 0.5, rng=10)
    >>> y.max(axis=(2, 3, 4))
    array([[2., 0., 2., 0.],
           [2., 2., 0., 0.]])
    """
    x = _core.as_array(x, inplace)
    shape, axis = channel_noise(x, "dropout3d", "D, H, W")
    return _core.dropout(
        x,
        p,
        training,
        inplace,
        rng,
        out,
        shape,
        scale,
        fill,
        count,
        min_keep,
        axis,
        offset,
        origin,
        full_shape,
        return_key,
        num_threads,
    )


def channel_noise(x: NDArray[Any], name: str, axes: str) -> tuple[tuple[int | None, ...], int]:
    """Return the noise shape and the axis of the channels, whose own axes are the last, `axes`."""
    shape, inner = _core.as_base_array(x).shape, len(axes.split())
    if len(shape) not in (inner + 1, inner + 2):
        raise ValueError(
            f"{name} takes x of shape (N, C, {axes}) or (C, {axes}), but its shape is {shape}"
        )
    outer = len(shape) - inner
    return (None,) * outer + (1,) * inner, outer - 1
