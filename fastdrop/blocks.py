"""DropBlock: `drop_block2d` and `drop_block3d`, which drop contiguous blocks of each channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdrop import _core
from fastdrop.keys import Key, RNGLike
from fastdrop.signatures import BlockOptions, DType, Probability, Result, Shape, typed_like

if TYPE_CHECKING:
    from typing_extensions import Unpack


@overload
def drop_block2d(
    x: np.ndarray[Shape, DType],
    p: Probability,
    block_size: SupportsIndex,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[False] = ...,
    **options: Unpack[BlockOptions],
) -> np.ndarray[Shape, DType]: ...
@overload
def drop_block2d(
    x: ArrayLike,
    p: Probability,
    block_size: SupportsIndex,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[False] = ...,
    **options: Unpack[BlockOptions],
) -> NDArray[Any]: ...
@overload
def drop_block2d(
    x: np.ndarray[Shape, DType],
    p: Probability,
    block_size: SupportsIndex,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[True],
    **options: Unpack[BlockOptions],
) -> tuple[np.ndarray[Shape, DType], Key | None]: ...
@overload
def drop_block2d(
    x: ArrayLike,
    p: Probability,
    block_size: SupportsIndex,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[True],
    **options: Unpack[BlockOptions],
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def drop_block2d(
    x: ArrayLike,
    p: Probability,
    block_size: SupportsIndex,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: bool,
    **options: Unpack[BlockOptions],
) -> Result: ...
def drop_block2d(
    x: ArrayLike,
    p: Probability,
    block_size: SupportsIndex,
    training: bool = True,
    inplace: bool = False,
    *,
    eps: float = 1e-6,
    rng: RNGLike = None,
    out: NDArray[Any] | None = None,
    scale: bool = True,
    fill: ArrayLike = 0,
    return_key: bool = False,
    num_threads: SupportsIndex | None = None,
) -> Result:
    """Zero square blocks of each channel of images, and scale what is kept.

    Parameters
    ----------
    x : array_like
        Of shape (N, C, H, W) or (C, H, W), and a dtype as for `dropout`.
    p : float
        Part of the elements that the blocks would cover if they did not overlap, in [0, 1].
    block_size : int
        Height and width of a block, 1 or more. At most H and W are used.
    training : bool, optional
        If false, nothing is drawn, and x itself is returned (or `out` with x's values). The same
        holds for p = 0.
    eps : float, optional
        Added to the number of kept elements before the size of x is divided by it; 0 or more.
    inplace, rng, out, num_threads
        As for `dropout`.
    scale : bool, optional
        If false, kept elements are unchanged, in any numeric dtype.
    fill : array_like, optional
        What a dropped element becomes, as for `dropout`.
    return_key : bool, optional
        Return a pair of the result and the call's key. The same call with ``rng=key`` has the same
        blocks, which passes a gradient back.

    Returns
    -------
    y : ndarray
        x, `out`, or a new array of x's shape, dtype and layout (as `numpy.empty_like` makes). A
        dropped element is +0, or `fill`. A kept element is ``x * s`` with
        ``s = x.size / (kept + eps)``, where ``kept`` is the number of kept elements in all of x,
        rounded as for `dropout`.
    key : Key or None
        Only with ``return_key=True``; None if nothing was drawn.

    Raises
    ------
    ValueError
        If x has another number of axes, `block_size` is less than 1, or `eps` is negative or not
        finite; and as for `dropout`.
    TypeError
        As for `dropout`.

    Notes
    -----
    Let b be the smallest of `block_size`, H and W. A block lies inside its channel, so there are
    h = H - b + 1 and w = W - b + 1 positions for its first row and column. At each of these a block
    begins with probability ``gamma = p * H * W / (b**2 * h * w)``: where
    ``keep_mask((N, C, h, w), gamma, rng=key)`` is False. Blocks may overlap, so fewer elements than
    the part p are dropped, much fewer if p is large; p = 1 need not drop all.

    The operation is that of Ghiasi et al. (2018), arXiv:1810.12890, as in
    `torchvision.ops.drop_block2d`, which rejects an even b. A call that raises has written nothing
    and advanced no generator. The GIL is released while the elements are computed; any thread may
    call.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> fastdrop.drop_block2d(np.ones((1, 5, 8), int), 0.3, 3, rng=4, scale=False)
    array([[[1, 0, 0, 0, 0, 0, 1, 1],
            [1, 0, 0, 0, 0, 0, 1, 1],
            [1, 0, 0, 0, 0, 0, 1, 1],
            [1, 1, 1, 1, 1, 1, 1, 1],
            [1, 1, 1, 1, 1, 1, 1, 1]]])
    """
    return _core.drop_block(
        x, p, block_size, 2, training, inplace, eps, rng, out, scale, fill, return_key, num_threads
    )


@typed_like(drop_block2d)
def drop_block3d(
    x: ArrayLike,
    p: Probability,
    block_size: SupportsIndex,
    training: bool = True,
    inplace: bool = False,
    *,
    eps: float = 1e-6,
    rng: RNGLike = None,
    out: NDArray[Any] | None = None,
    scale: bool = True,
    fill: ArrayLike = 0,
    return_key: bool = False,
    num_threads: SupportsIndex | None = None,
) -> Result:
    """Zero cubic blocks of each channel of volumes, and scale what is kept.

    Parameters
    ----------
    x : array_like
        Of shape (N, C, D, H, W) or (C, D, H, W), and a dtype as for `dropout`.
    block_size : int
        Depth, height and width of a block, 1 or more. At most D, H and W are used.
    p, training, inplace, eps, rng, out, scale, fill, return_key, num_threads
        As for `drop_block2d`.

    Returns
    -------
    y : ndarray
        As from `drop_block2d`.
    key : Key or None
        Only with ``return_key=True``.

    Raises
    ------
    ValueError
        If x has another number of axes; and as for `drop_block2d`.
    TypeError
        As for `dropout`.

    Notes
    -----
    As for `drop_block2d`, with d = D - b + 1 and ``gamma = p * D * H * W / (b**3 * d * h * w)``.
    The operation is that of `torchvision.ops.drop_block3d`.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> y = fastdrop.drop_block3d(np.ones((1, 4, 4, 4)), 0.1, 2, rng=0, scale=False)
    >>> int((y == 0).sum())
    8
    """
    return _core.drop_block(
        x, p, block_size, 3, training, inplace, eps, rng, out, scale, fill, return_key, num_threads
    )
