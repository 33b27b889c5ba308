"""Memory: calls of fastdrop.torch and fastdrop.dask leave none behind, errors included.

`FASTDROP_MEMORY_CALLS=100000 pytest tests/test_torch_memory.py` is the long run; of Dask,
which makes a graph for each call, it makes a hundredth of them.
"""

import numpy as np
import pytest
from test_memory import CALLS, assert_flat

torch = pytest.importorskip("torch")
fastdrop_torch = pytest.importorskip("fastdrop.torch")

SHAPES = {"dropout1d": (3, 4, 5), "dropout2d": (3, 4, 5, 2), "dropout3d": (2, 3, 4, 5, 2)}
FUNCTIONS = ["dropout", "alpha_dropout", "feature_alpha_dropout", "drop_path", *SHAPES]
MODULES = ["Dropout", "AlphaDropout", "FeatureAlphaDropout", "DropPath"]
MODULES += ["Dropout1d", "Dropout2d", "Dropout3d"]
# Blocks per round that the libraries keep in their own caches, by themselves: as in x + 1 of Dask.
PYTORCH, DASK = 0.5, 3


def refused(error, call):
    """Make a call that must raise."""
    try:
        call()
    except error:
        return
    raise AssertionError("it did not raise")


def calls_of(name):
    """Give calls of a function: each with another way through it."""
    function = getattr(fastdrop_torch, name)
    x = torch.ones(SHAPES.get(name, (6, 7)))
    watched, generator = x.clone().requires_grad_(), torch.Generator()

    def backward():
        watched.grad = None
        function(watched, 0.3, True).sum().backward()

    yield lambda: function(x, 0.3, True)
    yield lambda: function(x, 0.3, False)
    yield lambda: function(x, 1.0, True)
    yield lambda: function(x.double(), 0.3, True)
    yield lambda: function(x.clone(), 0.3, True, True)
    yield lambda: function(x.transpose(0, 1), 0.3, True)
    yield lambda: function(x, 0.3, True, generator=generator)
    yield backward
    yield lambda: torch.func.vmap(function, randomness="different")(torch.stack([x, x]))
    yield lambda: refused(ValueError, lambda: function(x, 1.5, True))
    yield lambda: refused(TypeError, lambda: function([1.0], 0.5, True))
    yield lambda: refused(RuntimeError, lambda: function(watched, 0.5, True, True))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")
def test_memory_is_flat_in_pytorch(name):
    calls = list(calls_of(name))
    assert_flat(calls, CALLS // len(calls), PYTORCH)


@pytest.mark.parametrize("name", MODULES)
def test_modules_leave_nothing_behind(name):
    module = getattr(fastdrop_torch, name)(0.3)
    x = torch.ones(SHAPES.get(name.lower(), (6, 7)), requires_grad=True)

    def step():
        x.grad = None
        module(x).sum().backward()

    assert_flat([step, module.state_dict, lambda: repr(module)], CALLS // 3, PYTORCH)


def test_every_function_and_module_is_called():
    public = set(fastdrop_torch.__all__)
    others = {"enable", "disable", "enabled", "replace", "restore", "seed_worker"}
    assert public - others == {*FUNCTIONS, *MODULES}


def test_a_tensor_that_is_kept_is_noticed():
    kept = []
    with pytest.raises(AssertionError, match="leave"):
        assert_flat([lambda: kept.append(fastdrop_torch.dropout(torch.ones(64), 0.5))], 50)


@pytest.mark.parametrize("name", ["dropout", "dropout1d", "dropout2d", "dropout3d", "keep_mask"])
def test_memory_is_flat_in_dask(name):
    da = pytest.importorskip("dask.array")
    import fastdrop.dask

    function = getattr(fastdrop.dask, name)
    x = da.from_array(np.ones(SHAPES.get(name, (6, 7))), chunks=2)
    first = ((6, 7),) if name == "keep_mask" else (x,)
    options = {"chunks": 3} if name == "keep_mask" else {"return_key": False}
    calls = [
        lambda: function(*first, p=0.3, rng=1, **options).compute(scheduler="sync"),
        lambda: function(*first, p=0.3, **options),
        lambda: refused(ValueError, lambda: function(*first, p=1.5, **options)),
        lambda: refused(TypeError, lambda: function([1.0], p=0.5, offset="a", **options)),
    ]
    assert_flat(calls, CALLS // len(calls) // 100, DASK)
