"""Coarse dropout: `coarse_dropout`, which drops rectangular holes of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdrop import _core
from fastdrop._keys import KeySource, as_index, as_key_source
from fastdrop.keys import RNGLike
from fastdrop.signatures import CoarseOptions, DType, Shape

if TYPE_CHECKING:
    from typing_extensions import Unpack

Number: TypeAlias = SupportsIndex | float | np.floating[Any]
Holes: TypeAlias = SupportsIndex | Sequence[SupportsIndex] | NDArray[np.integer[Any]]
Size: TypeAlias = Number | Sequence[Number | Sequence[Number]] | NDArray[Any]
Range: TypeAlias = tuple[int, int] | tuple[float, float]

LIMIT = 2**32  # a draw is the upper half of a word


@overload
def coarse_dropout(
    x: np.ndarray[Shape, DType],
    holes: Holes,
    size: Size,
    *,
    return_mask: Literal[False] = ...,
    **options: Unpack[CoarseOptions],
) -> np.ndarray[Shape, DType]: ...
@overload
def coarse_dropout(
    x: ArrayLike,
    holes: Holes,
    size: Size,
    *,
    return_mask: Literal[False] = ...,
    **options: Unpack[CoarseOptions],
) -> NDArray[Any]: ...
@overload
def coarse_dropout(
    x: np.ndarray[Shape, DType],
    holes: Holes,
    size: Size,
    *,
    return_mask: Literal[True],
    **options: Unpack[CoarseOptions],
) -> tuple[np.ndarray[Shape, DType], NDArray[np.bool_]]: ...
@overload
def coarse_dropout(
    x: ArrayLike,
    holes: Holes,
    size: Size,
    *,
    return_mask: Literal[True],
    **options: Unpack[CoarseOptions],
) -> tuple[NDArray[Any], NDArray[np.bool_]]: ...
@overload
def coarse_dropout(
    x: ArrayLike,
    holes: Holes,
    size: Size,
    *,
    return_mask: bool,
    **options: Unpack[CoarseOptions],
) -> NDArray[Any] | tuple[NDArray[Any], NDArray[np.bool_]]: ...
def coarse_dropout(
    x: ArrayLike,
    holes: Holes,
    size: Size,
    *,
    fill: ArrayLike = 0,
    rng: RNGLike = None,
    inplace: bool = False,
    out: NDArray[Any] | None = None,
    return_mask: bool = False,
) -> NDArray[Any] | tuple[NDArray[Any], NDArray[np.bool_]]:
    """Drop rectangular holes of images, at random places and of random sizes.

    Parameters
    ----------
    x : array_like
        One image of shape (H, W) or (H, W, C), or images of shape (N, H, W, C), of any numeric
        dtype. Each of several images has holes of its own. Channels come last: give images without
        channels an axis of length 1, ``x[..., np.newaxis]``, and move those of (N, C, H, W) by
        ``np.moveaxis(x, 1, -1)``.
    holes : int or (int, int)
        Number of holes of an image, 0 or more, or a range (low, high). All numbers of the range,
        `high` too, are equally likely.
    size : int, float or (height, width)
        Size of a hole. An int is a number of pixels, 1 or more. A float is a fraction of the
        image's height or width, in (0, 1]: 1 is one pixel, and 1.0 is all of them. One number
        holds for height and width. A pair is always (height, width), where each entry is a number
        or a range (low, high) of two ints or two floats. So ``(8, 16)`` is 8 pixels high and 16
        wide, and ``((8, 16), (8, 16))`` is 8 to 16 pixels in either direction. All numbers of a
        range are equally likely in pixels too. A hole that is larger than the image covers it.
    fill : array_like, optional
        What a dropped element becomes, as for `dropout`: a number, or an array that broadcasts to
        x, such as a color of shape (C,).
    rng, inplace, out
        As for `dropout`.
    return_mask : bool, optional
        Return a pair of the result and the mask.

    Returns
    -------
    y : ndarray
        x, `out`, or a new array of x's shape, dtype and layout (as `numpy.empty_like` makes). A
        dropped element is +0, or `fill`. A kept element is unchanged, and is not scaled. If `holes`
        is 0, x itself is returned (or `out` with x's values).
    mask : ndarray of bool
        Only with ``return_mask=True``: True for kept pixels, of shape (H, W) or (N, H, W).

    Raises
    ------
    ValueError
        If x has another number of axes, `holes` is negative, `size` is less than a pixel or a
        fraction is more than 1, a range is empty or mixes pixels and fractions, or a number is
        2**32 or more; and as for `dropout`.
    TypeError
        If `holes` is not of integers, or `size` not of ints and floats; and as for `dropout`.

    Notes
    -----
    A hole lies inside the image as a whole, all its places are equally likely, and holes may
    overlap. A fraction f of a length n is ``round(f * n)`` pixels, and at least 1.

    The holes of image k depend only on the key, k, `holes`, `size`, H and W. So labels of shape
    (N, H, W, 1) get the holes of images with the same key, and an image of a batch can be computed
    alone. Let b be the largest number of holes. The words
    ``keep_mask((N, 1 + 4 * b, 64), 0.5, rng=key, packed=True).view("<u8")`` are 1 + 4 b for each
    image. Word 0 of an image decides on the number of its holes, and words 4 j + 1 to 4 j + 4 on
    the height, width, top and left of hole j, each by ``low + ((word >> 32) * (high - low + 1) >>
    32)``. The probability of each number differs by less than 2**-32 from that of a uniform choice.

    The operation is the `CoarseDropout` of albumentations, which goes back to DeVries and Taylor
    (2017), arXiv:1708.04552, and Zhong et al. (2017), arXiv:1708.04896. A call that raises has
    written nothing and advanced no generator. Nothing is drawn if `holes` is 0 or x is empty. Any
    thread may call; the GIL is held.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> image = np.ones((5, 9), np.uint8)
    >>> fastdrop.coarse_dropout(image, (1, 3), (2, (2, 4)), rng=1)
    array([[1, 1, 1, 1, 0, 0, 1, 1, 1],
           [1, 1, 1, 1, 0, 0, 1, 1, 1],
           [1, 1, 1, 1, 1, 1, 1, 1, 1],
           [1, 1, 1, 1, 1, 0, 0, 0, 0],
           [1, 1, 1, 1, 1, 0, 0, 0, 0]], dtype=uint8)

    A grey hole in each of ten images, half as high and wide as the image, and the kept pixels:

    >>> images, grey = np.zeros((10, 8, 8, 3), np.uint8), (124, 116, 104)
    >>> y, mask = fastdrop.coarse_dropout(images, 1, 0.5, fill=grey, rng=1, return_mask=True)
    >>> y[~mask][0], (~mask).sum(axis=(1, 2))
    (array([124, 116, 104], dtype=uint8), array([16, 16, 16, 16, 16, 16, 16, 16, 16, 16]))
    """
    keys = as_key_source(rng)
    returns_mask = _core.as_bool(return_mask, "return_mask")
    number, ranges = _as_holes(holes), _as_size(size)
    x = _core.as_array(x, inplace)
    _check_axes(_core.as_base_array(x).shape)
    source, y, color = _core.prepare(x, inplace, out, fill, number[1] > 0)
    target = _core.as_base_array(y)
    images = target if target.ndim == 4 else target[np.newaxis]
    colors = _spread(color, images.shape)
    mask = np.ones(images.shape[:3], np.bool_) if returns_mask else None
    dropped = np.zeros((), np.bool_)  # an array, as all that is written: no memory is needed then
    drawn: list[NDArray[np.uint64]] = []
    if number[1] > 0 and target.size > 0:
        drawn = _draw(len(images), keys, number, ranges, images.shape[1:3])
    if y is not x:
        np.copyto(target, source)
    _fill(images, colors, mask, dropped, *drawn)
    if mask is None:
        return y
    return y, mask if target.ndim == 4 else mask[0]


def _draw(
    images: int,
    keys: KeySource,
    number: tuple[int, int],
    ranges: tuple[Range, Range],
    lengths: tuple[int, ...],
) -> list[NDArray[np.uint64]]:
    """Draw for each image the number of holes, their heights and widths, their tops and lefts.

    All arrays are made before the key is drawn, those of one number too, so that a call for which
    there is no room has advanced no generator.
    """
    ends = [
        [end if isinstance(end, int) else max(1, round(end * n)) for end in range_]
        for range_, n in zip(ranges, lengths, strict=True)
    ]
    low, high, most = np.array([*zip(*ends, strict=True), lengths], np.uint64)
    counts, places, least = high - low + 1, most + 1, np.array(number[0], np.uint64)
    none, half = np.array(0, np.uint64), np.array(32, np.uint64)
    choices = np.array(number[1] - number[0] + 1, np.uint64)
    words = np.empty((images, 1 + 4 * number[1]), "<u8")
    bits = words.reshape(-1).view(np.uint8)
    holes = words[:, 1:].reshape(images, -1, 2, 2)  # a view
    numbers = np.empty(images, np.uint64)
    extents, begins = np.empty((2, images, number[1], 2), np.uint64)
    _core.keep_mask((8 * bits.size,), 0.5, keys, bits, None, None, -1, 0, None, None, True, None)
    for values, draws in (
        (numbers, words[:, 0]),
        (extents, holes[:, :, 0]),
        (begins, holes[:, :, 1]),
    ):
        np.right_shift(draws, half, out=values)
    _choose(numbers, least, choices, half)
    _choose(extents, low, counts, half)
    np.minimum(extents, most, out=extents)
    np.subtract(places, extents, out=extents)  # the places where such a hole can begin
    _choose(begins, none, extents, half)
    np.subtract(places, extents, out=extents)
    return [numbers, extents, begins]


def _choose(
    draws: NDArray[np.uint64],
    low: NDArray[np.uint64],
    count: NDArray[np.uint64],
    half: NDArray[np.uint64],
) -> None:
    """Turn draws below 2**32 into one of `count` integers from `low` on; `half` is 32."""
    draws *= count
    draws >>= half
    draws += low


def _spread(color: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a color for each element of some images."""
    colors = np.broadcast_to(color, shape)
    if color.size == 1 or colors.size == 0 or any(colors.strides[:3]):
        return colors
    # One color for all pixels: NumPy copies rows much faster than pixels.
    return np.broadcast_to(colors[0, 0].copy(), shape)


def _fill(
    images: NDArray[Any],
    colors: NDArray[Any],
    mask: NDArray[np.bool_] | None,
    dropped: NDArray[np.bool_],
    *drawn: NDArray[np.uint64],
) -> None:
    """Write colors into the holes that were drawn, if any, and `dropped` into those of a mask."""
    for k, (count, extents, begins) in enumerate(zip(*drawn, strict=True)):
        n = int(count)
        for (height, width), (top, left) in zip(
            extents[:n].tolist(), begins[:n].tolist(), strict=True
        ):
            hole = (k, slice(top, top + height), slice(left, left + width))
            images[hole] = colors[hole]
            if mask is not None:
                mask[hole] = dropped


def _check_axes(shape: tuple[int, ...]) -> None:
    """Reject what is not the shape of one image or of several."""
    if len(shape) not in (2, 3, 4):
        kinds = "(H, W), (H, W, C) or (N, H, W, C)"
        raise ValueError(f"coarse_dropout takes x of shape {kinds}, but its shape is {shape}")
    if max(shape[-3:-1] if len(shape) == 4 else shape[:2]) >= LIMIT:
        raise ValueError(f"images must be less than 2**32 pixels high and wide, but got {shape}")


def _as_holes(holes: Any) -> tuple[int, int]:
    """Return a range of numbers of holes; reject anything else."""
    kinds = "an int or a (low, high) range of ints"
    low, high = (as_index(n, "holes", kinds) for n in _as_pair(holes, "holes", kinds))
    if not 0 <= low <= high < LIMIT:
        raise ValueError(f"holes must be {kinds} with 0 <= low <= high < 2**32, but got {holes!r}")
    return low, high


def _as_size(size: Any) -> tuple[Range, Range]:
    """Return the ranges of heights and of widths, each in pixels or in fractions."""
    height, width = _as_pair(
        size, "size", "a number or a (height, width) pair, each a number or a range"
    )
    return _as_range(height), _as_range(width)


def _as_range(entry: Any) -> Range:
    """Return a range of lengths, of ints or of floats."""
    ends = _as_pair(entry, "height and width in size", "a number or a (low, high) range")
    low, high = map(_as_length, ends)
    if type(low) is not type(high) or low > high:
        raise ValueError(
            "a range in size is (low, high) with low <= high, of two ints, for pixels, or of two "
            f"floats, for fractions (1.0 is all), but got {entry!r}"
        )
    return low, high


def _as_length(end: Any) -> int | float:
    """Return an int of pixels, or a float that is a fraction."""
    kinds = "of ints in 1 .. 2**32 - 1, for pixels, or floats in (0, 1], for fractions of the image"
    is_float = isinstance(end, (float, np.floating))
    length = float(end) if is_float else as_index(end, "size", kinds)
    if not (0 < length <= 1 if is_float else 1 <= length < LIMIT):
        raise ValueError(f"size must be {kinds}, but got {end!r}")
    return length


def _as_pair(value: Any, name: str, kinds: str) -> tuple[Any, Any]:
    """Return the two entries of a sequence, or another value twice."""
    if isinstance(value, np.ndarray) and value.ndim > 0:
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        return value, value
    if len(value) != 2:
        raise ValueError(f"{name} must be {kinds}, but got {value!r}")
    return value[0], value[1]
