"""Dropout of whole channels of Dask arrays: `dropout1d`, `dropout2d` and `dropout3d`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, SupportsIndex, overload

import dask.array as da

from fastdrop.channels import channel_noise
from fastdrop.dask.blocks import Numbers, Options, Result, check_not_written, drop, stand_in
from fastdrop.keys import Key, RNGLike
from fastdrop.signatures import typed_like

if TYPE_CHECKING:
    from typing_extensions import Unpack


class ChannelOptions(Options, total=False):
    """The keywords of the functions here, except `return_key`."""

    count: SupportsIndex | None
    min_keep: SupportsIndex | None


@overload
def dropout1d(
    x: da.Array,
    p: Numbers = ...,
    training: bool = ...,
    inplace: Literal[False] = ...,
    *,
    return_key: Literal[False] = ...,
    **options: Unpack[ChannelOptions],
) -> da.Array: ...
@overload
def dropout1d(
    x: da.Array,
    p: Numbers = ...,
    training: bool = ...,
    inplace: Literal[False] = ...,
    *,
    return_key: Literal[True],
    **options: Unpack[ChannelOptions],
) -> tuple[da.Array, Key | None]: ...
@overload
def dropout1d(
    x: da.Array,
    p: Numbers = ...,
    training: bool = ...,
    inplace: Literal[False] = ...,
    *,
    return_key: bool,
    **options: Unpack[ChannelOptions],
) -> Result: ...
def dropout1d(
    x: da.Array,
    p: Numbers = 0.5,
    training: bool = True,
    inplace: Literal[False] = False,
    *,
    rng: RNGLike = None,
    out: None = None,
    scale: bool = True,
    fill: Numbers = 0,
    count: SupportsIndex | None = None,
    min_keep: SupportsIndex | None = None,
    offset: SupportsIndex = 0,
    origin: Sequence[SupportsIndex] | None = None,
    full_shape: Sequence[SupportsIndex] | None = None,
    return_key: bool = False,
    num_threads: SupportsIndex | None = 1,
) -> Result:
    """Zero whole channels of sequences in a Dask array with probability p and scale the others.

    Parameters
    ----------
    x : dask.array.Array
        Of shape (N, C, L) or (C, L), cut along any axes, and a dtype as for
        `fastdrop.dropout`. Each channel, of shape (L,), is dropped or kept as a whole.
    p, training, inplace, rng, out, scale, fill, offset, origin, full_shape, return_key, num_threads
        As for `dropout`, except that an array p must broadcast to the mask, as for
        `fastdrop.dropout1d`.
    count, min_keep : int, optional
        Drop exactly, or keep at least, so many channels of each sample, as for
        `fastdrop.dropout1d`.

    Returns
    -------
    y : dask.array.Array
        As from `dropout`.
    key : Key or None
        Only with ``return_key=True``.

    Raises
    ------
    ValueError
        As for `dropout` and `fastdrop.dropout1d`.
    TypeError
        As for `dropout`.

    Examples
    --------
    >>> import dask.array as da, fastdrop.dask
    >>> x = da.ones((3, 4), chunks=2)
    >>> fastdrop.dask.dropout1d(x, 0.5, rng=10).compute()
    array([[2., 2., 2., 2.],
           [0., 0., 0., 0.],
           [2., 2., 2., 2.]])
    """
    check_not_written(inplace, out)
    shape, axis = channel_noise(stand_in(x), "dropout1d", "L")
    return drop(
        "dropout1d",
        x,
        p,
        training,
        fill,
        return_key,
        noise_shape=shape,
        axis=axis,
        rng=rng,
        origin=origin,
        full_shape=full_shape,
        count=count,
        min_keep=min_keep,
        scale=scale,
        offset=offset,
        num_threads=num_threads,
    )


@typed_like(dropout1d)
def dropout2d(
    x: da.Array,
    p: Numbers = 0.5,
    training: bool = True,
    inplace: Literal[False] = False,
    *,
    rng: RNGLike = None,
    out: None = None,
    scale: bool = True,
    fill: Numbers = 0,
    count: SupportsIndex | None = None,
    min_keep: SupportsIndex | None = None,
    offset: SupportsIndex = 0,
    origin: Sequence[SupportsIndex] | None = None,
    full_shape: Sequence[SupportsIndex] | None = None,
    return_key: bool = False,
    num_threads: SupportsIndex | None = 1,
) -> Result:
    """Zero whole channels of images in a Dask array with probability p and scale the others.

    Parameters
    ----------
    x : dask.array.Array
        Of shape (N, C, H, W) or (C, H, W), cut along any axes, and a dtype as for
        `fastdrop.dropout`. Each channel, of shape (H, W), is dropped or kept as a whole.
    p, training, inplace, rng, out, scale, fill, offset, origin, full_shape, return_key, num_threads
        As for `dropout`, except that an array p must broadcast to the mask, as for
        `fastdrop.dropout2d`.
    count, min_keep : int, optional
        Drop exactly, or keep at least, so many channels of each sample, as for
        `fastdrop.dropout2d`.

    Returns
    -------
    y : dask.array.Array
        As from `dropout`.
    key : Key or None
        Only with ``return_key=True``.

    Raises
    ------
    ValueError
        As for `dropout` and `fastdrop.dropout2d`.
    TypeError
        As for `dropout`.

    Examples
    --------
    >>> import dask.array as da, fastdrop.dask
    >>> x = da.ones((2, 4, 5, 5), chunks=3)
    >>> fastdrop.dask.dropout2d(x, 0.5, rng=10).max(axis=(2, 3)).compute()
    array([[2., 0., 2., 0.],
           [2., 2., 0., 0.]])
    """
    check_not_written(inplace, out)
    shape, axis = channel_noise(stand_in(x), "dropout2d", "H, W")
    return drop(
        "dropout2d",
        x,
        p,
        training,
        fill,
        return_key,
        noise_shape=shape,
        axis=axis,
        rng=rng,
        origin=origin,
        full_shape=full_shape,
        count=count,
        min_keep=min_keep,
        scale=scale,
        offset=offset,
        num_threads=num_threads,
    )


@typed_like(dropout1d)
def dropout3d(
    x: da.Array,
    p: Numbers = 0.5,
    training: bool = True,
    inplace: Literal[False] = False,
    *,
    rng: RNGLike = None,
    out: None = None,
    scale: bool = True,
    fill: Numbers = 0,
    count: SupportsIndex | None = None,
    min_keep: SupportsIndex | None = None,
    offset: SupportsIndex = 0,
    origin: Sequence[SupportsIndex] | None = None,
    full_shape: Sequence[SupportsIndex] | None = None,
    return_key: bool = False,
    num_threads: SupportsIndex | None = 1,
) -> Result:
    """Zero whole channels of volumes in a Dask array with probability p and scale the others.

    Parameters
    ----------
    x : dask.array.Array
        Of shape (N, C, D, H, W) or (C, D, H, W), cut along any axes, and a dtype as for
        `fastdrop.dropout`. Each channel, of shape (D, H, W), is dropped or kept as a whole.
    p, training, inplace, rng, out, scale, fill, offset, origin, full_shape, return_key, num_threads
        As for `dropout`, except that an array p must broadcast to the mask, as for
        `fastdrop.dropout3d`.
    count, min_keep : int, optional
        Drop exactly, or keep at least, so many channels of each sample, as for
        `fastdrop.dropout3d`.

    Returns
    -------
    y : dask.array.Array
        As from `dropout`.
    key : Key or None
        Only with ``return_key=True``.

    Raises
    ------
    ValueError
        As for `dropout` and `fastdrop.dropout3d`.
    TypeError
        As for `dropout`.

    Examples
    --------
    >>> import dask.array as da, fastdrop.dask
    >>> x = da.ones((2, 4, 2, 5, 5), chunks=3)
    >>> fastdrop.dask.dropout3d(x, 0.5, rng=10).max(axis=(2, 3, 4)).compute()
    array([[2., 0., 2., 0.],
           [2., 2., 0., 0.]])
    """
    check_not_written(inplace, out)
    shape, axis = channel_noise(stand_in(x), "dropout3d", "D, H, W")
    return drop(
        "dropout3d",
        x,
        p,
        training,
        fill,
        return_key,
        noise_shape=shape,
        axis=axis,
        rng=rng,
        origin=origin,
        full_shape=full_shape,
        count=count,
        min_keep=min_keep,
        scale=scale,
        offset=offset,
        num_threads=num_threads,
    )
