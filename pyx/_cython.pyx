# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Calls from other Cython code: memoryviews in, no Python on the way (fastdrop/_cython.pxd).

Each does what the function of the same name in Python does, byte for byte, on contiguous memory
that the caller holds. The GIL is taken only to raise.
"""
from cython cimport floating
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport UINT64_MAX, uint64_t
from libc.string cimport memmove, memset

from kernels cimport (
    FD_MAX_THREADS,
    FD_WORD,
    Job,
    KernelArgs,
    Mask,
    Runtime,
    fd_fold_in,
    fd_set_probability,
)
from operations cimport PACK, SCALE_FLOAT32, SCALE_FLOAT64, SELECT4, SELECT8

from fastdrop import _core

# `fastdrop` itself is imported first of all, and hands the core its kernel.
cdef const Runtime *runtime = <const Runtime *> PyCapsule_GetPointer(
    _core.runtime, "fastdrop.runtime"
)


cdef KeyWords fold_in(KeyWords key, uint64_t n) noexcept nogil:
    cdef uint64_t words[2]

    fd_fold_in(words, key.k0, key.k1, n)
    return KeyWords(words[0], words[1])


cdef int dropout(
    const floating[::1] x,
    floating[::1] out,
    double p,
    KeyWords key,
    bint scale=True,
    uint64_t offset=0,
    int num_threads=1,
) except -1 nogil:
    cdef:
        Job job
        KernelArgs args

    set_job(&job, &args, x, out, p, scale)
    set_team(&args, num_threads)
    set_stream(&args, key, p, offset, job.size)
    if p == 0:
        memmove(job.y, job.x, bytes_of(&job))
    elif p == 1:
        memset(job.y, 0, bytes_of(&job))
    else:
        runtime.kernel.run(&job)
    return 0


cdef int keep_mask(
    uint64_t[::1] bits,
    Py_ssize_t size,
    double p,
    KeyWords key,
    uint64_t offset=0,
    int num_threads=1,
) except -1 nogil:
    cdef:
        Job job
        KernelArgs args

    check_probability(p)
    check_words(bits.shape[0], size)
    set_team(&args, num_threads)
    set_stream(&args, key, p, offset, size)
    if size == 0:
        return 0
    bits[bits.shape[0] - 1] = 0  # bits beyond the mask
    job.args = &args
    job.x = job.y = <char *> &bits[0]
    job.size = size
    job.layout = NULL
    args.operation = PACK
    args.item_bits = 1
    args.nontemporal = False
    if p == 0:
        set_bits(&bits[0], size)
    elif p == 1:
        memset(job.y, 0, 8 * bits.shape[0])
    else:
        runtime.kernel.run(&job)
    return 0


cdef int apply_mask(
    const floating[::1] x,
    floating[::1] out,
    const uint64_t[::1] bits,
    double p,
    bint scale=True,
    int num_threads=1,
) except -1 nogil:
    cdef:
        Job job
        KernelArgs args

    set_job(&job, &args, x, out, p, scale)
    set_team(&args, num_threads)
    check_words(bits.shape[0], job.size)
    if overlap(<const char *> &bits[0], 8 * bits.shape[0], job.y, bytes_of(&job)):
        raise_overlap()
    if p == 1 and scale:
        memset(job.y, 0, bytes_of(&job))
    elif job.size:
        run_masked(&job, &args, &bits[0])
    return 0


cdef inline int set_job(
    Job *job,
    KernelArgs *args,
    const floating[::1] x,
    floating[::1] out,
    double p,
    bint scale,
) except -1 nogil:
    """Check the arrays and p, and describe what is done to the elements."""
    cdef bint scales = scale and 0 < p < 1

    check_probability(p)
    if x.shape[0] != out.shape[0]:
        raise_lengths(x.shape[0], out.shape[0])
    job.args = args
    job.x = <const char *> &x[0]
    job.y = <char *> &out[0]
    job.size = x.shape[0]
    job.layout = NULL
    if floating is float:
        args.operation = SCALE_FLOAT32 if scales else SELECT4
    else:
        args.operation = SCALE_FLOAT64 if scales else SELECT8
    args.item_bits = 8 * sizeof(floating)
    args.affine.scale = 1 / (1 - p) if scales else 1
    args.affine.shift = 0
    args.affine.dropped = args.affine.dropped1 = args.affine.dropped2 = args.affine.dropped3 = 0
    args.nontemporal = job.x != job.y and bytes_of(job) >= runtime.nontemporal_min_bytes
    if job.x != job.y and overlap(job.x, bytes_of(job), job.y, bytes_of(job)):
        raise_overlap()
    return 0


cdef inline Py_ssize_t bytes_of(const Job *job) noexcept nogil:
    return job.size * job.args.item_bits // 8


cdef inline bint overlap(
    const char *x, Py_ssize_t x_bytes, const char *y, Py_ssize_t y_bytes
) noexcept nogil:
    return x < y + y_bytes and y < x + x_bytes


cdef inline int set_team(KernelArgs *args, int num_threads) except -1 nogil:
    """Choose the number of threads."""
    if num_threads < 1:
        raise_threads(num_threads)
    args.team = 1 if runtime.serial else min(num_threads, <int> FD_MAX_THREADS)
    args.gauged = False
    return 0


cdef inline int set_stream(
    KernelArgs *args, KeyWords key, double p, uint64_t offset, Py_ssize_t size
) except -1 nogil:
    """Let the stream of a key decide, from index `offset` on."""
    if size and offset > UINT64_MAX - <uint64_t> (size - 1):
        raise_offset(offset)
    args.mask = NULL
    args.region = NULL
    args.rates = NULL
    args.offset = offset
    args.params.k0 = key.k0
    args.params.k1 = key.k1
    if 0 < p < 1:
        fd_set_probability(&args.params, p)
    return 0


cdef void set_bits(uint64_t *bits, Py_ssize_t size) noexcept nogil:
    """Set the first `size` bits, by bytes: a packed mask has the same bytes on every machine."""
    memset(bits, 255, size // 8)
    if size % 8:
        (<unsigned char *> bits)[size // 8] = (1 << size % 8) - 1


cdef void run_masked(Job *job, KernelArgs *args, const uint64_t *bits) noexcept nogil:
    """Let a packed mask decide.

    A kernel looks at one word more than it needs, which the caller's mask does not have: what its
    last word decides is a job of its own.
    """
    cdef:
        Mask mask
        uint64_t last[2]
        Py_ssize_t size = job.size, head = (size - 1) // FD_WORD * FD_WORD

    mask.repeat = mask.cycles = 1
    mask.axes = 0
    mask.bits = bits
    mask.row = job.size = head
    args.mask = &mask
    args.region = NULL
    args.rates = NULL
    args.offset = 0
    last[0], last[1] = bits[head // FD_WORD], 0
    if head:
        runtime.kernel.run(job)
    job.x += head * args.item_bits // 8
    job.y += head * args.item_bits // 8
    mask.bits = last
    mask.row = job.size = size - head
    args.nontemporal = False
    runtime.kernel.run(job)


# What is refused, in the words of the Python calls.


cdef inline int check_probability(double p) except -1 nogil:
    if not 0 <= p <= 1:
        raise_probability(p)
    return 0


cdef inline int check_words(Py_ssize_t words, Py_ssize_t size) except -1 nogil:
    if size < 0 or words != size // FD_WORD + (size % FD_WORD != 0):
        raise_words(words, size)
    return 0


cdef int raise_probability(double p) except -1 with gil:
    raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


cdef int raise_lengths(Py_ssize_t x, Py_ssize_t out) except -1 with gil:
    raise ValueError(f"out must have x's shape ({x},), but its shape is ({out},)")


cdef int raise_overlap() except -1 with gil:
    raise ValueError("out must be x itself or share no memory with x, nor with bits")


cdef int raise_threads(int num_threads) except -1 with gil:
    raise ValueError(f"num_threads must be 1 or more, but got {num_threads}")


cdef int raise_offset(uint64_t offset) except -1 with gil:
    raise ValueError(f"the last element's index must be below 2**64, but offset is {offset}")


cdef int raise_words(Py_ssize_t words, Py_ssize_t size) except -1 with gil:
    if size < 0:
        raise ValueError(f"size must be 0 or more, but got {size}")
    raise ValueError(
        f"bits must have (size + 63) // 64 words, {(size + 63) // 64} for {size} elements, but its "
        f"shape is ({words},)"
    )
