"""The types of the functions: an array keeps its dtype, and `return_key` true returns a pair."""

from collections.abc import Sequence
from typing import Any, Literal, SupportsIndex, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdrop.keys import Key, RNGLike

Probability: TypeAlias = float | np.floating[Any]
NoiseShape: TypeAlias = Sequence[SupportsIndex | None] | NDArray[np.integer[Any]]

Shape = TypeVar("Shape", bound=tuple[Any, ...])
DType = TypeVar("DType", bound=np.dtype[Any])

@overload
def dropout(
    x: np.ndarray[Shape, DType],
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: NoiseShape | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> np.ndarray[Shape, DType]: ...
@overload
def dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: NoiseShape | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any]: ...
@overload
def dropout(
    x: np.ndarray[Shape, DType],
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: NoiseShape | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[True],
    num_threads: SupportsIndex | None = ...,
) -> tuple[np.ndarray[Shape, DType], Key | None]: ...
@overload
def dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: NoiseShape | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[True],
    num_threads: SupportsIndex | None = ...,
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: NoiseShape | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: bool,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any] | tuple[NDArray[Any], Key | None]: ...
@overload
def dropout1d(
    x: np.ndarray[Shape, DType],
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> np.ndarray[Shape, DType]: ...
@overload
def dropout1d(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any]: ...
@overload
def dropout1d(
    x: np.ndarray[Shape, DType],
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[True],
    num_threads: SupportsIndex | None = ...,
) -> tuple[np.ndarray[Shape, DType], Key | None]: ...
@overload
def dropout1d(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[True],
    num_threads: SupportsIndex | None = ...,
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def dropout1d(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: bool,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any] | tuple[NDArray[Any], Key | None]: ...

dropout2d = dropout1d
dropout3d = dropout1d

@overload
def alpha_dropout(
    x: np.ndarray[Shape, DType],
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: NoiseShape | None = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> np.ndarray[Shape, DType]: ...
@overload
def alpha_dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: NoiseShape | None = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any]: ...
@overload
def alpha_dropout(
    x: np.ndarray[Shape, DType],
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: NoiseShape | None = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[True],
    num_threads: SupportsIndex | None = ...,
) -> tuple[np.ndarray[Shape, DType], Key | None]: ...
@overload
def alpha_dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: NoiseShape | None = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[True],
    num_threads: SupportsIndex | None = ...,
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def alpha_dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: NoiseShape | None = ...,
    offset: SupportsIndex = ...,
    return_key: bool,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any] | tuple[NDArray[Any], Key | None]: ...
@overload
def feature_alpha_dropout(
    x: np.ndarray[Shape, DType],
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> np.ndarray[Shape, DType]: ...
@overload
def feature_alpha_dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any]: ...
@overload
def feature_alpha_dropout(
    x: np.ndarray[Shape, DType],
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[True],
    num_threads: SupportsIndex | None = ...,
) -> tuple[np.ndarray[Shape, DType], Key | None]: ...
@overload
def feature_alpha_dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[True],
    num_threads: SupportsIndex | None = ...,
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def feature_alpha_dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: RNGLike = ...,
    out: NDArray[Any] | None = ...,
    offset: SupportsIndex = ...,
    return_key: bool,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any] | tuple[NDArray[Any], Key | None]: ...
def feature_noise(x: NDArray[Any]) -> tuple[int, ...]: ...
