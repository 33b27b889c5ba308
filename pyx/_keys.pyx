"""Keys, and what `rng=` accepts: each a KeySource, which gives a key per call."""
cimport cython
from cpython.number cimport PyNumber_Index
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_IsValid
from libc.stdint cimport uint64_t
from numpy.random cimport bitgen_t

from kernels cimport fd_fold_in

from threading import Lock, RLock

import numpy as np

cdef extern from *:
    """
    /* Set the name by which users and pickles know a class. A static type has one name, which
     * Python code cannot set; the limited API makes types on the heap, whose module it can set. */
    static int fd_rename(PyObject *type, const char *module, const char *name)
    {
    #ifdef Py_LIMITED_API
        PyObject *value = PyUnicode_FromString(module);
        int result = value ? PyObject_SetAttrString(type, "__module__", value) : -1;
        Py_XDECREF(value);
        (void)name;
        return result;
    #else
        ((PyTypeObject *)type)->tp_name = name;
        (void)module;
        return 0;
    #endif
    }
    """
    int fd_rename(object type, const char *module, const char *name) except -1


cdef:
    object RandomState = np.random.RandomState
    object SeedSequence = np.random.SeedSequence
    object UNSEEDED = object()  # for a key whose words are set next
    # Children of spawn stand apart from the calls of a stream, which count up from 0.
    object SPAWN_FROM = 2**62
    object MAX_CHILDREN = 2**20
    uint64_t MAX_CALLS = <uint64_t> 1 << 63
    str SEEDS = "an integer, a sequence of integers, a numpy.random.SeedSequence or None"
    str SOURCES = (
        "None, an int, a sequence of ints, a fastdrop.Key, a numpy.random SeedSequence, "
        "BitGenerator, Generator or RandomState, or an object with a bit generator's capsule and "
        "lock"
    )


cdef class KeySource:
    cdef int next_key(self, uint64_t *words) except -1:
        raise NotImplementedError(f"{type(self).__name__} has no next_key")


@cython.final
cdef class Key(KeySource):
    """Key(seed=None)\n--\n
    A 128-bit key. A mask depends on the key, p and the position of each element, and nothing else.

    A key is immutable, hashable, picklable, and equal to any key with the same words. Two calls
    with the same key and the same p have the same mask. The masks of keys that `fold_in` or `spawn`
    made are unrelated.

    Parameters
    ----------
    seed : int, sequence of int, numpy.random.SeedSequence or None, optional
        A `SeedSequence` gives the key ``generate_state(2, numpy.uint64)``. An int or a sequence of
        ints, none negative, gives the key of ``SeedSequence(seed)``. A sequence is a list, a tuple
        or an integer array of one axis. None, the default, takes entropy from the operating system.

    Raises
    ------
    TypeError
        If `seed` is of another type.
    ValueError
        If `seed` is or holds a negative int, or is an empty sequence, which would give the key of
        0.

    Examples
    --------
    >>> from fastdrop import Key
    >>> Key(42)
    Key.from_words(0x9f1e2e6dcd540ab7, 0xd57873dc79fb94b6)
    >>> Key(42) == Key(42)
    True
    """

    def __cinit__(self, seed=None):  # not __init__, which could be called again on a key in use
        if seed is UNSEEDED:
            return
        seed = SeedSequence() if seed is None else seed_sequence(seed, "seed", SEEDS)
        self.k0, self.k1 = map(int, seed.generate_state(2, np.uint64))

    cdef int next_key(self, uint64_t *words) except -1:
        words[0] = self.k0
        words[1] = self.k1
        return 0

    @staticmethod
    def from_words(k0, k1):
        """Make a key from its two words.

        Parameters
        ----------
        k0, k1 : int
            The words, each in 0 .. 2**64 - 1.

        Returns
        -------
        Key

        Raises
        ------
        TypeError
            If a word is not an integer.
        ValueError
            If a word is out of range.

        Examples
        --------
        >>> from fastdrop import Key
        >>> Key.from_words(1, 2).words
        (1, 2)
        """
        return key_of_words(as_word(k0, "k0"), as_word(k1, "k1"))

    @property
    def words(self):
        """The key's two 64-bit words, a tuple of two ints."""
        return self.k0, self.k1

    def fold_in(self, n, *more):
        """Derive the key of the n-th call, epoch, shard or other unit.

        Parameters
        ----------
        n : int
            Number of the unit, in 0 .. 2**63 - 1.
        *more : int
            Further numbers, folded in one after another: ``key.fold_in(epoch, item)`` is
            ``key.fold_in(epoch).fold_in(item)``.

        Returns
        -------
        Key
            The same key for the same numbers. It is unrelated to this key and to the keys of other
            numbers.

        Raises
        ------
        TypeError
            If a number is not an integer.
        ValueError
            If a number is out of range.

        Examples
        --------
        >>> from fastdrop import Key
        >>> Key.from_words(1, 2).fold_in(5)
        Key.from_words(0x73815ca15bf2f50e, 0xf9e0c609eef36029)
        >>> Key(7).fold_in(3, 12) == Key(7).fold_in(3).fold_in(12)
        True
        """
        cdef uint64_t words[2]
        words[0], words[1] = self.k0, self.k1
        for number in (n, *more):
            number = as_index(number, "n")
            if not 0 <= number < 2**63:
                raise ValueError(f"n must be in 0 .. 2**63 - 1, but got {number}")
            fd_fold_in(words, words[0], words[1], number)
        return key_of_words(words[0], words[1])

    def spawn(self, n):
        """Derive `n` keys, one for each layer, worker or array of a program.

        Parameters
        ----------
        n : int
            Number of keys, in 0 .. 2**20.

        Returns
        -------
        list of Key
            ``[key.fold_in(2**62), ..., key.fold_in(2**62 + n - 1)]``. They differ from
            the keys of a layer built with this key, which counts up from ``key.fold_in(0)``.

        Raises
        ------
        TypeError
            If `n` is not an integer.
        ValueError
            If `n` is out of range.

        Notes
        -----
        A key has no state: each call gives the same children, unlike
        `numpy.random.SeedSequence.spawn`. For more keys than a list should hold, take
        ``key.fold_in(2**62 + i)`` where child i is needed.

        Examples
        --------
        >>> from fastdrop import Dropout, Key
        >>> first, second = (Dropout(0.5, rng=key) for key in Key(0).spawn(2))
        """
        n = as_index(n, "n")
        if not 0 <= n <= MAX_CHILDREN:
            raise ValueError(
                f"n must be in 0 .. 2**20, but got {n}: for more, take key.fold_in(2**62 + i) "
                "where child i is needed"
            )
        return [self.fold_in(SPAWN_FROM + i) for i in range(n)]

    def __eq__(self, other):
        if not isinstance(other, Key):
            return NotImplemented
        return self.words == other.words

    def __hash__(self):
        return hash(self.words)

    def __repr__(self):
        return f"Key.from_words({self.k0:#018x}, {self.k1:#018x})"

    def __reduce__(self):
        return key_from_words, (self.k0, self.k1)


cdef Key key_of_words(uint64_t k0, uint64_t k1):
    cdef Key key = Key.__new__(Key, UNSEEDED)
    key.k0 = k0
    key.k1 = k1
    return key


def key_from_words(k0, k1):
    """Make a Key. Pickles of keys call this function by its name."""
    return Key.from_words(k0, k1)


@cython.final
cdef class KeyStream(KeySource):
    """KeyStream(key, calls=0)\n--\n
    A key and a count of calls: call n that decides by chance takes ``key.fold_in(n)``.

    The process has a stream, for ``rng=None``, and each layer that is built with a seed has one.
    Threads that share a stream never share a mask: key and count are read or changed in one step,
    under the GIL or, in a free-threaded Python, in a critical section.
    """

    cdef Key base
    cdef uint64_t taken  # keys so far

    def __cinit__(self, Key key not None, calls=0):
        self.restart(key, calls)

    def restart(self, Key key not None, calls=0):
        """Go to call `calls` of `key`."""
        calls = as_index(calls, "calls")
        if not 0 <= calls <= MAX_CALLS:
            raise ValueError(f"calls must be in 0 .. 2**63, but got {calls}")
        with cython.critical_section(self):
            self.base = key
            self.taken = calls

    cdef int next_key(self, uint64_t *words) except -1:
        with cython.critical_section(self):
            if self.taken >= MAX_CALLS:
                raise OverflowError("a stream has no more than 2**63 keys")
            fd_fold_in(words, self.base.k0, self.base.k1, self.taken)
            self.taken += 1
        return 0

    cdef Key read(self, uint64_t *calls):
        """Return the key, and write the number of calls."""
        with cython.critical_section(self):
            calls[0] = self.taken
            return self.base

    @property
    def key(self):
        """The key from which the calls' keys are derived."""
        cdef uint64_t calls
        return self.read(&calls)

    @property
    def calls(self):
        """How many keys have been taken."""
        cdef uint64_t calls
        self.read(&calls)
        return calls

    @property
    def state(self):
        """Where the stream stands: ``{"key": (k0, k1), "calls": n}``."""
        cdef uint64_t calls
        cdef Key key = self.read(&calls)
        return {"key": (key.k0, key.k1), "calls": calls}

    def __reduce__(self):
        cdef uint64_t calls
        cdef Key key = self.read(&calls)
        return KeyStream, (key, calls)


fd_rename(Key, "fastdrop", "fastdrop.Key")
fd_rename(KeyStream, "fastdrop.keys", "fastdrop.keys.KeyStream")
key_from_words.__module__ = "fastdrop.keys"


# Locks that run no code of the caller's own: CPython's, and the one of NumPy's generators, which
# gevent may have replaced.
cdef object NUMPY_LOCK = type(np.random.PCG64(0).lock), LOCK = type(Lock()), RLOCK = type(RLock())


@cython.final
@cython.no_gc  # for speed: one is made in each call, and none is part of a reference cycle
cdef class GeneratorSource(KeySource):
    """A bit generator, whose next two 64-bit draws are the next key's words."""

    cdef readonly object bit_generator
    cdef object capsule, lock
    cdef bitgen_t *bits

    cdef int next_key(self, uint64_t *words) except -1:
        with self.lock:
            words[0] = self.bits.next_uint64(self.bits.state)
            words[1] = self.bits.next_uint64(self.bits.state)
        return 0


cdef KeyStream default_stream = KeyStream(Key())
cdef tuple last_seed = (None, None)  # an int and its key: hashing takes as long as ten small calls
cdef object SEEDING = object()  # of whose critical section last_seed is read and changed


def process_stream():
    """Return the stream of ``rng=None``: one object, as long as the process lives."""
    return default_stream


cpdef KeySource as_key_source(rng):
    """Return what gives the keys of a call with this `rng=`; reject anything else.

    Afterwards no code of the caller's own runs, such as that of a subclass.
    """
    global last_seed
    cdef KeySource source
    cdef tuple seen
    if rng is None:
        return default_stream
    if isinstance(rng, KeySource):
        return rng
    if type(rng) is int:
        with cython.critical_section(SEEDING):
            seen = last_seed
        if rng != seen[0]:
            seen = (rng, Key(rng))
            with cython.critical_section(SEEDING):
                last_seed = seen
        return seen[1]
    source = generator_source(rng)
    return Key(seed_sequence(rng, "rng", SOURCES)) if source is None else source


cdef GeneratorSource generator_source(rng):
    """Return the source that draws from rng's bit generator, or None if it has none."""
    cdef str name = "_bit_generator" if isinstance(rng, RandomState) else "bit_generator"
    cdef GeneratorSource source
    bit_generator = getattr(rng, name, rng)
    capsule = getattr(bit_generator, "capsule", None)
    if not PyCapsule_IsValid(capsule, "BitGenerator"):
        return None
    lock = getattr(bit_generator, "lock", None)
    kind = type(lock)
    if not (kind is NUMPY_LOCK or kind is LOCK or kind is RLOCK):
        raise TypeError(
            "the lock of rng's bit generator must be a threading.Lock or threading.RLock, but is "
            f"{lock!r}"
        )
    source = GeneratorSource.__new__(GeneratorSource)
    source.bits = <bitgen_t *> PyCapsule_GetPointer(capsule, "BitGenerator")
    source.bit_generator, source.capsule, source.lock = bit_generator, capsule, lock
    return source


cdef object seed_sequence(seed, str name, str kinds):
    """Return the SeedSequence of a seed; reject anything else."""
    if isinstance(seed, SeedSequence):
        return seed
    if isinstance(seed, (list, tuple)) or (isinstance(seed, np.ndarray) and seed.ndim == 1):
        try:
            entropy = [as_index(n, name) for n in seed]
        except TypeError:
            raise TypeError(f"{name} must be {kinds}, but got {seed!r}") from None
        if not entropy:
            raise ValueError(f"{name} must not be an empty sequence: pass at least one int")
        least = min(entropy)
    else:
        least = entropy = as_index(seed, name, kinds)
    if least < 0:
        raise ValueError(f"seed must be 0 or more, but got {least}")
    return SeedSequence(entropy)


cpdef object as_index(value, str name, str kinds="an integer"):
    """Return an integer as an int; reject anything else, bools too: they are flags."""
    if type(value) is int:
        return value
    if not isinstance(value, bool) and "bool" not in str(getattr(value, "dtype", "")):
        try:
            return PyNumber_Index(value)
        except TypeError:
            pass
    raise TypeError(f"{name} must be {kinds}, but got {value!r}")


cdef uint64_t as_word(value, str name) except? 0:
    value = as_index(value, name)
    if not 0 <= value < 2**64:
        raise ValueError(f"{name} must be in 0 .. 2**64 - 1, but got {value}")
    return value
