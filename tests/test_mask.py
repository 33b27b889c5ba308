"""The compiled mask and arithmetic equal the reference, bit for bit."""

import itertools

import numpy as np
import pytest
import reference
import vectors
from arrays import assert_same_bytes, awkward_numbers
from cases import number_of_cases

import fastdrop
from fastdrop._core import BLOCK

PROBABILITIES = [0.5, 0.1, 1 / 3, 1e-6, 1 - 2**-20, 2**-80, 5e-324, 1 - 2**-53]


def values(size, dtype):
    """Numbers of all magnitudes, with NaN, infinities, zeros of both signs and subnormals."""
    rng = np.random.default_rng(size)
    real = np.zeros(1, dtype).real.dtype
    parts = size * (dtype.itemsize // real.itemsize)
    spread = 14 if real == np.float16 else 60
    x = np.ldexp(rng.standard_normal(parts), rng.integers(-spread, spread, parts)).astype(real)
    smallest = np.nextafter(np.zeros(1, real), np.ones(1, real))[0]
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 5 * smallest, smallest]).astype(real)
    x[rng.integers(0, parts, parts // 8)] = rng.choice(special, parts // 8)
    return x.view(dtype)


def select(x, mask, p):
    """The result for a mask: x scaled where it is kept, else 0."""
    return reference.apply_mask(x, mask, p)


def kept(size, p, key, offset=0, **options):
    """Decisions of the compiled kernel, True where kept."""
    return fastdrop.dropout(np.ones(size, np.float32), p, rng=key, offset=offset, **options) != 0


# Against the reference


@pytest.mark.parametrize("p", PROBABILITIES)
def test_every_length_to_200(p, dtype, key, words):
    x = values(200, dtype)
    expected = reference.dropout(x, p, words)
    for size in range(201):
        assert_same_bytes(fastdrop.dropout(x[:size], p, rng=key), expected[:size])


@pytest.mark.parametrize("p", PROBABILITIES)
def test_lengths_around_words_and_blocks(p, dtype, key, words):
    x = values(3 * BLOCK + 100, dtype)
    expected = reference.dropout(x, p, words)
    sizes = {
        at + near
        for at in [*range(0, 20 * 64, 64), BLOCK - 64, BLOCK, BLOCK + 64, 2 * BLOCK, 3 * BLOCK]
        for near in (-65, -64, -63, -1, 0, 1, 63, 64, 65)
        if at + near >= 0
    }
    for size in sorted(sizes):
        for threads in (1, 3):
            y = fastdrop.dropout(x[:size], p, rng=key, num_threads=threads)
            assert_same_bytes(y, expected[:size])


@pytest.mark.parametrize("first", [0, BLOCK - 66, 5 * BLOCK - 1, 123_456_789])
@pytest.mark.parametrize("p", PROBABILITIES)
def test_every_offset_in_two_words(p, first, dtype, key, words):
    x = values(200, dtype)
    mask = reference.keep(first, 400, p, words)
    for ahead in range(132):
        for size in (1, 63, 64, 65, 200):
            y = fastdrop.dropout(x[:size], p, rng=key, offset=first + ahead)
            assert_same_bytes(y, select(x[:size], mask[ahead : ahead + size], p))


def test_offsets_near_the_end_of_the_stream(dtype, key, words):
    x = values(BLOCK + 300, dtype)
    for offset in (2**63, 2**64 - x.size, 2**64 - x.size - 77):
        for threads in (1, 2):
            y = fastdrop.dropout(x, 0.3, rng=key, offset=offset, num_threads=threads)
            assert_same_bytes(y, reference.dropout(x, 0.3, words, offset))


@pytest.mark.parametrize("threads", range(1, 9))
def test_every_number_of_threads(threads, dtype, key, words):
    x = values(11 * BLOCK + 77, dtype)
    for offset, size in itertools.product((0, 1, BLOCK - 5), (x.size, 11 * BLOCK, 2 * BLOCK + 1)):
        y = fastdrop.dropout(x[:size], 0.1, rng=key, offset=offset, num_threads=threads)
        assert_same_bytes(y, reference.dropout(x[:size], 0.1, words, offset))


def test_random_search():
    """Cases over keys, p, place, dtype, layout, alignment, threads and target."""
    rng = np.random.default_rng(20261123)
    dtypes = ["<f4", "<f8", ">f4", ">f8"]
    numbers = {dtype: awkward_numbers(3 * BLOCK, dtype) for dtype in dtypes}
    for _ in range(max(number_of_cases(4000) // 25, 1)):
        words = tuple(rng.integers(0, 2**64, 2, dtype=np.uint64).tolist())
        key = fastdrop.Key.from_words(*words)
        p = float(rng.choice([*PROBABILITIES, rng.random(), rng.random() ** 8]))
        start = int(rng.choice([0, rng.integers(0, 2**20), rng.integers(0, 2**62)]))
        mask = reference.keep(start, 3 * BLOCK, p, words)
        for _ in range(25):
            size = int(rng.choice([rng.integers(0, 300), rng.integers(0, 3 * BLOCK)]))
            begin = int(rng.integers(0, 3 * BLOCK - size + 1))
            dtype = np.dtype(rng.choice(dtypes))
            step = int(rng.choice([1, 1, 2, -1, -3]))
            shift = int(rng.choice([0, 0, 1, 2, dtype.itemsize]))  # bytes past an aligned start
            memory = np.zeros(abs(step) * size * dtype.itemsize + shift + 8, np.uint8)
            whole = memory[shift : shift + abs(step) * size * dtype.itemsize].view(dtype)
            x = whole[::step]
            x[...] = numbers[dtype.str][begin : begin + size]
            expected = select(x, mask[begin : begin + size], p).astype(dtype)
            options = {"rng": key, "offset": start + begin, "num_threads": int(rng.integers(1, 5))}
            target = rng.choice(["fresh", "out", "inplace"])
            if target == "out":
                options["out"] = np.empty_like(x)
            elif target == "inplace":
                options["inplace"] = True
            y = fastdrop.dropout(x, p, **options)
            assert y.tobytes() == expected.tobytes(), (words, p, start + begin, size, dtype, step)


# The format's vectors, from the kernel


FORMAT_KEY = fastdrop.Key.from_words(*vectors.KEY)


def test_a_block_is_that_of_the_format():
    assert vectors.BLOCK == BLOCK


@pytest.mark.parametrize(("first", "draws"), vectors.DRAWS)
def test_draws_of_the_format(first, draws):
    """A draw r is told by p: its element is kept at p = r / 2^16 and dropped at (r + 1) / 2^16."""
    for i, r in enumerate(draws):
        assert kept(1, r / 2**16, FORMAT_KEY, first + i)[0]
        assert not kept(1, (r + 1) / 2**16, FORMAT_KEY, first + i)[0]


@pytest.mark.parametrize(
    ("p", "first", "later", "count"), [(p, *row[2:]) for p, *row in vectors.MASKS]
)
def test_words_and_counts_of_the_format(p, first, later, count):
    mask = kept(vectors.COUNT, p, FORMAT_KEY)
    words = np.packbits(mask, bitorder="little").view("<u8")
    assert words[0] == first
    assert words[vectors.WORD_AT // 64] == later
    assert mask.sum() == count


@pytest.mark.parametrize(
    ("p", "element", "decision"), [(p, i, decision) for p, i, _, decision in vectors.TIES]
)
def test_ties_of_the_format(p, element, decision):
    around = np.nextafter(p, 0), p, np.nextafter(p, 1)
    for begin in (element - 70, element - 1, element):  # in the body of a run, and in its tail
        for size in (element - begin + 1, element - begin + 200):
            decisions = [kept(size, q, FORMAT_KEY, begin)[element - begin] for q in around]
            assert decisions == vectors.AROUND_TIE[decision]


def test_ties_are_decided_one_by_one(key, words):
    """At p = 2^-17 every tie, draw 0, is decided by its hash: the whole of p lies there."""
    mask = kept(2**22, 2**-17, key)
    assert 0 < (~mask).sum() < 100
    assert_same_bytes(mask, reference.keep(0, 2**22, 2**-17, words))


# What follows from the format


def test_masks_nest(key):
    probabilities = [1e-9, 1e-6, 1e-3, 0.1, np.nextafter(0.1, 1), 0.3, 0.5, 0.9, 1 - 2**-20]
    masks = [kept(2**18, p, key) for p in probabilities]
    for looser, tighter in itertools.pairwise(masks):
        assert not (tighter & ~looser).any()


def test_pieces_equal_the_whole(dtype, key):
    x = values(3 * BLOCK + 5, dtype)
    whole = fastdrop.dropout(x, 0.4, rng=key, offset=3)
    rng = np.random.default_rng(1)
    for _ in range(20):
        cuts = np.sort(rng.integers(0, x.size, 9)).tolist()
        pieces = [
            fastdrop.dropout(x[begin:end], 0.4, rng=key, offset=3 + begin)
            for begin, end in itertools.pairwise([0, *cuts, x.size])
        ]
        assert_same_bytes(np.concatenate(pieces), whole)


def test_every_element_alone(key, words):
    x = np.ones(300)
    expected = reference.dropout(x, 0.5, words, 16_300)
    alone = [fastdrop.dropout(x[:1], 0.5, rng=key, offset=16_300 + i)[0] for i in range(300)]
    assert alone == expected.tolist()


def test_dtype_does_not_change_the_mask(key):
    x = np.ones(2 * BLOCK + 3)
    y = fastdrop.dropout(x, 0.3, rng=key)
    z = fastdrop.dropout(x.astype(np.float32), 0.3, rng=key)
    assert_same_bytes(y != 0, z != 0)


# Memory around the result


@pytest.mark.parametrize("size", [0, 1, 15, 16, 63, 64, 65, 127, 1000, BLOCK + 1])
def test_nothing_is_written_outside(size, dtype, key, words):
    guard = 256
    for shift in range(0, 17):
        memory = np.full(size + shift + 2 * guard, 7, dtype)
        out = memory[guard + shift : guard + shift + size]
        x = values(max(size, 1), dtype)[:size]
        fastdrop.dropout(x, 0.5, rng=key, out=out, num_threads=2)
        assert_same_bytes(out, reference.dropout(x, 0.5, words))
        assert (memory[: guard + shift] == 7).all()
        assert (memory[guard + shift + size :] == 7).all()


def test_a_result_stored_past_the_cache_equals_its_pieces(dtype, key):
    """From 32 MiB, whatever the alignment; the pieces of 1 MiB and less are stored as usual."""
    size, guard, step = 2**25 // dtype.itemsize + 77, 64, 100_003
    x = awkward_numbers(size, dtype)
    pieces = [
        fastdrop.dropout(x[begin : begin + step], 0.3, rng=key, offset=5 + begin)
        for begin in range(0, size, step)
    ]
    expected = np.concatenate(pieces)
    for shift, threads in itertools.product((0, 1, 3, 15), (1, 3)):
        memory = np.full(size + shift + 2 * guard, 7, dtype)
        out = memory[guard + shift : guard + shift + size]
        fastdrop.dropout(x, 0.3, rng=key, offset=5, out=out, num_threads=threads)
        assert_same_bytes(out, expected)
        assert (memory[: guard + shift] == 7).all()
        assert (memory[guard + shift + size :] == 7).all()
        x_memory = memory.copy()
        x_memory[guard + shift : guard + shift + size] = x
        in_place = x_memory[guard + shift : guard + shift + size]
        fastdrop.dropout(in_place, 0.3, rng=key, offset=5, out=in_place, num_threads=threads)
        assert_same_bytes(x_memory, memory)


def test_x_is_left_alone(dtype, key):
    x = values(1000, dtype)
    before = x.tobytes()
    fastdrop.dropout(x, 0.5, rng=key)
    assert x.tobytes() == before
