from typing import Any, final

import numpy as np
from numpy.typing import NDArray

@final
class Key:
    def __new__(cls, seed: int | np.integer[Any] | np.random.SeedSequence | None) -> Key: ...
    @staticmethod
    def from_words(k0: int, k1: int) -> Key: ...
    @property
    def words(self) -> tuple[int, int]: ...
    def fold_in(self, n: int) -> Key: ...
    def spawn(self, n: int) -> list[Key]: ...
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
def check_rng(rng: Any) -> int: ...
def check_probability(p: Any) -> float: ...
def use(capsule: Any) -> None: ...
def as_array(x: Any, inplace: bool) -> NDArray[Any]: ...
def dropout(
    x: Any,
    p: Any,
    training: bool,
    inplace: bool,
    rng: Any,
    out: Any,
    noise_shape: Any,
    scale: bool,
    offset: Any,
    return_key: bool,
    num_threads: Any,
) -> Any: ...
def alpha_dropout(
    x: Any,
    p: Any,
    training: bool,
    inplace: bool,
    rng: Any,
    out: Any,
    noise_shape: Any,
    gradient: bool,
    offset: Any,
    return_key: bool,
    num_threads: Any,
) -> Any: ...
def packed_mask(size: int, p: Any, rng: Any, offset: Any, num_threads: Any) -> NDArray[Any]: ...
def apply_mask(
    x: Any,
    mask: Any,
    p: Any,
    inplace: bool,
    out: Any,
    packed: bool,
    scale: bool,
    num_threads: Any,
) -> NDArray[Any]: ...
