"""Key, KeyStream and what `rng=` accepts; compiled with the core, which reads them each call."""
cimport cython
import numpy as np

from cpython.number cimport PyNumber_Index
from cpython.object cimport PyTypeObject
from cpython.pycapsule cimport PyCapsule_GetPointer
from numpy.random cimport bitgen_t

from kernels cimport fd_fold_in


cdef object UNSEEDED = object()  # for a key whose words are set next


@cython.final
cdef class Key:
    """Key(seed=None)\n--\n
    A 128-bit key: with p and an element's index, all that a mask depends on.

    A key is immutable, hashable, picklable, and equal to one with the same words. Two calls with
    the same key and the same p have the same mask; keys made by `fold_in` or `spawn` have unrelated
    ones.

    Parameters
    ----------
    seed : int, numpy.random.SeedSequence or None, optional
        An int, not negative, or a `SeedSequence` always gives the same key: its
        ``generate_state(2, numpy.uint64)``. None, the default, takes entropy from the operating
        system.

    Raises
    ------
    TypeError
        If `seed` is of another type.
    ValueError
        If `seed` is negative.

    Examples
    --------
    >>> from fastdrop import Key
    >>> Key(42)
    Key.from_words(0x9f1e2e6dcd540ab7, 0xd57873dc79fb94b6)
    >>> Key(42) == Key(42)
    True
    """

    cdef uint64_t k0, k1

    def __cinit__(self, seed=None):  # not __init__, which could be called again on a key in use
        if seed is UNSEEDED:
            return
        if not isinstance(seed, np.random.SeedSequence):
            if seed is not None:
                kinds = "an integer, a numpy.random.SeedSequence or None"
                seed = check_seed(as_index(seed, "seed", kinds))
            seed = np.random.SeedSequence(seed)
        self.k0, self.k1 = map(int, seed.generate_state(2, np.uint64))

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
        """Derive the key of the n-th call, epoch, shard or whatever is counted.

        Parameters
        ----------
        n : int
            In 0 .. 2**63 - 1.
        *more : int
            Further numbers, folded in one after another: ``key.fold_in(epoch, item)`` is
            ``key.fold_in(epoch).fold_in(item)``.

        Returns
        -------
        Key
            The same for the same numbers; unrelated to this key and to the keys of other numbers.

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
            How many, 0 or more.

        Returns
        -------
        list of Key
            ``[key.fold_in(2**62), ..., key.fold_in(2**62 + n - 1)]``: far from the keys that a
            layer built with this key counts up from ``key.fold_in(0)``.

        Raises
        ------
        TypeError
            If `n` is not an integer.
        ValueError
            If `n` is negative.

        Notes
        -----
        A key has no state: unlike those of `numpy.random.SeedSequence.spawn`, the children are the
        same at each call.

        Examples
        --------
        >>> from fastdrop import Dropout, Key
        >>> first, second = (Dropout(0.5, rng=key) for key in Key(0).spawn(2))
        """
        n = as_index(n, "n")
        if not 0 <= n <= SPAWN_FROM:
            raise ValueError(f"n must be in 0 .. 2**62, but got {n}")
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
        from fastdrop.keys import key_from_words  # a name that outlives this module's
        return key_from_words, self.words


# The name by which users know the class; of a static type it cannot be set from Python.
(<PyTypeObject *> Key).tp_name = "fastdrop.Key"

# Children of spawn stand apart from the calls of a stream, which count up from 0.
SPAWN_FROM = 2**62


cdef Key key_of_words(uint64_t k0, uint64_t k1):
    cdef Key key = Key.__new__(Key, UNSEEDED)
    key.k0 = k0
    key.k1 = k1
    return key


@cython.final
cdef class KeyStream:
    """A key and a count of calls: call n that decides by chance takes ``key.fold_in(n)``.

    The process has one, for ``rng=None``, and so has each layer that is built with a seed. The
    count is read and raised in one step under the GIL, so threads that share a stream never
    share a mask.
    """

    cdef readonly Key key
    cdef readonly uint64_t calls  # keys taken so far

    def __init__(self, Key key not None, calls=0):
        self.restart(key, calls)

    def restart(self, Key key not None, calls=0):
        """Go to call `calls` of `key`."""
        calls = as_index(calls, "calls")
        if not 0 <= calls <= 2**63:
            raise ValueError(f"calls must be in 0 .. 2**63, but got {calls}")
        self.key = key
        self.calls = calls

    cdef int take(self, fd_mask_params *params) except -1:
        cdef uint64_t words[2]
        if self.calls >= 2**63:
            raise OverflowError("a stream has no more than 2**63 keys")
        fd_fold_in(words, self.key.k0, self.key.k1, self.calls)
        self.calls += 1
        params.k0 = words[0]
        params.k1 = words[1]

    def __reduce__(self):
        from fastdrop.keys import KeyStream
        return KeyStream, (self.key, self.calls)


cdef KeyStream process_stream = KeyStream(Key(None))


def restart_process_stream(Key key not None):
    """Go to the first call of `key` in the stream of ``rng=None``."""
    process_stream.restart(key)


Generator, BitGenerator = np.random.Generator, np.random.BitGenerator


# The key of the int that was seen last: to hash it takes ten times as long as a small call.
cdef tuple last_seed = (None, None)


cpdef object check_rng(rng):
    """What `next_key` draws from: a Key, a KeyStream, or a BitGenerator's lock and capsule.

    Afterwards no code of the caller's own runs, such as that of a subclass.
    """
    global last_seed
    if rng is None:
        return process_stream
    if isinstance(rng, (Key, KeyStream)):
        return rng
    if isinstance(rng, (Generator, BitGenerator)):
        source = rng.bit_generator if isinstance(rng, Generator) else rng
        return source.lock, source.capsule, source
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool):
        if type(rng) is int and rng == last_seed[0]:
            return last_seed[1]
        key = Key(rng)
        if type(rng) is int:
            last_seed = (rng, key)
        return key
    if isinstance(rng, np.random.SeedSequence):
        return Key(rng)
    raise TypeError(
        "rng must be None, an int, a fastdrop.Key, or a numpy.random SeedSequence, "
        f"BitGenerator or Generator, but got {rng!r}"
    )


cdef int next_key(source, fd_mask_params *params) except -1:
    """Set the rule's key from what `check_rng` returned; a generator or a stream advances."""
    cdef bitgen_t *bits
    if isinstance(source, KeyStream):
        (<KeyStream> source).take(params)
    elif isinstance(source, Key):
        params.k0 = (<Key> source).k0
        params.k1 = (<Key> source).k1
    else:
        bits = <bitgen_t *> PyCapsule_GetPointer(source[1], "BitGenerator")
        with source[0]:
            params.k0 = bits.next_uint64(bits.state)
            params.k1 = bits.next_uint64(bits.state)
    return 0


cdef object check_seed(seed):
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, but got {seed}")
    return seed


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
