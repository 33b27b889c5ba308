"""The way of a call on a Dask array: checked and given its key at once, computed block by block."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Sequence
from typing import Any, SupportsIndex, TypeAlias, TypedDict, cast

import dask.array as da
import numpy as np
from dask.layers import ArraySliceDep
from numpy.typing import ArrayLike, NDArray

from fastdrop import _core
from fastdrop.keys import Key, RNGLike
from fastdrop.signatures import NoiseShape

Numbers: TypeAlias = ArrayLike | da.Array
Result: TypeAlias = da.Array | tuple[da.Array, Key | None]


class Options(TypedDict, total=False):
    """The keywords that all functions of a Dask array take, except `return_key`."""

    rng: RNGLike
    out: None
    scale: bool
    fill: Numbers
    offset: SupportsIndex
    origin: Sequence[SupportsIndex] | None
    full_shape: Sequence[SupportsIndex] | None
    num_threads: SupportsIndex | None


def stand_in(x: da.Array, name: str = "x") -> NDArray[Any]:
    """Return zeros of the shape and dtype of a Dask array, without memory for them.

    Rejects what is not a Dask array of NumPy arrays of known sizes.
    """
    kind = type(x)
    if not isinstance(x, da.Array):
        raise TypeError(
            f"{name} must be a dask.array.Array, but is a {kind.__module__}.{kind.__qualname__}: "
            f"pass dask.array.from_array({name}), {name}.to_dask_array(lengths=True) of a Dask "
            f"frame, or {name}.data of an xarray array"
        )
    kind = type(x._meta)
    if not issubclass(kind, np.ndarray) or issubclass(kind, np.ma.MaskedArray):
        convert = f"{name}.map_blocks(convert), where convert returns NumPy arrays"
        if issubclass(kind, np.ndarray):
            convert = f"dask.array.ma.filled({name}, value), because masks would be lost"
        raise TypeError(
            f"the blocks of {name} must be NumPy arrays, but are {kind.__module__}."
            f"{kind.__qualname__}: pass {convert}"
        )
    if any(math.isnan(n) for n in x.shape):
        raise ValueError(
            f"{name} has chunks of unknown sizes, and a mask depends on where its blocks lie: call "
            f"{name}.compute_chunk_sizes() first"
        )
    return np.broadcast_to(np.zeros((), x.dtype), x.shape)


def check_not_written(inplace: bool, out: None) -> None:
    """Reject what asks to write into memory."""
    if _core.as_bool(inplace, "inplace"):
        raise TypeError("a Dask array cannot be written into: leave out inplace=True")
    if out is not None:
        raise TypeError(
            "a Dask array is computed later: leave out out=, and store the result, as by "
            "dask.array.store(y, out) or y.to_zarr(...)"
        )


def drop(
    name: str,
    x: da.Array,
    p: Any,
    training: bool,
    fill: Any,
    return_key: bool,
    *,
    rng: RNGLike,
    origin: Sequence[SupportsIndex] | None,
    full_shape: Sequence[SupportsIndex] | None,
    noise_shape: NoiseShape | None = None,
    count: SupportsIndex | None = None,
    min_keep: SupportsIndex | None = None,
    axis: int = -1,
    **options: Any,
) -> Result:
    """Drop elements of a Dask array; `options` are further ones of `_core.dropout`.

    What is wrong raises here, before the key is taken; later only a number in a p or a fill that
    are Dask arrays can be wrong.
    """
    options |= {"inplace": False, "out": None, "count": count, "min_keep": min_keep}
    _core.dropout(
        x=stand_in(x),
        p=_known(p, "p"),
        fill=_known(fill, "fill"),
        training=False,
        rng=rng,
        noise_shape=noise_shape,
        axis=axis,
        origin=origin,
        full_shape=full_shape,
        return_key=return_key,
        **options,
    )
    begin = (0,) * x.ndim if origin is None else tuple(map(operator.index, origin))
    full = x.shape if full_shape is None else tuple(map(operator.index, full_shape))
    p, fill = _as_numbers(p, "p"), _as_numbers(fill, "fill")
    length = 1 if count is None and min_keep is None else full[axis]
    if min_keep is not None:
        _check_lines(x, p, axis, length)
    drops, key = _decide(x, p, training, rng, length, options)
    if not drops or x.size == 0:
        return (x, None) if return_key else x
    noise = None if noise_shape is None else _core.as_noise_shape(noise_shape)
    options |= {
        "begin": begin,
        "full_shape": full,
        # An axis that is not shared has x's length here, and the block's length in a block.
        "noise_shape": noise and tuple(1 if n == 1 else None for n in noise),
        "axis": axis,
        "rng": key,
    }
    index = tuple(range(x.ndim))
    arguments: list[Any] = [x, index, ArraySliceDep(x.chunks), index]
    names = []
    for argument, value in (("p", p), ("fill", fill)):
        if isinstance(value, (np.ndarray, da.Array)):
            arguments += _beside(x, value)
            names.append(argument)
        else:  # not among the arguments, which Dask visits for each block
            options[argument] = value
    y = da.blockwise(
        _drop_block,
        index,
        *arguments,
        names=names,
        token=name,
        dtype=x.dtype,
        meta=np.empty((0,) * x.ndim, x.dtype),
        align_arrays=False,
        **options,
    )
    return (y, key) if return_key else y


def _drop_block(
    x: NDArray[Any],
    place: tuple[slice, ...],
    *beside: NDArray[Any],
    names: Sequence[str],
    begin: tuple[int, ...],
    **options: Any,
) -> NDArray[Any]:
    """Drop elements of the block at `place`; `beside` are those of its arrays with these names."""
    if x.size == 0:  # it cuts no line in which decisions are counted
        return x
    options |= zip(names, beside, strict=True)
    origin = [at.start + n for at, n in zip(place, begin, strict=True)]
    y = _core.dropout(x=x, training=True, origin=origin, return_key=False, **options)
    return cast("NDArray[Any]", y)


def _known(value: Numbers, name: str) -> ArrayLike:
    """Return what is known of a p or a fill: all but the elements of a Dask array."""
    return stand_in(value, name) if isinstance(value, da.Array) else value


def _as_numbers(value: Any, name: str) -> Any:
    """Return a p or a fill as a number, an array in memory or a Dask array."""
    if isinstance(value, (numbers.Number, np.generic, da.Array)):
        return value
    array = np.asarray(_core.as_array(value, False, name))
    # Without the repetitions that broadcasting made, which a copy in the graph would have.
    return array[tuple(slice(None if stride else 1) for stride in array.strides)]


def _check_lines(x: da.Array, p: Any, axis: int, length: int) -> None:
    """Reject a p that differs along lines that are decided as wholes, but are cut into blocks."""
    along = axis % x.ndim - x.ndim
    most = max(x.chunks[along])
    if np.ndim(p) >= -along and p.shape[along] > 1 and most < length:
        raise ValueError(
            f"min_keep counts whole lines, but the blocks of x have at most {most} of the {length} "
            f"decisions along axis {axis}, and p only theirs: pass a p that has the length 1 along "
            f"that axis, or do not cut it, as with x.rechunk({{{axis}: -1}})"
        )


def _decide(
    x: da.Array, p: Any, training: bool, rng: RNGLike, length: int, options: dict[str, Any]
) -> tuple[bool, Key | None]:
    """Return whether anything is dropped, and the call's key, which is None if nothing is drawn.

    The core decides on a sample of x: a decision for each p that matters, in lines that have the
    `length` of those in which decisions are counted.
    """
    rows = 1
    if isinstance(p, da.Array):
        p = 0.5
    elif isinstance(p, np.ndarray):
        chances = p[(p > 0) & (p < 1)]
        p = np.array([*chances[:1], p.min(), p.max()] if p.size else [])[:, None]
        rows = len(p)
    sample = np.zeros((rows, 1 if x.size else 0), x.dtype)
    result, key = _core.dropout(
        x=sample,
        p=p,
        training=training,
        rng=rng,
        noise_shape=None,
        fill=0,
        axis=1,
        origin=(0, 0),
        full_shape=(rows, length),
        return_key=True,
        **options | {"offset": 0},  # the sample lies nowhere in the stream
    )
    return result is not sample, key


def _beside(x: da.Array, value: Any) -> tuple[da.Array, tuple[int, ...]]:
    """Return an array of p or of fills, cut as x is, and its index for `dask.array.blockwise`."""
    index = tuple(range(x.ndim - value.ndim, x.ndim))
    chunks = tuple((1,) if n == 1 else x.chunks[i] for i, n in zip(index, value.shape, strict=True))
    if isinstance(value, da.Array):
        return value.rechunk(chunks), index
    return da.from_array(value, chunks=chunks), index  # a copy: the caller may change the array
