"""Dropout for SELU: `alpha_dropout`, and `feature_alpha_dropout` of whole channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdrop import _core
from fastdrop.keys import Key, RNGLike
from fastdrop.signatures import (
    DType,
    NoiseOptions,
    NoiseShape,
    Options,
    Probability,
    Result,
    Shape,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack


@overload
def alpha_dropout(
    x: np.ndarray[Shape, DType],
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[False] = ...,
    **options: Unpack[NoiseOptions],
) -> np.ndarray[Shape, DType]: ...
@overload
def alpha_dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[False] = ...,
    **options: Unpack[NoiseOptions],
) -> NDArray[Any]: ...
@overload
def alpha_dropout(
    x: np.ndarray[Shape, DType],
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[True],
    **options: Unpack[NoiseOptions],
) -> tuple[np.ndarray[Shape, DType], Key | None]: ...
@overload
def alpha_dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[True],
    **options: Unpack[NoiseOptions],
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def alpha_dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: bool,
    **options: Unpack[NoiseOptions],
) -> Result: ...
def alpha_dropout(
    x: ArrayLike,
    p: Probability = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    rng: RNGLike = None,
    out: NDArray[Any] | None = None,
    noise_shape: NoiseShape | None = None,
    offset: SupportsIndex = 0,
    return_key: bool = False,
    num_threads: SupportsIndex | None = None,
) -> Result:
    """Drop elements to the negative limit of SELU, and keep mean 0 and variance 1.

    Parameters
    ----------
    x : array_like
        Of any shape; float16, bfloat16, float32 or float64.
    p : float, optional
        Probability of an element to be dropped, in [0, 1].
    training : bool, optional
        If false, which is the default as in PyTorch, x itself is returned.
    inplace, rng, out, noise_shape, offset, return_key, num_threads
        As for `dropout`.

    Returns
    -------
    y : ndarray
        x, `out`, or a new array. With ``A = 1.7580993408473766`` and
        ``a = 1 / sqrt((A**2 * p + 1) * (1 - p))`` a kept element is ``a * x + a * A * p`` and a
        dropped one ``a * A * p - a * A``; for p = 1 all are 0. The coefficients are computed in
        double precision and rounded once to x's dtype. For float16 and bfloat16 they are rounded
        to float32, and the result is computed in float32 and rounded once.
    key : Key or None
        Only with ``return_key=True``. A gradient passes as
        ``a * dropout(grad, p, rng=key, scale=False)``; `AlphaDropout` does that.

    Raises
    ------
    ValueError
        As for `dropout`.
    TypeError
        As for `dropout`; and if x has a dtype other than those above.

    Notes
    -----
    For self-normalizing networks: Klambauer et al. (2017), arXiv:1706.02515, in the form of
    `torch.nn.functional.alpha_dropout`. The mask is that of `dropout` with the same key and p.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> x = np.random.default_rng(0).standard_normal(100_000)
    >>> y = fastdrop.alpha_dropout(x, 0.2, training=True, rng=1)
    >>> bool(abs(y.mean()) < 0.02), bool(abs(y.var() - 1) < 0.02)
    (True, True)
    """
    return _core.alpha_dropout(
        x, p, training, inplace, rng, out, noise_shape, False, offset, return_key, num_threads
    )


@overload
def feature_alpha_dropout(
    x: np.ndarray[Shape, DType],
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[False] = ...,
    **options: Unpack[Options],
) -> np.ndarray[Shape, DType]: ...
@overload
def feature_alpha_dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[False] = ...,
    **options: Unpack[Options],
) -> NDArray[Any]: ...
@overload
def feature_alpha_dropout(
    x: np.ndarray[Shape, DType],
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[True],
    **options: Unpack[Options],
) -> tuple[np.ndarray[Shape, DType], Key | None]: ...
@overload
def feature_alpha_dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: Literal[True],
    **options: Unpack[Options],
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def feature_alpha_dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    return_key: bool,
    **options: Unpack[Options],
) -> Result: ...
def feature_alpha_dropout(
    x: ArrayLike,
    p: Probability = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    rng: RNGLike = None,
    out: NDArray[Any] | None = None,
    offset: SupportsIndex = 0,
    return_key: bool = False,
    num_threads: SupportsIndex | None = None,
) -> Result:
    """Drop whole channels as `alpha_dropout` drops elements.

    Parameters
    ----------
    x : array_like
        Of shape (N, C, ...), with two or more axes, and a dtype as for `alpha_dropout`.
    p, training, inplace, rng, out, return_key, num_threads
        As for `alpha_dropout`.
    offset : int, optional
        Position of the first channel's decision in the mask's stream, 0 or more.

    Returns
    -------
    y : ndarray
        As from `alpha_dropout`.
    key : Key or None
        Only with ``return_key=True``.

    Raises
    ------
    ValueError
        If x has fewer than two axes; and as for `dropout`.
    TypeError
        As for `alpha_dropout`.

    Notes
    -----
    The operation of `torch.nn.functional.feature_alpha_dropout`.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> y = fastdrop.feature_alpha_dropout(np.zeros((2, 3, 4)), 0.5, training=True, rng=10)
    >>> y.max(axis=2).round(3)
    array([[ 0.779, -0.779,  0.779],
           [-0.779,  0.779,  0.779]])
    """
    x = _core.as_array(x, inplace)
    shape = feature_noise(x)
    return _core.alpha_dropout(
        x, p, training, inplace, rng, out, shape, False, offset, return_key, num_threads
    )


def feature_noise(x: NDArray[Any]) -> tuple[int, ...]:
    """Return the noise shape of an array (N, C, ...) whose channels are dropped as wholes."""
    shape = _core.as_base_array(x).shape
    if len(shape) < 2:
        raise ValueError(
            f"feature_alpha_dropout takes x of shape (N, C, ...), but its shape is {shape}"
        )
    return shape[:2] + (1,) * (len(shape) - 2)
