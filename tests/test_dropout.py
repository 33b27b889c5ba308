"""What a call of dropout does, beyond the mask itself."""

import inspect

import numpy as np
import pytest
import reference
from arrays import assert_same_bytes, awkward_numbers, numbers

import fastdrop
from fastdrop import Key, dropout
from fastdrop._core import BLOCK

N = 3 * BLOCK + 77


def expected(x, p, words, offset=0):
    """The reference's result in x's byte order."""
    return reference.dropout(np.asarray(x), p, words, offset).astype(x.dtype)


KEYWORDS = {
    "rng": None,
    "out": None,
    "noise_shape": None,
    "scale": True,
    "fill": 0,
    "count": None,
    "min_keep": None,
    "offset": 0,
    "origin": None,
    "full_shape": None,
    "return_key": False,
    "num_threads": None,
}
NOT_IN_ALPHA = {"scale", "fill", "count", "min_keep", "origin", "full_shape"}
WITHOUT = {
    "dropout": {"count", "min_keep"},
    "dropout1d": {"noise_shape"},
    "dropout2d": {"noise_shape"},
    "dropout3d": {"noise_shape"},
    "alpha_dropout": NOT_IN_ALPHA,
    "feature_alpha_dropout": {"noise_shape", *NOT_IN_ALPHA},
}


@pytest.mark.parametrize("name", WITHOUT)
def test_signatures_are_those_of_torch_and_then_keywords(name):
    parameters = inspect.signature(getattr(fastdrop, name)).parameters.values()
    assert [(q.name, q.default) for q in parameters if q.kind is q.POSITIONAL_OR_KEYWORD] == [
        ("x", inspect.Parameter.empty),
        ("p", 0.5),
        ("training", "alpha" not in name),
        ("inplace", False),
    ]
    keywords = [(q.name, q.default) for q in parameters if q.kind is q.KEYWORD_ONLY]
    assert keywords == [item for item in KEYWORDS.items() if item[0] not in WITHOUT[name]]


# Values


def test_kept_elements_are_scaled_and_dropped_ones_zero(dtype, key):
    x = numbers(1000, dtype)
    y = dropout(x, 0.3, rng=key)
    kept = y != 0
    scaled = reference.on_line(x, reference.scale_of(0.3, dtype), None)
    assert_same_bytes(y[kept], scaled[kept])
    assert not y[~kept].view(np.uint8).any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.0])
def test_dropped_elements_are_plus_zero_whatever_they_were(value, dtype, key):
    x = np.full(500, value, dtype)
    y = dropout(x, 0.5, rng=key)
    kept = dropout(np.ones(500, dtype), 0.5, rng=key) != 0
    assert y[~kept].tobytes() == bytes(dtype.itemsize * int((~kept).sum()))
    assert y[kept].tobytes() == x[kept].tobytes()


def test_integer_p_and_numpy_scalars_are_numbers(key):
    x = awkward_numbers(100)
    assert dropout(x, 0) is x
    assert not dropout(x, 1).any()
    assert_same_bytes(dropout(x, np.float64(0.5), rng=key), dropout(x, 0.5, rng=key))
    p = np.float32(0.1)
    assert_same_bytes(dropout(x, p, rng=key), dropout(x, float(p), rng=key))


# Evaluation, p = 0, p = 1: nothing is drawn


@pytest.mark.parametrize(("p", "training"), [(0.5, False), (0.0, True), (1.0, False), (0, False)])
def test_identity_returns_x_itself(p, training, dtype):
    x = awkward_numbers(10, dtype)
    assert dropout(x, p, training) is x
    assert dropout(x, p, training, inplace=True) is x
    y, key = dropout(x, p, training, return_key=True)
    assert y is x
    assert key is None


@pytest.mark.parametrize(("p", "training"), [(0.5, False), (0.0, True)])
def test_identity_copies_into_out(p, training, dtype):
    x = awkward_numbers((4, 5), dtype)
    out = np.zeros_like(x, order="F")
    assert dropout(x, p, training, out=out) is out
    assert_same_bytes(out, x)
    memory = awkward_numbers(30)
    values = memory[:20].copy()
    dropout(memory[:20], p, training, out=memory[5:25])
    assert_same_bytes(memory[5:25], values)


def test_identity_takes_any_number_and_read_only_memory():
    x = np.arange(5)
    assert dropout(x, 0.5, training=False) is x
    x.flags.writeable = False
    assert dropout(x, 0.5, training=False, inplace=True) is x


def test_p_1_gives_zeros_of_the_same_kind(dtype):
    x = np.asfortranarray(numbers((3, 4), dtype))
    y, key = dropout(x, 1.0, return_key=True)
    assert key is None
    assert y.flags.f_contiguous
    assert y.dtype == dtype
    assert y.tobytes() == bytes(x.nbytes)
    assert x.all()
    assert dropout(x, 1.0, inplace=True) is x
    assert not x.any()
    out = numbers((3, 4), dtype)
    assert dropout(numbers((3, 4), dtype), 1.0, out=out) is out
    assert not out.any()
    integers = np.arange(6)
    assert not dropout(integers, 1.0).any()


@pytest.mark.parametrize("call", [{"p": 0.0}, {"p": 1.0}, {"p": 0.5, "training": False}])
def test_where_nothing_is_decided_no_generator_advances(call):
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    dropout(np.ones(5), rng=rng, **call)
    dropout(np.ones(0), 0.5, rng=rng)
    assert rng.bit_generator.state == before


# In place and out


def test_inplace_writes_into_x_and_returns_it(dtype, key, words):
    x = awkward_numbers((7, 11), dtype)
    y = expected(x, 0.5, words)
    assert dropout(x, 0.5, inplace=True, rng=key) is x
    assert_same_bytes(x, y)


def test_out_is_written_and_returned(dtype, key, words):
    x = awkward_numbers((7, 11), dtype)
    out = np.full_like(x, 9)
    assert dropout(x, 0.5, rng=key, out=out) is out
    assert_same_bytes(out, expected(x, 0.5, words))
    assert dropout(x, 0.5, rng=key, out=x) is x
    assert_same_bytes(out, x)


@pytest.mark.parametrize("shift", [-100, -64, -3, -1, 0, 1, 3, 64, 100])
@pytest.mark.parametrize("threads", [1, 3])
def test_overlapping_out_sees_x_as_it_was(shift, threads, dtype, key, words):
    memory = awkward_numbers(N + 200, dtype)
    x = memory[100 : 100 + N]
    y = expected(x, 0.5, words)
    out = memory[100 + shift : 100 + shift + N]
    dropout(x, 0.5, rng=key, out=out, num_threads=threads)
    assert_same_bytes(out, y)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (np.s_[:100, :100], np.s_[1:101, :100]),
        (np.s_[:100, :100], np.s_[:100, 1:101]),
        (np.s_[:100], np.s_[99::-1]),
        (np.s_[:200:2], np.s_[1:201:2]),
        (np.s_[:100, ::2], np.s_[:100, 1::2]),
        (np.s_[99::-1], np.s_[:100]),
    ],
)
def test_overlapping_strided_out_sees_x_as_it_was(source, target, dtype, key, words):
    memory = awkward_numbers((202, 202), dtype)
    untouched = memory.copy()
    y = expected(memory[source], 0.5, words)
    dropout(memory[source], 0.5, rng=key, out=memory[target])
    assert_same_bytes(memory[target], y)
    untouched[target] = y
    assert_same_bytes(memory, untouched)


MODES = {
    "dropped": lambda x, out: dropout(x, 0.5, rng=1, out=out),
    "unscaled": lambda x, out: dropout(x, 0.5, rng=1, out=out, scale=False),
    "shared": lambda x, out: dropout(x, 0.5, rng=1, out=out, noise_shape=(x.size,), scale=False),
    "evaluation": lambda x, out: dropout(x, 0.5, False, out=out),
    "p = 0": lambda x, out: dropout(x, 0.0, out=out),
    "p = 1": lambda x, out: dropout(x, 1.0, out=out),
    "alpha": lambda x, out: fastdrop.alpha_dropout(x, 0.5, True, rng=1, out=out),
    "alpha evaluation": lambda x, out: fastdrop.alpha_dropout(x, 0.5, out=out),
    "mask": lambda x, out: fastdrop.apply_mask(x, np.arange(x.size) % 3 > 0, 0, out=out),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "name", ["bool", "uint8", "uint16", "int32", "float16", "bfloat16", "float64", "complex128"]
)
def test_any_overlap_of_one_axis_in_every_mode(mode, name):
    """Both strides forward: np.copyto does not look for overlap then."""
    if (mode.startswith("alpha") and name not in ("float16", "bfloat16", "float64")) or (
        mode == "dropped" and name not in ("float16", "bfloat16", "float64", "complex128")
    ):
        pytest.skip("such elements have no such operation")
    dtype = reference.dtype_of(name)
    n = 25
    whole = (np.arange(400) * 7 % 100 % 3).astype(dtype)  # 0, 1 and 2, or bools of both kinds
    for x_step, out_step in ((1, 1), (2, 6), (6, 2), (1, 3), (-2, 6), (3, -1), (1, 2)):
        for begin in range(100, 200, 7):
            memory = whole.copy()
            x = memory[150 : 150 + n * x_step : x_step]
            out = memory[begin : begin + n * out_step : out_step]
            expected = MODES[mode](x.copy(), np.zeros_like(out))
            untouched = memory.copy()
            assert MODES[mode](x, out) is out
            assert out.tobytes() == expected.tobytes()
            untouched[begin : begin + n * out_step : out_step] = expected
            assert memory.tobytes() == untouched.tobytes()


def test_transposed_overlap(key, words):
    x = awkward_numbers((150, 150))
    y = expected(x, 0.5, words)
    dropout(x, 0.5, rng=key, out=x.T)
    assert_same_bytes(x.T, y)


# Layouts


LAYOUTS = {
    "fortran": lambda x: np.asfortranarray(x),
    "transposed": lambda x: x.transpose(2, 0, 1),
    "every second": lambda x: x[:, :, ::2],
    "reversed": lambda x: x[::-1, :, ::-1],
    "window": lambda x: x[3:30, 2:40, 5:60],
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "new axes": lambda x: x[:, None, ::3, None],
    "one column": lambda x: x[:, :, 7],
    "contiguous": lambda x: x,
}


def unaligned(x):
    """A copy of x whose elements start a byte off."""
    memory = np.zeros(x.nbytes + 1, np.uint8)
    y = memory[1:].view(x.dtype).reshape(x.shape)
    y[...] = x
    return y


LAYOUTS["unaligned"] = unaligned


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("offset", [0, 12_345])
def test_the_mask_follows_logical_c_order(layout, offset, dtype, key, words):
    x = LAYOUTS[layout](awkward_numbers((40, 50, 70), dtype))
    y = expected(x, 0.3, words, offset)
    before = x.copy()

    fresh = dropout(x, 0.3, rng=key, offset=offset, num_threads=2)
    assert_same_bytes(fresh, y)
    assert fresh.dtype == x.dtype
    assert fresh.strides == np.empty_like(x).strides
    assert_same_bytes(x, before)

    for out in (np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype, "F"), x.copy()):
        assert dropout(x, 0.3, rng=key, offset=offset, out=out) is out
        assert_same_bytes(out, y)

    assert dropout(x, 0.3, rng=key, offset=offset, inplace=True) is x
    assert_same_bytes(x, y)


@pytest.mark.parametrize(
    "shape",
    [(64, 64), (65, 64), (64, 65), (127, 4095), (128, 4096), (200, 4097), (70, 9000), (1000, 64)],
)
@pytest.mark.parametrize("offset", [0, 16383])
def test_contiguous_columns(shape, offset, dtype, key, words):
    """Two axes, the first contiguous in memory: worked on in bands of 64 rows."""
    x = np.asfortranarray(awkward_numbers(shape, dtype))
    y = expected(x, 0.3, words, offset)
    for threads in (1, 3):
        options = {"rng": key, "offset": offset, "num_threads": threads}
        assert_same_bytes(dropout(x, 0.3, **options), y)
        memory = np.full((shape[0] + 5, 2 * shape[1]), 7, dtype, "F")
        whole = memory.copy()
        whole[3:-2, ::2] = y
        assert dropout(x, 0.3, out=memory[3:-2, ::2], **options).shape == shape
        assert_same_bytes(memory, whole)
        z = x[:, ::-1].copy("F")[:, ::-1]
        assert dropout(z, 0.3, inplace=True, **options) is z
        assert_same_bytes(z, y)
        z = np.empty(shape, dtype)
        dropout(x, 0.3, out=z, **options)
        assert_same_bytes(z, y)


def test_in_place_on_a_view_touches_nothing_else(dtype, key, words):
    memory = awkward_numbers((60, 70), dtype)
    whole = memory.copy()
    view = memory[5:50:3, 60:2:-2]
    whole[5:50:3, 60:2:-2] = expected(view, 0.5, words)
    dropout(view, 0.5, inplace=True, rng=key)
    assert_same_bytes(memory, whole)


def test_broadcast_x(dtype, key, words):
    x = np.broadcast_to(awkward_numbers((1, 300), dtype), (200, 300))
    assert_same_bytes(dropout(x, 0.5, rng=key), expected(x, 0.5, words))


def test_read_only_x_is_a_fine_source(dtype, key, words):
    x = awkward_numbers(1000, dtype)
    x.flags.writeable = False
    assert_same_bytes(dropout(x, 0.5, rng=key), expected(x, 0.5, words))


@pytest.mark.parametrize("mode", ["r", "c", "r+"])
def test_memory_mapped_x(mode, tmp_path, dtype, key, words):
    if dtype.isbuiltin != 1:
        pytest.skip("NumPy's files have no added dtypes")
    values = awkward_numbers((300, 200), dtype)
    np.save(tmp_path / "x.npy", values)
    x = np.load(tmp_path / "x.npy", mmap_mode=mode)
    y = dropout(x, 0.5, rng=key)
    assert type(y) is np.ndarray
    assert_same_bytes(y, expected(values, 0.5, words))
    if mode == "r":
        with pytest.raises(ValueError, match="read-only"):
            dropout(x, 0.5, inplace=True, rng=key)
    else:
        assert dropout(x, 0.5, inplace=True, rng=key) is x
        assert_same_bytes(x, y)
        on_disk = y if mode == "r+" else values
        assert_same_bytes(np.load(tmp_path / "x.npy"), on_disk)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 5), (1, 1, 1)])
def test_tiny_shapes(shape, dtype, key, words):
    x = awkward_numbers(shape, dtype) if shape else np.array(1.5, dtype)
    y, used = dropout(x, 0.5, rng=key, return_key=True)
    assert isinstance(y, np.ndarray)
    assert y.shape == shape
    assert y is not x
    assert_same_bytes(y, expected(x, 0.5, words))
    assert used == (key if x.size else None)
    assert dropout(x, 0.5, inplace=True, rng=key) is x
    assert_same_bytes(x, y)


def test_as_many_axes_as_numpy_allows(key, words):
    x = awkward_numbers(64).reshape((1,) * 13 + (2,) * 6 + (1,) * 13)
    for y in (x, x.T, np.asfortranarray(x)):
        assert_same_bytes(dropout(y, 0.5, rng=key), expected(y, 0.5, words))


# What is converted


@pytest.mark.parametrize("x", [[1.0, 2.0, 3.0], (1.0, 2.0), 1.5, np.float32(2), [[1.0], [2.0]]])
def test_array_likes_are_converted_as_by_asarray(x, key, words):
    array = np.asarray(x)
    y = dropout(x, 0.5, rng=key)
    assert y.dtype == array.dtype
    assert_same_bytes(y, expected(array, 0.5, words))
    assert_same_bytes(dropout(x, 0.5, training=False), array)


def test_objects_with_array_and_dlpack_protocols(key, words):
    values = awkward_numbers(10)

    class WithArray:
        def __array__(self, dtype=None, copy=None):
            return values

    class WithDLPack:
        def __dlpack__(self, **options):
            return values.__dlpack__()

        def __dlpack_device__(self):
            return values.__dlpack_device__()

    y = expected(values, 0.5, words)
    assert_same_bytes(dropout(WithArray(), 0.5, rng=key), y)
    assert_same_bytes(dropout(WithDLPack(), 0.5, rng=key), y)


class Hostile(np.ndarray):
    """A subclass whose methods do something else."""

    def __array_function__(self, *arguments, **options):
        raise AssertionError("asked")

    def __setitem__(self, *arguments):
        raise AssertionError("asked")

    def copy(self, order="C"):
        """Return something else."""
        return np.ones(1)

    strides = (0,)  # type: ignore[override]
    shape = (1,)  # type: ignore[override]
    ndim = 7
    dtype = np.dtype(np.float64)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_subclasses_are_their_plain_memory(p, key, words):
    memory = awkward_numbers(3 * BLOCK)
    x, out = memory[:20000].view(Hostile), memory[1000:21000].view(Hostile)
    y = expected(memory[:20000].copy(), p, words)
    assert dropout(x, p, rng=key, out=out) is out
    assert_same_bytes(memory[1000:21000], y)
    y = expected(memory[:20000:2].copy(), p, words)
    view = memory[:20000:2].view(Hostile)
    assert dropout(view, p, rng=key, inplace=True) is view
    assert_same_bytes(memory[:20000:2], y)


# The key of a call


def test_an_int_a_seed_sequence_and_a_key_give_the_same_mask_each_call():
    x = np.ones(1000)
    y = dropout(x, 0.5, rng=42)
    for rng in (42, np.int32(42), np.random.SeedSequence(42), Key(42)):
        for _ in range(2):
            z, used = dropout(x, 0.5, rng=rng, return_key=True)
            assert used == Key(42)
            assert_same_bytes(z, y)


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_a_generator_gives_two_64_bit_draws(kind):
    def bit_generator():
        return getattr(np.random, kind)(5)

    draws = np.random.Generator(bit_generator()).integers(0, 2**64 - 1, 4, np.uint64, endpoint=True)
    for rng in (bit_generator(), np.random.Generator(bit_generator())):
        for k0, k1 in draws.reshape(2, 2).tolist():
            _, used = dropout(np.ones(3), 0.5, rng=rng, return_key=True)
            assert used == Key.from_words(k0, k1)


def test_the_returned_key_makes_the_mask_again():
    x = np.ones(500)
    for rng in (None, 1, np.random.default_rng(1), Key(5)):
        y, key = dropout(x, 0.5, rng=rng, return_key=True)
        assert_same_bytes(dropout(x, 0.5, rng=key), y)


def test_none_takes_the_next_key_of_the_process():
    fastdrop.manual_seed(9)
    keys = [dropout(np.ones(3), 0.5, return_key=True)[1] for _ in range(3)]
    assert keys == [Key(9).fold_in(2**63 - 1).fold_in(n) for n in range(3)]
    fastdrop.manual_seed(Key(9))
    dropout(np.ones(3), 0.5, training=False)
    assert dropout(np.ones(3), 0.5, return_key=True)[1] == keys[0]
    fastdrop.manual_seed(None)
    assert dropout(np.ones(3), 0.5, return_key=True)[1] not in keys


class Meddling(np.random.Generator):
    """A generator that changes an array when it is asked for its bits."""

    def __init__(self, array):
        super().__init__(np.random.PCG64(1))
        self.array = array

    @property
    def bit_generator(self):
        """Called while a call is under way, and the last time that code of the caller's is."""
        self.array.flags.writeable = False
        return super().bit_generator


def test_the_callers_code_runs_before_the_checks():
    x, out = np.ones(100_000), np.zeros(100_000)
    with pytest.raises(ValueError, match="out is read-only"):
        dropout(x, 0.5, rng=Meddling(out), out=out)
    assert not out.any()


def test_an_int_is_the_same_key_each_time():
    for seed in (7, 8, 7, np.int64(7), 2**100, 7):
        for _ in range(2):
            assert dropout(np.ones(3), 0.5, rng=seed, return_key=True)[1] == Key(seed)


# Errors: named, and before anything is written or drawn


def refused(error, match, *arguments, **options):
    """Check that a call raises and changes no array and no generator."""
    arrays = [a for a in (*arguments, *options.values()) if isinstance(a, np.ndarray)]
    before = [a.tobytes() for a in arrays]
    rng = options.setdefault("rng", np.random.default_rng(0))
    state = rng.bit_generator.state if isinstance(rng, np.random.Generator) else None
    with pytest.raises(error, match=match):
        dropout(*arguments, **options)
    assert [a.tobytes() for a in arrays] == before
    if state is not None:
        assert rng.bit_generator.state == state


@pytest.mark.parametrize(
    "p", [-0.1, 1.1, np.nan, np.inf, -np.inf, -5e-324, np.nextafter(1, 2), 2, 10**400]
)
@pytest.mark.parametrize("training", [True, False])
def test_p_outside_0_to_1(p, training):
    message = rf"^dropout probability has to be between 0 and 1, but got {p}$"
    refused(ValueError, message, np.ones(3), p, training)
    refused(ValueError, message, np.ones(3), p, training, inplace=True)


@pytest.mark.parametrize("p", ["0.5", None, 1j])
def test_p_that_is_no_number(p):
    refused(TypeError, "p must be a real number, but got", np.ones(3), p)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_, np.longdouble, np.clongdouble])
def test_dtypes_that_cannot_be_scaled(dtype):
    x = np.ones(3, dtype)
    match = rf"{np.dtype(dtype).name}.*float32.*scale=False"
    refused(TypeError, match, x, 0.5)
    refused(TypeError, match, x, 0.5, inplace=True)
    refused(TypeError, match, x[:0], 0.5)


@pytest.mark.parametrize(
    "x",
    [
        np.array([None]),
        np.array(["a"]),
        np.array(["2020-01-01"], "M8[D]"),
        np.array([1], "m8[s]"),
        np.zeros(2, "f4,f4"),
        np.zeros(2, "V4"),
        np.array([b"a"]),
    ],
    ids=lambda x: str(x.dtype),
)
@pytest.mark.parametrize("training", [True, False])
def test_dtypes_that_are_no_numbers(x, training):
    with pytest.raises(TypeError, match="cannot drop elements of dtype"):
        dropout(x, 0.5, training)
    with pytest.raises(TypeError, match="cannot drop elements of dtype"):
        dropout(x, 0.0, training, inplace=True)


def test_what_is_not_an_array_cannot_be_changed_in_place():
    x = [1.0, 2.0]
    refused(TypeError, "inplace=True needs an ndarray.*list", x, 0.5, inplace=True)
    assert x == [1.0, 2.0]


def test_out_that_does_not_fit():
    x = np.ones((3, 4))
    refused(ValueError, r"\(3, 4\).*\(4, 3\)", x, out=np.ones((4, 3)))
    refused(ValueError, r"\(3, 4\).*\(12,\)", x, out=np.ones(12))
    refused(TypeError, "float64.*float32", x, out=np.ones((3, 4), np.float32))
    refused(TypeError, "float64.*>f8", x, out=np.ones((3, 4), ">f8"))
    refused(TypeError, "out must be an ndarray, but got list", x, out=[[1.0] * 4] * 3)
    refused(ValueError, "only one", x, inplace=True, out=x)
    refused(ValueError, "only one", x, training=False, inplace=True, out=np.ones((3, 4)))
    refused(ValueError, "shape", x, training=False, out=np.ones(3))


def test_read_only_targets():
    x = np.ones(5)
    out = np.zeros(5)
    out.flags.writeable = False
    for p in (0.5, 1.0):
        refused(ValueError, "read-only", out, p, inplace=True)
        refused(ValueError, "read-only", x, p, out=out)
    refused(ValueError, "read-only", x, training=False, out=out)


@pytest.mark.parametrize(
    ("shape", "strides"),
    [((3, 4), (0, 8)), ((5,), (4,)), ((4, 4), (8, 8)), ((3, 5), (24, 8)), ((2, 2, 2), (12, 8, 40))],
)
def test_targets_whose_elements_share_memory(shape, strides):
    memory = np.zeros(20)
    x = np.lib.stride_tricks.as_strided(memory, shape, strides)
    for p in (0.5, 1.0):
        refused(ValueError, "share memory or interleave.*strides", x, p, inplace=True)
        refused(ValueError, "share memory or interleave.*strides", np.ones(shape), p, out=x)


def test_a_target_of_a_billion_elements_in_a_million_places():
    """The elements need more bytes than they span; no two of them need be found."""
    memory = np.ones(10**6)
    x = np.lib.stride_tricks.sliding_window_view(memory, 1000, writeable=True)
    with pytest.raises(ValueError, match="share memory or interleave"):
        dropout(x, inplace=True)
    assert (memory == 1).all()


@pytest.mark.parametrize(("shape", "strides"), [((2, 3), (12, 8)), ((3, 2), (8, 12))])
def test_targets_whose_strides_interleave(shape, strides):
    """No two elements share a byte, but finding that out takes memory or time."""
    x = np.lib.stride_tricks.as_strided(np.zeros(40, np.float32), shape, strides)
    refused(ValueError, "share memory or interleave.*strides", x, inplace=True)


@pytest.mark.parametrize(
    ("shape", "strides"), [((3, 4), (8, 24)), ((1, 4), (0, 4)), ((2, 2), (-8, 4)), ((2, 5), (4, 8))]
)
def test_targets_in_any_order_of_their_axes(shape, strides, key, words):
    memory = np.ones(40, np.float32)
    x = np.lib.stride_tricks.as_strided(memory[8:], shape, strides)
    y = expected(x, 0.5, words)
    assert dropout(x, 0.5, inplace=True, rng=key) is x
    assert_same_bytes(x, y)


@pytest.mark.parametrize("offset", [-1, -(2**70), 2**64, 2**64 - 2, 2**80])
def test_offset_out_of_range(offset):
    refused(ValueError, rf"offset.*{offset}", np.ones(3), offset=offset)
    if offset != 2**64 - 2:
        refused(ValueError, rf"offset.*{offset}", np.ones(0), offset=offset)


@pytest.mark.parametrize("offset", [1.0, "1", None, True, np.False_])
def test_offset_that_is_no_integer(offset):
    refused(TypeError, "offset must be an integer", np.ones(3), offset=offset)


@pytest.mark.parametrize("num_threads", [0, -1])
def test_num_threads_out_of_range(num_threads):
    refused(ValueError, "num_threads must be 1 or more", np.ones(3), num_threads=num_threads)


@pytest.mark.parametrize("num_threads", [1.5, "2", True])
def test_num_threads_that_is_no_integer(num_threads):
    refused(TypeError, "num_threads must be an integer", np.ones(3), num_threads=num_threads)


@pytest.mark.parametrize(
    "rng", ["seed", b"1", 1.0, True, np.True_, np.random, (1, 2.0), [True], np.array([1.0])]
)
@pytest.mark.parametrize("training", [True, False])
def test_rng_of_another_type(rng, training):
    refused(TypeError, "rng must be None, an int", np.ones(3), 0.5, training, rng=rng)


@pytest.mark.parametrize("call", [{}, {"p": 0.0}, {"p": 1.0}, {"training": False}])
def test_negative_seed(call):
    refused(ValueError, "seed must be 0 or more, but got -1", np.ones(3), rng=-1, **call)
    refused(ValueError, "seed must be 0 or more, but got -1", np.ones(3), rng=-1)
    x = np.ones(3)
    with pytest.raises(ValueError, match="seed"):
        dropout(x, 0.5, inplace=True, rng=-1)
    assert x.all()


def test_no_memory_for_the_result_is_an_error_before_any_draw():
    x = np.broadcast_to(np.ones(1), (2**46,))
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    with pytest.raises(MemoryError):
        dropout(x, 0.5, rng=rng)
    assert rng.bit_generator.state == state
