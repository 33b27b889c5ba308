from collections.abc import Sequence
from typing import Any, Literal, overload

from numpy.typing import ArrayLike, NDArray

from fastdrop.keys import Key, KeySource

@overload
def dropout(
    x: ArrayLike,
    p: float = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: Sequence[int | None] | None = ...,
    scale: bool = ...,
    offset: int = ...,
    return_key: Literal[False] = ...,
    num_threads: int | None = ...,
) -> NDArray[Any]: ...
@overload
def dropout(
    x: ArrayLike,
    p: float = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: Sequence[int | None] | None = ...,
    scale: bool = ...,
    offset: int = ...,
    return_key: Literal[True],
    num_threads: int | None = ...,
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def dropout1d(
    x: ArrayLike,
    p: float = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: int = ...,
    return_key: Literal[False] = ...,
    num_threads: int | None = ...,
) -> NDArray[Any]: ...
@overload
def dropout1d(
    x: ArrayLike,
    p: float = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: int = ...,
    return_key: Literal[True],
    num_threads: int | None = ...,
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def dropout2d(
    x: ArrayLike,
    p: float = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: int = ...,
    return_key: Literal[False] = ...,
    num_threads: int | None = ...,
) -> NDArray[Any]: ...
@overload
def dropout2d(
    x: ArrayLike,
    p: float = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: int = ...,
    return_key: Literal[True],
    num_threads: int | None = ...,
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def dropout3d(
    x: ArrayLike,
    p: float = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: int = ...,
    return_key: Literal[False] = ...,
    num_threads: int | None = ...,
) -> NDArray[Any]: ...
@overload
def dropout3d(
    x: ArrayLike,
    p: float = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    scale: bool = ...,
    offset: int = ...,
    return_key: Literal[True],
    num_threads: int | None = ...,
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def alpha_dropout(
    x: ArrayLike,
    p: float = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: Sequence[int | None] | None = ...,
    offset: int = ...,
    return_key: Literal[False] = ...,
    num_threads: int | None = ...,
) -> NDArray[Any]: ...
@overload
def alpha_dropout(
    x: ArrayLike,
    p: float = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    noise_shape: Sequence[int | None] | None = ...,
    offset: int = ...,
    return_key: Literal[True],
    num_threads: int | None = ...,
) -> tuple[NDArray[Any], Key | None]: ...
@overload
def feature_alpha_dropout(
    x: ArrayLike,
    p: float = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    offset: int = ...,
    return_key: Literal[False] = ...,
    num_threads: int | None = ...,
) -> NDArray[Any]: ...
@overload
def feature_alpha_dropout(
    x: ArrayLike,
    p: float = ...,
    training: bool = ...,
    inplace: bool = ...,
    *,
    rng: KeySource = ...,
    out: NDArray[Any] | None = ...,
    offset: int = ...,
    return_key: Literal[True],
    num_threads: int | None = ...,
) -> tuple[NDArray[Any], Key | None]: ...
def feature_noise(x: NDArray[Any]) -> tuple[int, ...]: ...
