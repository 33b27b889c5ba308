"""Dropout of whole samples: `drop_path`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdrop import _core
from fastdrop.keys import Key, RNGLike
from fastdrop.signatures import DType, PathOptions, Probabilities, Result, Shape

if TYPE_CHECKING:
    from typing_extensions import Unpack

Mode = Literal["row", "batch"]


@overload
def drop_path(
    x: np.ndarray[Shape, DType],
    p: Probabilities = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[False] = ...,
    **options: Unpack[PathOptions],
) -> np.ndarray[Shape, DType]: ...
@overload
def drop_path(
    x: ArrayLike,
    p: Probabilities = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[False] = ...,
    **options: Unpack[PathOptions],
) -> NDArray[Any]: ...
@overload
def drop_path(
    x: np.ndarray[Shape, DType],
    p: Probabilities = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[True],
    **options: Unpack[PathOptions],
) -> tuple[np.ndarray[Shape, DType], Key | None]: ...
@overload
def drop_path(
    x: ArrayLike,
    p: Probabilities = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[True],
    **options: Unpack[PathOptions],
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def drop_path(
    x: ArrayLike,
    p: Probabilities = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: bool,
    **options: Unpack[PathOptions],
) -> Result: ...
def drop_path(
    x: ArrayLike,
    p: Probabilities = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    mode: Mode = "row",
    rng: RNGLike = None,
    out: NDArray[Any] | None = None,
    scale: bool = True,
    fill: ArrayLike = 0,
    offset: SupportsIndex = 0,
    return_key: bool = False,
    num_threads: SupportsIndex | None = None,
) -> Result:
    """Zero whole samples with probability p and scale the others by 1/(1-p): stochastic depth.

    Parameters
    ----------
    x : array_like
        Of shape (N, ...), with one axis or more, and a dtype as for `dropout`: what a residual
        branch adds to its N samples.
    mode : {"row", "batch"}, optional
        Decide on each sample apart, or on all of them at once.
    p, training, inplace, rng, out, scale, fill, return_key, num_threads
        As for `dropout`. An array p must broadcast to the mask, of shape (N, 1, ...), or
        (1, 1, ...) for "batch".
    offset : int, optional
        Position of the first sample's decision in the mask's stream, 0 or more.

    Returns
    -------
    y : ndarray
        As from `dropout`.
    key : Key or None
        Only with ``return_key=True``.

    Raises
    ------
    ValueError
        If x has no axis, or `mode` is neither "row" nor "batch"; and as for `dropout`.
    TypeError
        As for `dropout`.

    Notes
    -----
    The same as `dropout` with a `noise_shape` that is 1 in all axes but the first or, for "batch",
    in all. The operation is that of Huang et al. (2016), arXiv:1603.09382, as in
    `torchvision.ops.stochastic_depth` and, with "row", the `DropPath` of timm.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> x = np.ones((3, 2))
    >>> x + fastdrop.drop_path(x, 0.5, rng=10)
    array([[3., 3.],
           [1., 1.],
           [3., 3.]])
    """
    mode = check_mode(mode)
    x = _core.as_array(x, inplace)
    ndim = _core.as_base_array(x).ndim
    if ndim == 0:
        raise ValueError("drop_path takes x of shape (N, ...), but it has no axis")
    first = None if mode == "row" else 1
    return _core.dropout(
        x,
        p,
        training,
        inplace,
        rng,
        out,
        (first, *(1,) * (ndim - 1)),
        scale,
        fill,
        None,
        None,
        -1,
        offset,
        None,
        None,
        return_key,
        num_threads,
    )


def check_mode(mode: Any) -> Mode:
    """Return a mode; reject anything else."""
    if isinstance(mode, str) and mode in ("row", "batch"):
        return "row" if mode == "row" else "batch"
    raise ValueError(f"mode must be 'row' or 'batch', but got {mode!r}")
