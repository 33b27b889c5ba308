"""The types that the functions' signatures share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, SupportsIndex, TypeAlias, TypedDict, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdrop.keys import Key, RNGLike

Probability: TypeAlias = float | np.floating[Any]
Probabilities: TypeAlias = ArrayLike
NoiseShape: TypeAlias = Sequence[SupportsIndex | None] | NDArray[np.integer[Any]]
Result: TypeAlias = NDArray[Any] | tuple[NDArray[Any], Key | None]

Shape = TypeVar("Shape", bound=tuple[Any, ...])
DType = TypeVar("DType", bound=np.dtype[Any])
_Function = TypeVar("_Function", bound=Callable[..., Any])


class Options(TypedDict, total=False):
    """The keywords that all functions take, except `return_key`, which the overloads name."""

    rng: RNGLike
    out: NDArray[Any] | None
    offset: SupportsIndex
    num_threads: SupportsIndex | None


class NoiseOptions(Options, total=False):
    """Those of `alpha_dropout`."""

    noise_shape: NoiseShape | None


class PathOptions(Options, total=False):
    """Those of `drop_path`."""

    mode: Literal["row", "batch"]
    scale: bool
    fill: ArrayLike


class ChannelOptions(Options, total=False):
    """Those of `dropout1d`, `dropout2d` and `dropout3d`."""

    scale: bool
    fill: ArrayLike
    count: SupportsIndex | None
    min_keep: SupportsIndex | None
    origin: Sequence[SupportsIndex] | None
    full_shape: Sequence[SupportsIndex] | None


class DropoutOptions(NoiseOptions, total=False):
    """Those of `dropout`."""

    scale: bool
    fill: ArrayLike
    origin: Sequence[SupportsIndex] | None
    full_shape: Sequence[SupportsIndex] | None


class BlockOptions(TypedDict, total=False):
    """The keywords of `drop_block2d` and `drop_block3d`, except `return_key`."""

    eps: float
    rng: RNGLike
    out: NDArray[Any] | None
    scale: bool
    fill: ArrayLike
    num_threads: SupportsIndex | None


class CoarseOptions(TypedDict, total=False):
    """The keywords of `coarse_dropout`, except `return_mask`."""

    fill: ArrayLike
    rng: RNGLike
    inplace: bool
    out: NDArray[Any] | None


def typed_like(model: _Function) -> Callable[[Callable[..., Any]], _Function]:
    """Give a function the overloads of another that has the same parameters."""
    return lambda function: cast(_Function, function)
