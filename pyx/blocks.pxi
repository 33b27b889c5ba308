"""DropBlock: whole blocks of each channel are dropped, and the others scaled by what was kept."""
cimport numpy as cnp
from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint64_t

from fastdrop._keys cimport Key, KeySource, as_index, as_key_source, key_of_words
from kernels cimport *


cdef class Blocks(Drawing):
    """Draws the seeds of blocks, and grows them."""

    cdef:
        Dilation dilation
        cnp.ndarray seeds
        Py_ssize_t count        # of the seeds
        double gamma            # the probability of a seed
        double eps
        bint scale

    def __cinit__(self, tuple shape, int axes, size, double p, double eps, bint scale):
        """Describe blocks over the last `axes` axes of a shape without zeros."""
        cdef:
            Dilation *this = &self.dilation
            double total = p
            Py_ssize_t block = min(size, *shape[-axes:]), volume = 1, positions = 1
            int i, axis

        this.items = 1
        for i in range(<int> len(shape) - axes):
            this.items *= shape[i]
        for i in range(3):
            axis = i - 3
            this.shape[i] = shape[axis] if -axis <= axes else 1
            this.block[i] = block if -axis <= axes else 1
            total *= this.shape[i]
            volume *= this.block[i]
            positions *= this.shape[i] - this.block[i] + 1
        # As in torchvision.ops: the sum of all blocks has p of the elements.
        self.gamma = min(total / (<double> volume * <double> positions), 1)
        self.count = this.items * positions
        self.eps, self.scale = eps, scale
        self.seeds = words_for(self.count)

    cdef int draw(self, KernelArgs *args, cnp.ndarray bits) except -1:
        cdef:
            Dilation *this = &self.dilation
            int64_t kept = 0
            double size = <double> (this.items * this.shape[0] * this.shape[1] * this.shape[2])

        pack(args, self.seeds, self.count)
        this.seeds = <const uint64_t *> cnp.PyArray_DATA(self.seeds)
        this.keep = <uint64_t *> cnp.PyArray_DATA(bits)
        this.kept = &kept
        this.team = args.team
        with nogil:
            kernel.dilate(this)
        if self.scale:
            args.affine.scale = size / (kept + self.eps)
        return 0


cpdef double check_eps(eps) except -1:
    """Return eps as a double; raise unless it is a number of 0 or more."""
    cdef double value

    try:
        value = as_real(eps)
    except TypeError:
        raise TypeError(f"eps must be a real number, but got {eps!r}") from None
    if not (isfinite(value) and value >= 0):
        raise ValueError(f"eps must be finite, and 0 or more, but got {eps!r}")
    return value


cpdef object check_block(size):
    """Return the length of a block as an int; raise unless it is 1 or more."""
    size = as_index(size, "block_size")
    if size < 1:
        raise ValueError(f"block_size must be 1 or more, but got {size}")
    return size


def drop_block(
    x, p, block_size, int axes, trains, in_place, eps, rng, out, scales, filling, returns_key,
    num_threads,
):
    """What `fastdrop.blocks.drop_block2d` documents, over the last `axes` axes."""
    cdef:
        double probability = check_probability(p), room = check_eps(eps)
        object length = check_block(block_size), result
        cnp.ndarray source, fill
        KeySource keys
        Py_ssize_t size
        Decisions decisions
        Blocks blocks
        bint inplace = as_bool(in_place, "inplace"), return_key = as_bool(returns_key, "return_key")
        bint scale = as_bool(scales, "scale")
        bint drops = as_bool(trains, "training") and probability > 0
        KernelArgs args
        tuple pair = None
        Key key = None

    keys = as_key_source(rng)
    if num_threads is not None:
        num_threads = as_index(num_threads, "num_threads")
    x = convert(x, "x", inplace)
    fill = convert_fill(filling)
    source = numbers_of(x)
    fill = as_fill(filling, fill, source)
    check_axes(source, axes)
    size = cnp.PyArray_SIZE(source)
    set_team(&args, num_threads, size)
    result = output_array(x, source, inplace, out, drops)
    if return_key:
        pair, key = (keys, None), key_of_words(0, 0)
    if not drops:
        return in_pair(pair, copy_to(x, source, result), None)
    set_operation(&args, source, DROPOUT if scale else MASK, 0)
    shape = (<object> source).shape
    if size:
        blocks = Blocks(shape, axes, length, probability, room, scale)
    if size == 0 or blocks.gamma == 1:
        return in_pair(pair, clear(source, result, fill), None)
    decide(&decisions, source, None, None)
    args.offset = 0
    fd_set_probability(&args.params, blocks.gamma)
    fill = set_fill(&args, source, fill, None)
    result = carry_out(&args, source, result, &decisions, shape, None, keys, fill, None, blocks)
    if key is not None:
        key.k0, key.k1 = args.params.k0, args.params.k1
    return in_pair(pair, result, key)


cdef int check_axes(cnp.ndarray x, int axes) except -1:
    """Reject x unless it has channels of so many axes, in a batch or not."""
    if cnp.PyArray_NDIM(x) - axes not in (1, 2):
        names = "D, H, W" if axes == 3 else "H, W"
        raise ValueError(
            f"drop_block{axes}d takes x of shape (N, C, {names}) or (C, {names}), but its shape is "
            f"{(<object> x).shape}"
        )
    return 0
