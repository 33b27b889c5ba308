"""What is accepted as an array, a probability or a flag, and what each error says."""

import re
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from arrays import assert_same_bytes, shown

import fastdrop
from fastdrop import apply_mask, dropout, keep_mask

CALLS = {
    "dropout": lambda x: dropout(x, 0.5),
    "evaluation": lambda x: dropout(x, 0.5, training=False),
    "p = 0": lambda x: dropout(x, 0.0),
    "in place": lambda x: dropout(x, 0.5, inplace=True),
    "alpha": lambda x: fastdrop.alpha_dropout(x, 0.5, True),
    "channels": lambda x: fastdrop.dropout1d(x, 0.5),
    "apply_mask": lambda x: apply_mask(x, True, 0.5),
    "layer": lambda x: fastdrop.Dropout()(x),
}


@pytest.fixture(params=CALLS)
def call(request):
    """Give each function that takes an x."""
    return CALLS[request.param]


# Arrays that would lose something


def test_a_masked_array_is_refused(call):
    x = np.ma.array(np.ones((4, 3)), mask=np.eye(4, 3))
    before = x.copy()
    with pytest.raises(TypeError, match=r"x is a MaskedArray.*x\.data") as caught:
        call(x)
    # In place, a filled copy would get the result, and the caller would not see it.
    assert ("x.filled(value)" in str(caught.value)) == (call is not CALLS["in place"])
    assert_same_bytes(x.data, before.data)
    assert_same_bytes(x.mask, before.mask)


def test_a_masked_array_is_refused_everywhere_else():
    masked = np.ma.array(np.ones(4), mask=[1, 0, 0, 0])
    with pytest.raises(TypeError, match=r"out is a MaskedArray.*lost: pass out\.data, which"):
        dropout(np.ones(4), 0.5, out=masked)
    with pytest.raises(TypeError, match=r"mask is a MaskedArray.*mask\.filled"):
        apply_mask(np.ones(4), masked > 0, 0.5)
    layer = fastdrop.Dropout()
    layer(np.ones(4))
    with pytest.raises(TypeError, match=r"grad is a MaskedArray.*grad\.data"):
        layer.backward(masked)
    with pytest.raises(TypeError, match=r"p is a Masked.*p\.filled"):
        dropout(np.ones(4), np.ma.array(0.5, mask=True))
    with pytest.raises(TypeError, match=r"p is a Masked.*p\.filled"):
        dropout(np.ones(4), np.ma.masked)
    assert masked.mask.sum() == 1


def nested(item, depth):
    """Nest an item in so many lists."""
    for _ in range(depth):
        item = [item]
    return item


@pytest.mark.parametrize(
    ("x", "name"),
    [
        ([np.ones(2), np.ma.array([1.0, 2.0], mask=[1, 0])], r"x\[1\]"),
        ([[np.ma.array([1.0, 2.0], mask=[1, 0])]], r"x\[0\]\[0\]"),
        (([np.ones(2)], [np.ma.array([1.0, 2.0], mask=[1, 0])]), r"x\[1\]\[0\]"),
        ([[1.0, 2.0], [3.0, np.ma.masked]], r"x\[1\]\[1\]"),
        ([np.float64(1), np.ma.masked], r"x\[1\]"),
    ],
)
def test_a_masked_array_in_a_list_is_refused(x, name):
    with pytest.raises(TypeError, match=rf"{name} is a Masked.*{name}\.filled"):
        dropout(x)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_a_list_in_itself_or_nested_too_deep_ends(depth):
    assert_same_bytes(dropout(nested([2.0], depth), 0.0), np.full((1,) * (depth + 1), 2.0))
    endless: list[object] = []
    endless.append(endless)
    for x in endless, nested(1.0, 100):
        with pytest.raises((TypeError, ValueError, RecursionError)):
            dropout(x)


def test_the_ways_out_of_a_masked_array_work(key):
    x = np.ma.array(np.ones(100), mask=np.arange(100) % 2)
    kept = keep_mask(100, 0.5, rng=key)
    assert_same_bytes(dropout(x.data, 0.5, rng=key), np.where(kept, 2.0, 0.0))
    y = dropout(x.filled(np.nan), 0.5, rng=key)
    assert_same_bytes(np.isnan(y), kept & x.mask)


# Arrays that would be loaded whole


class Stored:
    """A stand-in for an array in a file, or for one that is not computed yet."""

    dtype, shape, ndim = np.dtype(np.float64), (4, 3), 2

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("loaded")


def stored(attribute, value):
    return type("Stored" + attribute, (Stored,), {attribute: value})()


class Wrapper:
    """A wrapper that looks attributes up in what it wraps."""

    def __init__(self, x):
        self._x = x

    def __getattr__(self, name):
        return getattr(self._x, name)


LAZY = {
    "chunks": stored("chunks", ((2, 2), (3,))),
    "no chunks": stored("chunks", None),
    "chunking": stored("chunking", lambda self: "contiguous"),
    "chunkshape": stored("chunkshape", (2, 3)),
    "chunk_layout": stored("chunk_layout", None),
    "of h5py": type("View", (Stored,), {"__module__": "h5py._hl.dataset"})(),
    "delayed": stored("__dask_graph__", lambda self: {"x": 1}),
    "wrapped": Wrapper(stored("chunks", ((2, 2), (3,)))),
}


@pytest.mark.parametrize("x", LAZY.values(), ids=LAZY)
@pytest.mark.parametrize("name", [name for name in CALLS if name != "in place"])
def test_a_lazy_array_is_refused(name, x):
    with pytest.raises(TypeError, match=r"lazy, chunked or stored: pass np\.asarray\(x.*offset="):
        CALLS[name](x)


def test_a_lazy_array_is_refused_everywhere_else():
    x = LAZY["chunks"]
    with pytest.raises(TypeError, match=r"np\.asarray\(mask\)"):
        apply_mask(np.ones((4, 3)), x, 0.5)
    in_memory = type(x)()
    in_memory.chunks = None  # the class of lazy arrays, as with a wrapper of both kinds
    for listed, name in (([[1.0], x, x], r"x\[1\]"), ([[[1.0]], ([x],)], r"x\[1\]\[0\]\[0\]")):
        with pytest.raises(TypeError, match=rf"np\.asarray\({name}\)"):
            dropout(listed)
    with pytest.raises(TypeError, match=r"np\.asarray\(x\[1\]\)"):
        dropout([Wrapper(np.ones(3)), Wrapper(x)])
    layer = fastdrop.Dropout()
    layer(np.ones((4, 3)))
    with pytest.raises(TypeError, match=r"np\.asarray\(grad\)"):
        layer.backward(x)


def real_lazy_arrays(folder, at_end):
    """Return functions that make a lazy array of an installed package, and an argument for each.

    They put files into the folder, and pass the functions that close them to `at_end`.
    """
    values = np.arange(1, 101.0)

    def dask(kind):
        array = pytest.importorskip("dask.array").from_array(values, chunks=10)
        if kind == "array":
            return array
        if kind == "quantity":
            return pytest.importorskip("pint").UnitRegistry().Quantity(array, "m")
        if kind == "delayed":
            return pytest.importorskip("dask").delayed(np.ones)(5)
        frame = pytest.importorskip("pandas").DataFrame({"a": values})
        frame = pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=2)
        return frame if kind == "frame" else frame.a

    def h5py(kind):
        file = pytest.importorskip("h5py").File(folder / "x.h5", "w")
        at_end(file.close)
        if kind == "fields":
            return file.create_dataset("x", data=np.zeros(3, "f4,f4")).fields("f0")
        chunks = (10,) if kind == "chunked" else None
        data = file.create_dataset("x", data=values, chunks=chunks)
        return data.astype("f4") if kind == "astype" else data

    def xarray(kind):
        package = pytest.importorskip("xarray")
        return package.DataArray(values) if kind == "array" else package.Variable("x", values)

    def netcdf4(kind):
        file = pytest.importorskip("netCDF4").Dataset(folder / "x.nc", "w")
        at_end(file.close)
        file.createDimension("x", 100)
        variable = file.createVariable("x", "f8", ("x",))
        variable[:] = values
        return variable

    def tables(kind):
        file = pytest.importorskip("tables").open_file(folder / "t.h5", "w")
        at_end(file.close)
        return file.create_array("/", "x", values)

    return {
        **{
            f"dask {kind}": (dask, kind)
            for kind in ["array", "quantity", "delayed", "frame", "series"]
        },
        **{f"h5py {kind}": (h5py, kind) for kind in ["contiguous", "chunked", "astype", "fields"]},
        **{f"xarray {kind}": (xarray, kind) for kind in ("array", "variable")},
        "zarr": (lambda _: pytest.importorskip("zarr").array(values, chunks=(10,)), ""),
        "netCDF4": (netcdf4, ""),
        "PyTables": (tables, ""),
        "Blosc2": (lambda _: pytest.importorskip("blosc2").asarray(values), ""),
        "PyArrow": (lambda _: pytest.importorskip("pyarrow").chunked_array([values]), ""),
    }


@pytest.mark.parametrize("name", real_lazy_arrays(None, None))
@pytest.mark.filterwarnings("default")  # of those packages
def test_real_lazy_arrays_are_refused(name, tmp_path, request):
    make, kind = real_lazy_arrays(tmp_path, request.addfinalizer)[name]
    x = make(kind)
    for training in (True, False):
        with pytest.raises(TypeError, match="lazy, chunked or stored") as caught:
            dropout(x, 0.5, training)
    (way_out,) = re.findall(r"pass (np\.asarray\(x.*?\)) to load", str(caught.value))
    assert_same_bytes(dropout(eval(way_out), 0.0), np.asarray(eval(way_out)))


@pytest.mark.parametrize("name", ["npz", "dict", "h5py", "zarr", "xarray"])
def test_a_mapping_of_arrays_is_refused(name, tmp_path, request):
    values = {"a": np.ones(3), "b": np.ones(3)}
    if name == "npz":
        np.savez(tmp_path / "x.npz", **values)
        x = np.load(tmp_path / "x.npz")
        request.addfinalizer(x.close)
    elif name == "dict":
        x = values
    elif name == "h5py":
        x = pytest.importorskip("h5py").File(tmp_path / "x.h5", "w")
        x["a"] = values["a"]
        request.addfinalizer(x.close)
    elif name == "zarr":
        x = pytest.importorskip("zarr").group()
        x["a"] = values["a"]
    else:
        x = pytest.importorskip("xarray").Dataset({"a": ("x", values["a"])})
    with pytest.raises(TypeError, match="maps names to arrays: pass one of its arrays"):
        dropout(x)


class Odd:
    """A class whose own code raises an error."""

    @property
    def chunks(self):
        """Raise an error."""
        raise RuntimeError("the class's own")

    def __array__(self, dtype=None, copy=None):
        return np.ones(4)


def test_classes_with_code_of_their_own_are_arrays(key):
    nameless = type("Nameless", (), {"__array__": Odd.__array__, "__module__": None})
    with_attributes = type("Labelled", (np.ndarray,), {"mask": "of a label", "unmasked": None})
    arrays: list[object] = [Odd(), nameless(), np.ones(4).view(with_attributes)]
    for x in arrays:
        assert_same_bytes(dropout(x, 0.5, rng=key), dropout(np.ones(4), 0.5, rng=key))


# Arrays that are converted, and other messages


def test_frames_of_pandas_are_converted(key):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"chunks": np.arange(1.0, 101), "b": np.arange(1.0, 101)})
    y = dropout(frame, 0.5, rng=key)
    assert_same_bytes(y, dropout(frame.to_numpy(), 0.5, rng=key))
    y = dropout(frame["b"], 0.5, rng=key)
    assert_same_bytes(y, dropout(frame["b"].to_numpy(), 0.5, rng=key))


def test_masked_arrays_and_quantities_of_astropy(key):
    units = pytest.importorskip("astropy.units")
    masked = pytest.importorskip("astropy.utils.masked").Masked
    values = np.arange(1, 101.0)
    for x in (masked(values), masked(values * units.m)):
        with pytest.raises(TypeError, match=r"whose mask would be lost.*x\.unmasked"):
            dropout(x)
    y = dropout(values * units.m, 0.5, rng=key)
    assert type(y) is np.ndarray
    assert_same_bytes(y, dropout(values, 0.5, rng=key))


class Sparse:
    """A stand-in for a sparse matrix of SciPy."""

    data, nnz = np.ones(3), 3

    def tocsr(self):
        """Return the matrix itself."""
        return self

    def toarray(self):
        """Return an array of the matrix."""
        return np.eye(3)


@pytest.mark.parametrize(
    "name",
    [
        *["stand-in", "csr_matrix", "csr_array", "csc_array", "coo_array", "bsr_array"],
        *["dia_array", "dok_array", "dok_matrix", "lil_array"],
    ],
)
def test_a_sparse_matrix_is_refused_with_ways_out_that_work(name, key):
    x = Sparse()
    if name != "stand-in":
        x = getattr(pytest.importorskip("scipy.sparse"), name)(np.eye(3))
    match = rf"x is a sparse {type(x).__name__}: pass (.*), its stored elements, or (.*)$"
    with pytest.raises(TypeError, match=match) as caught:
        dropout(x)
    ((data, dense),) = re.findall(match, str(caught.value))
    assert_same_bytes(dropout(eval(data), 0.5, rng=key), dropout(np.ones(3), rng=key))
    assert_same_bytes(dropout(eval(dense), 0.0), np.eye(3))


def test_a_sparse_mask_has_one_way_out():
    mask = pytest.importorskip("scipy.sparse").csr_array(np.eye(3, dtype=bool))
    with pytest.raises(TypeError, match=r"mask is a sparse csr_array: pass mask\.toarray\(\)$"):
        apply_mask(np.ones((3, 3)), mask, 0)
    y = apply_mask(np.ones((3, 3)), mask.toarray(), 0)
    assert_same_bytes(y, np.eye(3))


def test_a_structured_array_is_refused(key):
    x = np.zeros(100, [("a", "f4"), ("b", "i4")])
    x["a"] = 1
    match = r"structured: drop whole records, x\[fastdrop\.keep_mask\(x\.shape, p\)\].*x\['a'\]"
    for array in (x, x.view(np.recarray)):
        with pytest.raises(TypeError, match=match):
            dropout(array)
    kept = keep_mask(x.shape, 0.5, rng=key)  # the ways out
    assert len(x[kept]) == kept.sum()
    named = np.zeros(3, [("name", "S3"), ("a", "f4")])
    with pytest.raises(TypeError, match=r"or a field, x\['a'\]$"):
        dropout(named)
    with pytest.raises(TypeError, match=r"structured: drop a field, x\['a'\]$"):
        dropout(x[0:1].reshape(()))
    with pytest.raises(TypeError, match=r"structured: drop whole records, [^']*$"):
        dropout(named[["name"]])
    assert_same_bytes(dropout(x["a"], 0.5, rng=key), np.where(kept, np.float32(2), np.float32(0)))


def test_raw_bytes_are_refused_with_their_likely_origin(tmp_path, key):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = np.ones(100, ml_dtypes.bfloat16)
    np.save(tmp_path / "x.npy", x)
    loaded = np.load(tmp_path / "x.npy")
    with pytest.raises(TypeError, match=r"\|V2.*raw bytes.*x\.view\(ml_dtypes\.bfloat16\)"):
        dropout(loaded)
    y = dropout(loaded.view(ml_dtypes.bfloat16), 0.5, rng=key)
    assert y.tobytes() == dropout(x, 0.5, rng=key).tobytes()


def test_tensors_that_numpy_cannot_hold(key):
    torch = pytest.importorskip("torch")
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = torch.ones(100, dtype=torch.bfloat16)
    with pytest.raises(TypeError, match=r"x is or holds a tensor of torch\.bfloat16.*x\.float\(\)"):
        dropout(x)
    with pytest.raises(TypeError, match=r"tensor of torch\.float8_e5m2.*x\.float\(\)$"):
        dropout(x.to(torch.float8_e5m2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that complex32 is experimental
        half = x.to(torch.complex32)
    with pytest.raises(TypeError, match=r"tensor of torch\.complex32.*x\.to\(torch\.complex64\)$"):
        dropout(half)
    with pytest.raises(TypeError, match="x is or holds a tensor"):
        dropout([x[0], x[1]])
    shared = x.view(torch.int16).numpy().view(ml_dtypes.bfloat16)  # the way out
    dropout(shared, 0.5, inplace=True, rng=key)
    assert set(x.tolist()) == {0.0, 2.0}


# One number


class Scalar:
    """A stand-in for a number of another library, such as a tensor without axes."""

    def __init__(self, value, shape=(), array=True):
        self.value, self.shape, self.array = value, shape, array
        self.dtype = f"library.{type(value).__name__}32"

    def __array__(self, dtype=None, copy=None):
        if not self.array:
            raise RuntimeError("on another device")
        return np.full(self.shape, self.value)

    def __float__(self):
        return float(self.value)


@pytest.mark.parametrize(
    "p",
    [
        *[np.float64(0.5), np.float32(0.5), np.float16(0.5), np.longdouble(0.5), np.array(0.5)],
        *[np.array(0.5, ">f4"), np.clongdouble(0.5).real, Fraction(1, 2), Decimal("0.5")],
        *[Scalar(0.5), Scalar(0.5, array=False)],
    ],
    ids=shown,
)
def test_a_number_of_any_kind_is_a_p(p, key):
    x = np.ones(100)
    y = dropout(x, 0.5, rng=key)
    assert_same_bytes(dropout(x, p, rng=key), y)
    assert_same_bytes(keep_mask(100, p, rng=key), y > 0)
    assert_same_bytes(apply_mask(x, y > 0, p), y)
    assert fastdrop.Dropout(p).p == 0.5


@pytest.mark.parametrize("p", [0, 1, np.int64(0), np.uint8(1), np.array(1), 10**400, -(10**400)])
def test_an_integer_is_a_p(p):
    x = np.ones(100)
    if p in (0, 1):
        assert dropout(x, p).sum() == 100 * (1 - p)
    else:
        with pytest.raises(ValueError, match=f"has to be between 0 and 1, but got {p}"):
            dropout(x, p)


@pytest.mark.parametrize(
    "p",
    [
        *[True, False, np.True_, np.False_, np.array(True), Scalar(True)],
        *[0.5 + 0j, np.complex64(0.5), np.array(0.5 + 0j), np.clongdouble(0.5)],
        *[np.timedelta64(1, "s"), np.array(True, object), np.array(0.5, object), Scalar(0.5 + 0j)],
        *["0.5", b"0.5", None, {}, np.array("0.5"), np.datetime64(1, "s"), object()],
    ],
    ids=shown,
)
@pytest.mark.parametrize("training", [True, False])
def test_what_is_not_real_is_no_p(p, training):
    x = np.ones(3)
    calls = [
        lambda: dropout(x, p, training),
        lambda: dropout(x, p, training, inplace=True),
        lambda: fastdrop.dropout1d(np.ones((2, 3)), p, training),
        lambda: fastdrop.alpha_dropout(x, p, training),
        lambda: keep_mask(3, p),
        lambda: apply_mask(x, True, p),
        lambda: fastdrop.Dropout(p),
        lambda: setattr(fastdrop.Dropout(), "p", p),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=r"p must be (one|a real|a) number, but got"):
            call()
    assert x.all()


@pytest.mark.parametrize(
    "p",
    [
        *[np.array([0.5]), np.array([[0.5]]), np.array([]), np.array([0.5, 0.5]), [0.5], (0.5,)],
        Scalar(0.5, (1,)),
    ],
    ids=shown,
)
def test_alpha_dropout_and_layers_take_one_p(p):
    """The other functions take an array of them: see test_probabilities.py."""
    calls = [
        lambda: fastdrop.alpha_dropout(np.ones(3), p, True),
        lambda: fastdrop.Dropout(p),
        lambda: setattr(fastdrop.Dropout(), "p", p),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=r"p must be (one|a real|a) number, but got"):
            call()


# Flags

FLAGS = {
    "training": lambda value: dropout(np.ones(3), 0.5, value),
    "inplace": lambda value: dropout(np.ones(3), 0.5, True, value),
    "scale": lambda value: dropout(np.ones(3), scale=value),
    "return_key": lambda value: dropout(np.ones(3), return_key=value),
    "packed": lambda value: keep_mask(3, packed=value),
    "channels' inplace": lambda value: fastdrop.dropout1d(np.ones((3, 3)), inplace=value),
    "alpha's training": lambda value: fastdrop.alpha_dropout(np.ones(3), 0.5, value),
    "apply_mask's inplace": lambda value: apply_mask(np.ones(3), True, 0, inplace=value),
    "apply_mask's packed": lambda value: apply_mask(np.ones(3), True, 0, packed=value),
    "apply_mask's scale": lambda value: apply_mask(np.ones(3), True, 0, scale=value),
    "a layer's inplace": lambda value: fastdrop.Dropout(0.5, value),
    "a layer's assigned inplace": lambda value: setattr(fastdrop.Dropout(), "inplace", value),
    "a layer's assigned training": lambda value: setattr(fastdrop.Dropout(), "training", value),
    "a layer's mode": lambda value: fastdrop.Dropout().train(value),
}


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize(
    "value",
    [*[0, 1, 0.5, None, "yes", "no", (None, 1), [], np.int64(1), np.ones(2), np.array(True)]],
    ids=shown,
)
def test_what_is_no_bool_is_no_flag(name, value):
    """For example an argument that is third or fourth in another framework."""
    with pytest.raises(TypeError, match=f"{name.split()[-1]} must be a bool, but got"):
        FLAGS[name](value)


@pytest.mark.parametrize("value", [True, np.True_])
def test_flags_of_python_and_of_numpy(value, key):
    x = np.ones(100)
    assert dropout(x, 0.5, value, value, rng=key, scale=value) is x
    assert set(x.tolist()) == {0.0, 2.0}
    no = np.False_ if value is np.True_ else False
    assert dropout(x, 0.5, no, no) is x
    layer = fastdrop.Dropout(0.5, value)
    assert layer.inplace is True
    assert layer.train(no).training is False
    assert layer.train(value).training is True


def test_a_flag_that_is_refused_changes_no_layer():
    layer = fastdrop.Dropout()
    for name in ("training", "inplace"):
        before = getattr(layer, name)
        with pytest.raises(TypeError, match=name):
            setattr(layer, name, 1)
        assert getattr(layer, name) is before


# Shapes


@pytest.mark.parametrize("shape", [True, (True, 2), np.True_, 1.5, (2, None), "3"])
def test_a_shape_has_integers(shape):
    with pytest.raises(TypeError, match="shape must be an int or a sequence of ints"):
        keep_mask(shape)
