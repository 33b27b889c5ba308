"""Allocations that fail, of array data or any of Python's, and what must then be as before."""

from __future__ import annotations

import ctypes
import gc
import pickle
import sys
import sysconfig
import types
from typing import Any

import every_call
import numpy as np

import fastdrop
from fastdrop.keys import KeyStream
from fastdrop.layer_base import Layer


class Allocator(ctypes.Structure):
    """NumPy's PyDataMemAllocator."""

    MALLOC = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    CALLOC = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
    REALLOC = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    FREE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
    _fields_ = [
        ("context", ctypes.c_void_p),
        ("malloc", MALLOC),
        ("calloc", CALLOC),
        ("realloc", REALLOC),
        ("free", FREE),
    ]


class Handler(ctypes.Structure):
    """NumPy's PyDataMem_Handler."""

    _fields_ = [
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("allocator", Allocator),
    ]


class ArrayData:
    """NumPy's allocator of array data: fails once, or from then on.

    It is set by NumPy's C API (NEP 49), called without a compiler.
    """

    turns = (False, True)

    def __init__(self) -> None:
        python = ctypes.pythonapi
        python.PyCapsule_New.restype = ctypes.py_object
        python.PyCapsule_GetPointer.restype = ctypes.c_void_p
        python.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
        core = getattr(np, "_core", None) or np.core  # NumPy 1.25
        api = python.PyCapsule_GetPointer(core._multiarray_umath._ARRAY_API, None)
        table = ctypes.cast(api, ctypes.POINTER(ctypes.c_void_p))
        self._set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(table[304])
        default = ctypes.PYFUNCTYPE(ctypes.py_object)(table[305])()
        own = Handler.from_address(python.PyCapsule_GetPointer(default, b"mem_handler")).allocator
        self._count, self._fails = 0, range(0)
        # To free is left to NumPy: it does so while an exception is set. All of this is kept as
        # long as an array may be freed by it.
        self._own, self._handler = (
            own,
            Handler(
                b"failing",
                1,
                Allocator(
                    own.context,
                    Allocator.MALLOC(lambda c, n: None if self._fail() else own.malloc(c, n)),
                    Allocator.CALLOC(lambda c, n, m: None if self._fail() else own.calloc(c, n, m)),
                    Allocator.REALLOC(
                        lambda c, p, n: None if self._fail() else own.realloc(c, p, n)
                    ),
                    own.free,
                ),
            ),
        )
        address = ctypes.byref(self._handler)
        self._capsule = python.PyCapsule_New(address, b"mem_handler", None)

    def _fail(self) -> bool:
        self._count += 1
        return self._count - 1 in self._fails

    def start(self, first: int, once: bool) -> None:
        """Let allocation `first`, counted from 0, fail, and all later ones unless it is `once`."""
        self._count, self._fails = 0, range(first, first + 1 if once else sys.maxsize)
        self._default = self._set_handler(self._capsule)

    def is_past(self) -> bool:
        """Return whether an allocation has failed."""
        return self._count > self._fails.start

    def stop(self) -> None:
        """Let no allocation fail."""
        self._set_handler(self._default)


def keep_code() -> None:
    """Add references to the code of all functions, those inside of them too.

    CPython 3.12 and 3.13 release a function's code twice if there is no memory to make the function
    or a generator expression: one of NumPy's own is freed while it is in use.
    """
    ahead = [x.__code__ for x in gc.get_objects() if isinstance(x, types.FunctionType)]
    found = {}
    while ahead:
        code = ahead.pop()
        if id(code) not in found:
            found[id(code)] = code
            ahead += [x for x in code.co_consts if isinstance(x, types.CodeType)]
            ctypes.c_uint32.from_address(id(code)).value += 10**6


class Everything:
    """All allocators of Python, objects' and others': fails once.

    Were all later ones to fail too, CPython would crash in places, such as in ContextVar.set.
    """

    turns = (True,)

    def __init__(self) -> None:
        import _testcapi  # type: ignore[import-not-found]

        self._set, self.stop = _testcapi.set_nomemory, _testcapi.remove_mem_hooks
        free_threaded = sysconfig.get_config_var("Py_GIL_DISABLED")  # counts elsewhere
        if (3, 12) <= sys.version_info < (3, 14) and not free_threaded:
            keep_code()

    def start(self, first: int, once: bool) -> None:
        """Let allocation `first`, counted from 0, fail."""
        self._set(first, first + 1)

    def is_past(self) -> bool:
        """Return whether it has failed: it is none of the next ones."""
        try:
            for _ in range(20):
                bytes(600)
        except MemoryError:
            return False
        return True


class State:
    """What a call could change: the arrays, the generators, the layer's stream, the process's."""

    def __init__(self, call: every_call.Call) -> None:
        self.objects = call.objects()
        self.arrays = [x for x in self.objects if isinstance(x, np.ndarray)]
        self.generators = [x for x in self.objects if isinstance(x, np.random.BitGenerator)]
        self.layers = [x for x in self.objects if isinstance(x, Layer)]
        self.streams = [x for x in self.objects if isinstance(x, KeyStream)]
        self.before = self.now()
        self.threads = fastdrop.get_num_threads()

    def now(self) -> list[Any]:
        """Return the bytes of the arrays, and where generators and streams stand."""
        return [
            [x.tobytes() for x in self.arrays],
            [repr(x.state) for x in self.generators],
            [x.state for x in self.streams],
            fastdrop.get_rng_state(),
        ]

    def save(self) -> None:
        """Note what `restore` writes back."""
        self.kept = [x.copy() for x in self.arrays]
        self.states = [x.state for x in self.generators]
        self.places = [(x.key, x.calls) for x in self.streams]
        self.dicts = [dict(x.__dict__) for x in self.layers]
        self.process = fastdrop.get_rng_state()

    def restore(self) -> None:
        """Undo what a call has done."""
        for x, kept in zip(self.arrays, self.kept, strict=True):
            if x.flags.writeable:
                x[...] = kept
        for generator, state in zip(self.generators, self.states, strict=True):
            generator.state = state
        for layer, attributes in zip(self.layers, self.dicts, strict=True):
            layer.__dict__.update(attributes)
        for stream, place in zip(self.streams, self.places, strict=True):
            stream.restart(*place)
        fastdrop.set_rng_state(self.process)
        fastdrop.set_num_threads(self.threads)

    def references(self) -> list[int]:
        """Count the references to each object."""
        return [sys.getrefcount(x) for x in self.objects]


def shown(result: Any) -> Any:
    """Return what two equal results have in common."""
    if isinstance(result, np.ndarray):
        return result.dtype.str, result.shape, result.tobytes()
    if isinstance(result, bytes):  # a pickle, in which NumPy writes an array in one of two ways
        return pickle.dumps(pickle.loads(result))
    return [shown(x) for x in result] if isinstance(result, (tuple, list)) else repr(result)


def try_call(call: every_call.Call, failing: Any, first: int, once: bool) -> tuple[Any, bool]:
    """Call while an allocation fails; return the result or the exception, and whether it failed."""
    failing.start(first, once)
    try:
        result = call()
    except BaseException as error:
        result = error
    past = failing.is_past()
    failing.stop()
    if isinstance(result, BaseException):
        result = result.with_traceback(None)
        result.__context__ = result.__cause__ = None
    return result, past


def check(call: every_call.Call, failing: Any) -> int:
    """Let each allocation of a call fail, alone and with all later ones; return how many.

    The call raises MemoryError and has changed nothing, or gives what it must.
    """
    state = State(call)
    state.save()
    expected = shown(call())
    state.restore()
    compared = call.function is not fastdrop.Key or call.arguments  # without, it is a random key
    failures = 0
    for once in failing.turns:
        past, first = True, 0
        while past:
            references = state.references()
            result, past = try_call(call, failing, first, once)
            where = f"{call}: allocation {first}{' alone' if once else ''} fails"
            # CPython and NumPy lose a MemoryError in places, and raise others.
            if isinstance(result, (MemoryError, SystemError, RuntimeError, pickle.PickleError)):
                assert state.now() == state.before, f"{where}: something was changed"
            else:
                assert not isinstance(result, BaseException), f"{where}: {result!r}"
                assert not compared or shown(result) == expected, f"{where}: another result"
            del result
            state.restore()
            now = state.references()
            if (first > 0 and not state.layers) or isinstance(failing, ArrayData):
                # Of the call itself, or of a layer's methods, CPython keeps the frame.
                assert now == references, f"{where}: {references} references became {now}"
            first += 1
        failures += first - 1
    return failures


def prints_an_array(call: every_call.Call) -> bool:
    """Return whether NumPy prints by locals(), which crashes without memory in CPython 3.13."""
    held = [x for thing in call.objects() for x in getattr(thing, "__dict__", {}).values()]
    prints = call.label.endswith("__repr__") and any(isinstance(x, np.ndarray) for x in held)
    return prints and sys.version_info[:2] == (3, 13)


def main(kind: str, *names: str) -> None:
    """Check the calls of some names; print what failed, and how many allocations there were."""
    failing = {"data": ArrayData, "everything": Everything}[kind]()
    gc.freeze()
    calls, total, failures = 0, 0, []
    for call in every_call.everything():
        if call.name in names and not prints_an_array(call):
            calls += 1
            try:
                total += check(call, failing)
            except AssertionError as error:
                failures.append(str(error).splitlines()[0])
    print(*failures, sep="\n")
    print(f"{calls} calls, {total} failures of allocations, {len(failures)} wrong")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main(*sys.argv[1:])
