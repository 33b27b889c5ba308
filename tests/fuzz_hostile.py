"""Objects whose own code is hostile: it raises, lies, or changes arrays while a call looks at them.

What such code raises is `OwnError`, which comes through a call as it is.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from fuzz import OwnError

Act = Callable[[], None]


def nothing() -> None:
    """Do nothing."""


def refuse(*_: Any, **__: Any) -> Any:
    """Raise the caller's own error."""
    raise OwnError("the caller's own")


# Subclasses of ndarray. Each has the values of an ndarray, so a call treats it as one.


class Plain(np.ndarray):
    """Has nothing of its own."""


class Finalizing(np.ndarray):
    """Raises where NumPy makes a view or a copy of its class."""

    armed = False

    def __array_finalize__(self, other: Any) -> None:
        if isinstance(other, Finalizing) and Finalizing.armed:
            refuse()


class Overriding(np.ndarray):
    """Answers to no function of NumPy's."""

    __array_priority__ = 1e9
    __array_ufunc__ = None  # type: ignore[assignment]
    __array_function__ = refuse
    __array_wrap__ = __array_prepare__ = refuse


class Lying(np.ndarray):
    """Has methods that do something else than ndarray's."""

    copy = astype = view = reshape = tolist = item = refuse
    __getitem__ = __setitem__ = __len__ = __iter__ = __bool__ = refuse
    __eq__ = __ne__ = __lt__ = __add__ = __mul__ = refuse
    __hash__ = None
    __array__ = __copy__ = __deepcopy__ = __reduce__ = refuse
    __repr__ = __str__ = __format__ = lambda self, *_: "Lying"  # type: ignore[assignment]


class Answering(np.ndarray):
    """Has an answer for every attribute that ndarray does not have."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return ((1,),)


class Raising(np.ndarray):
    """Raises for every attribute that ndarray does not have."""

    def __getattr__(self, name: str) -> Any:
        refuse()


SUBCLASSES = [Plain, Finalizing, Overriding, Lying, Answering, Raising, np.memmap, np.recarray]


# Objects that are converted


class ArrayLike:
    """Has `__array__`, which acts and returns what it is told to."""

    def __init__(self, returned: Callable[[], Any], act: Act = nothing) -> None:
        self.returned, self.act = returned, act
        self.last: Any = None  # what was returned

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        self.act()
        self.last = self.returned()
        return self.last

    def __repr__(self) -> str:
        return "ArrayLike"


class Interface:
    """Has `__array_interface__`."""

    def __init__(self, array: np.ndarray, **entries: Any) -> None:
        self.array = array
        self.entries = {**array.__array_interface__, **entries}

    @property
    def __array_interface__(self) -> Any:
        return self.entries


class Exporter:
    """Has `__dlpack__` only."""

    def __init__(self, array: np.ndarray, act: Act = nothing) -> None:
        self.array, self.act = array, act

    def __dlpack__(self, **options: Any) -> Any:
        self.act()
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


class Attributes:
    """Raises for every attribute."""

    def __getattr__(self, name: str) -> Any:
        refuse()

    def __repr__(self) -> str:
        return "Attributes"


class NoAttributes:
    """Raises for every attribute, those of all objects too."""

    def __getattribute__(self, name: str) -> Any:
        refuse()

    def __repr__(self) -> str:
        return "NoAttributes"


class Lazy:
    """A stand-in for an array that is not loaded."""

    chunks = ((2,), (3,))
    shape, dtype, ndim = (2, 3), np.dtype(float), 2
    __array__ = refuse


class Sparse:
    """A stand-in for a sparse matrix."""

    tocsr = toarray = refuse


# Numbers and flags


class Index:
    """Has `__index__`, which acts and returns what it is told to."""

    def __init__(self, value: Any, act: Act = nothing) -> None:
        self.value, self.act = value, act

    def __index__(self) -> Any:
        self.act()
        return self.value

    def __repr__(self) -> str:
        return f"Index({self.value!r})"


class Float:
    """Has `__float__`, which acts and returns what it is told to."""

    def __init__(self, value: Any, act: Act = nothing) -> None:
        self.value, self.act = value, act

    def __float__(self) -> Any:
        self.act()
        return self.value

    def __repr__(self) -> str:
        return f"Float({self.value!r})"


class Unshowable:
    """Raises when it is shown, which an error's message may do."""

    __repr__ = __str__ = __format__ = refuse


class Sequence:
    """Has a length, and entries that act."""

    def __init__(self, entries: Any, act: Act = nothing) -> None:
        self.entries, self.act = list(entries), act

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, i: int) -> Any:
        self.act()
        return self.entries[i]

    def __repr__(self) -> str:
        return f"Sequence({self.entries!r})"


# Random generators


class Duck:
    """Has the capsule and the lock of a bit generator."""

    def __init__(self, bits: Any, act: Act = nothing, **others: Any) -> None:
        self.bits, self.act, self.others = bits, act, others

    @property
    def capsule(self) -> Any:
        """Act, and return the capsule."""
        self.act()
        return self.others.get("capsule", self.bits.capsule)

    @property
    def lock(self) -> Any:
        """Act, and return the lock."""
        self.act()
        return self.others.get("lock", self.bits.lock)

    @property
    def state(self) -> Any:
        """That of the bit generator."""
        return self.bits.state


class Holder:
    """Has a bit generator."""

    def __init__(self, bits: Any, act: Act = nothing) -> None:
        self.bits, self.act = bits, act

    @property
    def bit_generator(self) -> Any:
        """Act, and return the bit generator."""
        self.act()
        return self.bits


class OwnLock:
    """A lock that acts when it is taken."""

    def __init__(self, act: Act = nothing) -> None:
        self.act, self.inner = act, threading.Lock()

    def __enter__(self) -> None:
        self.act()
        self.inner.acquire()

    def __exit__(self, *_: Any) -> None:
        self.inner.release()


class Locked(np.random.PCG64):
    """A bit generator with a lock of its own."""

    lock = OwnLock()  # type: ignore[assignment]


class Hidden(np.random.PCG64):
    """A bit generator that looks its attributes up itself."""

    def __getattribute__(self, name: str) -> Any:
        if name == "capsule":
            refuse()
        return super().__getattribute__(name)


CAPSULE_NAME = b"fastdrop.other"  # which a capsule does not copy


def other_capsule() -> Any:
    """Return a capsule of another name, which points to nothing that is a bit generator."""
    make = ctypes.pythonapi.PyCapsule_New
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return make(1, CAPSULE_NAME, None)


OTHER_CAPSULE = other_capsule()
