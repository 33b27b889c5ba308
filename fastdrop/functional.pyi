"""The types of the functions: with `return_key` true a pair is returned."""

from collections.abc import Sequence
from typing import Any, Literal, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdrop.keys import Key, KeySource

Probability: TypeAlias = float | np.floating[Any]
NoiseShape: TypeAlias = Sequence[SupportsIndex | None] | NDArray[np.integer[Any]]

@overload
def dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: NoiseShape | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any]: ...
@overload
def dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
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
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: NoiseShape | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: bool,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any] | tuple[NDArray[Any], Key | None]: ...
@overload
def dropout1d(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any]: ...
@overload
def dropout1d(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
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
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: bool,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any] | tuple[NDArray[Any], Key | None]: ...
@overload
def dropout2d(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any]: ...
@overload
def dropout2d(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[True],
    num_threads: SupportsIndex | None = ...,
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def dropout2d(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: bool,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any] | tuple[NDArray[Any], Key | None]: ...
@overload
def dropout3d(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any]: ...
@overload
def dropout3d(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[True],
    num_threads: SupportsIndex | None = ...,
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def dropout3d(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: SupportsIndex = ...,
    return_key: bool,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any] | tuple[NDArray[Any], Key | None]: ...
@overload
def alpha_dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: NoiseShape | None = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any]: ...
@overload
def alpha_dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
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
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: NoiseShape | None = ...,
    offset: SupportsIndex = ...,
    return_key: bool,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any] | tuple[NDArray[Any], Key | None]: ...
@overload
def feature_alpha_dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    offset: SupportsIndex = ...,
    return_key: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any]: ...
@overload
def feature_alpha_dropout(
    x: ArrayLike,
    p: Probability = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
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
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    offset: SupportsIndex = ...,
    return_key: bool,
    num_threads: SupportsIndex | None = ...,
) -> NDArray[Any] | tuple[NDArray[Any], Key | None]: ...
def feature_noise(x: NDArray[Any]) -> tuple[int, ...]: ...
