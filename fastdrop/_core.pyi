from typing import Any

from numpy.typing import NDArray
from typing_extensions import disjoint_base

from fastdrop._keys import Key

BLOCK: int
PARALLEL_MIN_SIZE: int
MAX_THREADS: int
runtime: Any  # a capsule, for _cython.pyx

@disjoint_base
class Gauge:
    """See pyx/gauge.pxi."""

    @property
    def lost(self) -> float: ...
    @property
    def owed(self) -> float: ...
    @property
    def multiple(self) -> float: ...
    def allows_team(self) -> bool: ...
    def record(self, team: int, took: float, alone: float) -> None: ...

def check_probability(p: Any) -> float: ...
def check_eps(eps: Any) -> float: ...
def check_block(size: Any) -> int: ...
def use(capsule: Any, limit: Any) -> None: ...
def stay_serial() -> None: ...
def as_noise_shape(noise_shape: Any) -> tuple[int | None, ...]: ...
def as_thread_count(value: Any, name: str) -> int: ...
def team_size(num_threads: Any, size: int) -> int: ...
def as_bool(value: Any, name: str) -> bool: ...
def as_array(x: Any, inplace: Any, name: str = ...) -> NDArray[Any]: ...
def as_base_array(x: NDArray[Any]) -> NDArray[Any]: ...
def dropout(
    x: Any,
    p: Any,
    training: Any,
    inplace: Any,
    rng: Any,
    out: Any,
    noise_shape: Any,
    scale: Any,
    fill: Any,
    count: Any,
    min_keep: Any,
    axis: Any,
    offset: Any,
    origin: Any,
    full_shape: Any,
    return_key: Any,
    num_threads: Any,
) -> NDArray[Any] | tuple[NDArray[Any], Key | None]: ...
def alpha_dropout(
    x: Any,
    p: Any,
    training: Any,
    inplace: Any,
    rng: Any,
    out: Any,
    noise_shape: Any,
    gradient: bool,
    offset: Any,
    return_key: Any,
    num_threads: Any,
) -> NDArray[Any] | tuple[NDArray[Any], Key | None]: ...
def prepare(
    x: Any,
    in_place: Any,
    out: Any,
    filling: Any,
    writes: bool,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...
def keep_mask(
    shape: tuple[int, ...],
    p: Any,
    rng: Any,
    out: Any,
    count: Any,
    min_keep: Any,
    axis: Any,
    offset: Any,
    origin: Any,
    full_shape: Any,
    is_packed: Any,
    num_threads: Any,
) -> Any: ...
def apply_mask(
    x: Any,
    mask: Any,
    p: Any,
    in_place: Any,
    out: Any,
    is_packed: Any,
    scales: Any,
    filling: Any,
    num_threads: Any,
) -> NDArray[Any]: ...
def drop_block(
    x: Any,
    p: Any,
    block_size: Any,
    axes: int,
    trains: Any,
    in_place: Any,
    eps: Any,
    rng: Any,
    out: Any,
    scales: Any,
    filling: Any,
    returns_key: Any,
    num_threads: Any,
) -> NDArray[Any] | tuple[NDArray[Any], Key | None]: ...
def explain(
    x: Any,
    out: Any = ...,
    *,
    noise_shape: Any = ...,
    mask: Any = ...,
    scale: bool = ...,
    num_threads: Any = ...,
) -> dict[str, Any]: ...
