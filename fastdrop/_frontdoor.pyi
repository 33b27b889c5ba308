from typing import Any, SupportsIndex, final

import numpy as np
from numpy.typing import NDArray

@final
class Key:
    def __new__(cls, seed: SupportsIndex | np.random.SeedSequence | None) -> Key: ...
    @staticmethod
    def from_words(k0: SupportsIndex, k1: SupportsIndex) -> Key: ...
    @property
    def words(self) -> tuple[int, int]: ...
    def fold_in(self, n: SupportsIndex) -> Key: ...
    def spawn(self, n: SupportsIndex) -> list[Key]: ...
    def __hash__(self) -> int: ...
    def __eq__(self, other: object) -> bool: ...

@final
class Stream:
    """Accepted where `rng` is; see fastdrop.keys."""

    @property
    def key(self) -> Key: ...
    @property
    def calls(self) -> int: ...
    def __init__(self, key: Key, calls: int = 0) -> None: ...
    def restart(self, key: Key, calls: int = 0) -> None: ...

def restart_process_stream(key: Key) -> None: ...
def check_rng(rng: Any) -> Any: ...
def check_probability(p: Any) -> float: ...
def use(capsule: Any) -> None: ...
def as_flag(value: Any, name: str) -> bool: ...
def as_array(x: Any, inplace: Any) -> NDArray[Any]: ...
def plain(x: NDArray[Any]) -> NDArray[Any]: ...
def dropout(
    x: Any,
    p: Any,
    training: Any,
    inplace: Any,
    rng: Any,
    out: Any,
    noise_shape: Any,
    scale: Any,
    offset: Any,
    return_key: Any,
    num_threads: Any,
) -> Any: ...
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
) -> Any: ...
def keep_mask(
    shape: tuple[int, ...], p: Any, rng: Any, offset: Any, packed: Any, num_threads: Any
) -> Any: ...
def apply_mask(
    x: Any,
    mask: Any,
    p: Any,
    inplace: Any,
    out: Any,
    packed: Any,
    scale: Any,
    num_threads: Any,
) -> NDArray[Any]: ...
