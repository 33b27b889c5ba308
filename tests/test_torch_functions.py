"""fastdrop.torch's functions: the values of NumPy's functions, in every layout, and the keys."""

import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from tensors import CASES, assert_same_values, dropped, next_key  # noqa: E402

import fastdrop  # noqa: E402
import fastdrop.torch  # noqa: E402

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.fixture(autouse=True)
def seed():
    """Give each test the same numbers and keys, whatever ran before."""
    torch.manual_seed(0)


def numbers(shape, dtype=torch.float32):
    """Random numbers, of which some are NaN, infinite or -0."""
    x = torch.randn(shape)
    for value in (torch.nan, torch.inf, -torch.inf, -0.0):
        x = torch.where(torch.rand(shape) < 0.05, value, x)
    if dtype.is_complex:
        return torch.complex(x.double(), torch.randn(shape).double()).to(dtype)
    return x.to(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", [0.1, 0.5, 1.0])
@pytest.mark.parametrize(("name", "shape", "decided"), CASES)
def test_values_are_those_of_numpy_functions(name, shape, decided, p, dtype):
    x = numbers(shape, dtype)
    expected = dropped(name, x, p, decided, next_key())
    function = getattr(fastdrop.torch, name)
    state = torch.get_rng_state()
    before = x.clone()
    y = function(x, p, True)
    assert y is not x
    assert_same_values(x, dropped(name, before, 0, None, None))
    assert_same_values(y, expected)
    torch.set_rng_state(state)
    z = function(x, p, True, True)
    assert z is x
    assert_same_values(x, expected)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_numbers_are_decided_as_wholes(dtype):
    x = numbers((3, 5, 7), dtype)
    expected = dropped("dropout", x, 0.3, None, next_key())
    assert_same_values(fastdrop.torch.dropout(x, 0.3), expected)


@pytest.mark.parametrize(
    "view", [torch.conj, lambda x: x.conj().imag, lambda x: torch._neg_view(x.real)]
)
@pytest.mark.parametrize("inplace", [False, True])
def test_lazily_conjugated_numbers(view, inplace):
    base = numbers((3, 5, 7), torch.complex64)
    x = view(base)
    assert x.is_conj() or x.is_neg()
    expected = dropped("dropout", x, 0.3, None, next_key())
    y = fastdrop.torch.dropout(x, 0.3, True, inplace)
    assert (y is x) == inplace
    assert_same_values(y, expected)


LAYOUTS = {
    "transposed": lambda: numbers((7, 6, 4, 5)).permute(1, 0, 3, 2),
    "channels_last": lambda: numbers((6, 7, 4, 5)).to(memory_format=torch.channels_last),
    "sliced": lambda: numbers((12, 7, 4, 10))[::2, :, :, ::2],
    "offset": lambda: numbers(841)[1:].view(6, 7, 4, 5),
    "expanded": lambda: numbers((6, 7, 1, 5)).expand(6, 7, 4, 5),
    "split": lambda: numbers((6, 7, 8, 5)).chunk(2, 2)[1],
}


@pytest.mark.parametrize("name", ["dropout", "dropout2d", "alpha_dropout"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_changes_nothing_and_stays_as_pytorch_keeps_it(layout, name):
    x = LAYOUTS[layout]()
    decided = 2 if name == "dropout2d" else None
    expected = dropped(name, x.contiguous(), 0.3, decided, next_key())
    y = getattr(fastdrop.torch, name)(x, 0.3, True)
    assert_same_values(y, expected)
    assert y.stride() == getattr(F, name)(x, 0.3, True).stride()


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "expanded"])
def test_in_place_works_in_any_layout(layout):
    x = LAYOUTS[layout]()
    expected = dropped("dropout", x, 0.3, None, next_key())
    stride, pointer, version = x.stride(), x.data_ptr(), x._version
    assert fastdrop.torch.dropout(x, 0.3, True, True) is x
    assert_same_values(x, expected)
    assert (x.stride(), x.data_ptr()) == (stride, pointer)
    assert x._version == version + 1  # so autograd notices


def test_a_call_that_raises_draws_nothing_and_writes_nothing():
    shared = torch.ones(3).expand(4, 3)
    with torch.inference_mode():
        inference = torch.ones(4)
    leaf = torch.ones(4, requires_grad=True)
    generator = torch.Generator()
    calls = [
        (ValueError, "between 0 and 1, but got 1.5", lambda: fastdrop.torch.dropout(leaf, 1.5)),
        (ValueError, "but got nan", lambda: fastdrop.torch.dropout(leaf, float("nan"))),
        (ValueError, "but got -1", lambda: fastdrop.torch.dropout(leaf, -1, False)),
        (RuntimeError, "share memory", lambda: fastdrop.torch.dropout(shared, 0.5, True, True)),
        (ValueError, "no axis", lambda: fastdrop.torch.drop_path(torch.ones(()), 0.5)),
        (
            ValueError,
            "mode must be 'row' or 'batch', but got 'rows'",
            lambda: fastdrop.torch.drop_path(leaf, 0.5, mode="rows"),
        ),
        (
            ValueError,
            "torch.int64 on cpu",
            lambda: fastdrop.torch.dropout(torch.ones(3, dtype=torch.int64), generator=generator),
        ),
        (
            RuntimeError,
            "inference_mode",
            lambda: fastdrop.torch.dropout(inference, 0.5, True, True),
        ),
        (RuntimeError, "leaf Variable that", lambda: fastdrop.torch.dropout(leaf, 0.5, True, True)),
        (
            TypeError,
            "must be a Tensor, not ndarray",
            lambda: fastdrop.torch.dropout(np.ones(3), 0.5),
        ),
        (
            TypeError,
            "must be a Tensor, not ndarray",
            lambda: fastdrop.torch.dropout1d(np.ones((2, 3)), 0.5),
        ),
        (TypeError, "must be a Tensor, not list", lambda: fastdrop.torch.drop_path([1.0], 0.5)),
    ]
    state = torch.get_rng_state()
    for kind, message, call in calls:
        with pytest.raises(kind, match=message):
            call()
        assert torch.equal(torch.get_rng_state(), state), message
    assert all((x == 1).all() for x in (shared, inference, leaf))


@pytest.mark.parametrize(("name", "shape", "decided"), CASES)
def test_evaluation_gives_the_tensor_itself_and_draws_nothing(name, shape, decided):
    state = torch.get_rng_state()
    function = getattr(fastdrop.torch, name)
    for x in (torch.ones(shape), torch.ones(shape, requires_grad=True), torch.ones((*shape, 0))):
        if x.numel():
            assert function(x, 0.5, False) is function(x, 0.0, True) is x
            function(x, 1.0, True)
    empty = torch.ones(0, 3)
    assert fastdrop.torch.dropout(empty) is empty
    assert torch.equal(torch.get_rng_state(), state)


def test_a_tensor_that_is_more_than_memory_draws_nothing_either_if_all_is_dropped():
    state = torch.get_rng_state()
    y = fastdrop.torch.dropout(torch.ones(3).as_subclass(Logged), 1.0)
    assert torch.equal(y, torch.zeros(3))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("training", [1, 0.0, None, "yes", torch.tensor(True)])
def test_training_is_a_bool_as_in_pytorch(training):
    for module in (F, fastdrop.torch):
        with pytest.raises(TypeError, match="bool"):
            module.dropout(torch.ones(3), 0.5, training)


@pytest.mark.parametrize("wrap", [torch.Tensor.clone, lambda x: x.as_subclass(Logged)])
def test_a_p_that_is_no_number_raises_before_a_key_is_drawn(wrap):
    state = torch.get_rng_state()
    for p in (np.array([0.5]), "0.5", None, 0.5 + 0j, torch.tensor([0.5, 0.5])):
        with pytest.raises((TypeError, RuntimeError)):
            fastdrop.torch.dropout(wrap(torch.ones(3)), p)
        assert torch.equal(torch.get_rng_state(), state)


def test_zeros_without_memory_and_memory_that_was_given_back():
    # PyTorch makes the first as derivatives, and ends the process for the second.
    zeros = torch._efficientzerotensor((3, 4))
    assert torch.equal(fastdrop.torch.dropout(zeros), torch.zeros(3, 4))
    freed = torch.ones(3)
    freed.untyped_storage().resize_(0)
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match=r"cannot be changed in place: pass input\.clone"):
        fastdrop.torch.dropout(zeros, 0.5, True, True)
    with pytest.raises(RuntimeError, match="its storage has been resized to 0"):
        fastdrop.torch.dropout(freed)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_seed_and_the_state_of_the_generator_decide():
    x = torch.ones(1000)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, second = fastdrop.torch.dropout(x), fastdrop.torch.dropout(x)
    assert not torch.equal(first, second)
    torch.manual_seed(5)
    assert torch.equal(fastdrop.torch.dropout(x), first)
    torch.set_rng_state(state)
    assert torch.equal(fastdrop.torch.dropout(x), first)
    with torch.random.fork_rng():
        assert torch.equal(fastdrop.torch.dropout(x), second)
    assert torch.equal(fastdrop.torch.dropout(x), second)


def test_a_generator_of_the_callers_own():
    x, generator = torch.ones(1000), torch.Generator().manual_seed(9)
    expected = dropped("dropout", x, 0.5, None, next_key(generator))
    state = torch.get_rng_state()
    y = fastdrop.torch.dropout(x, 0.5, generator=generator)
    assert_same_values(y, expected)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(fastdrop.torch.dropout(x, 0.5, generator=generator), y)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_what_the_core_does_not_take_goes_to_pytorch():
    nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)
    assert fastdrop.torch.dropout(nested, 0.5).is_nested
    nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    with pytest.raises(ValueError, match=r"input, nested, .* on cpu, goes to PyTorch"):
        fastdrop.torch.dropout(nested, 0.5, generator=torch.Generator())
    meta = torch.ones(3, device="meta")
    assert fastdrop.torch.dropout(meta, 0.5).device.type == "meta"
    assert fastdrop.torch.drop_path(meta, 0.5).device.type == "meta"
    integers = torch.ones(3, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="can't be cast"):
        fastdrop.torch.dropout(integers, 0.5)
    assert fastdrop.torch.dropout(integers, 0.5, False) is integers
    with pytest.warns(UserWarning, match="assuming that channel-wise 1D dropout"):
        y = fastdrop.torch.dropout2d(torch.ones(20, 30, 3))
    assert (y.amin(2) == y.amax(2)).all()
    with pytest.raises(RuntimeError, match="Expected 2D or 3D input"):
        fastdrop.torch.dropout1d(torch.ones(3))
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        fastdrop.torch.feature_alpha_dropout(torch.ones(3), 0.5, True)


DISTRIBUTED = """
import sys, warnings
import torch, torch.distributed, fastdrop.torch
warnings.simplefilter("ignore")  # PyTorch's own
from torch.distributed.tensor import DTensor, Shard, distribute_tensor, init_device_mesh
torch.distributed.init_process_group(
    "gloo", store=torch.distributed.HashStore(), rank=0, world_size=1
)
mesh = init_device_mesh("cpu", (1,))
x = distribute_tensor(torch.ones(50, 20, requires_grad=True), mesh, [Shard(0)])
fastdrop.torch.enable()
for call in (
    torch.nn.functional.dropout, fastdrop.torch.dropout, fastdrop.torch.drop_path,
    torch.compile(fastdrop.torch.dropout, backend="aot_eager"),
):
    y = call(x)
    (derivative,) = torch.autograd.grad(y.sum(), x)
    values = y.full_tensor().unique().tolist()
    print(isinstance(y, DTensor), values, torch.equal(derivative.full_tensor(), y.full_tensor()))
torch.distributed.destroy_process_group()
"""


@pytest.mark.skipif(not torch.distributed.is_available(), reason="a PyTorch without it")
def test_tensors_in_parts_on_several_processes_go_to_pytorch(run_python):
    assert (
        run_python(DISTRIBUTED, flags=["-W", "ignore"]).splitlines() == ["True [0.0, 2.0] True"] * 4
    )


def test_what_numpy_has_no_array_of_goes_to_pytorch():
    many = torch.ones((1,) * 33 + (100,))
    assert set(fastdrop.torch.dropout(many, 0.5).unique().tolist()) == {0.0, 2.0}
    assert set(fastdrop.torch.drop_path(many, 0.5).unique().tolist()) <= {0.0, 2.0}


def test_paths_of_a_tensor_that_the_core_does_not_take(monkeypatch):
    monkeypatch.setattr(fastdrop.torch.calls, "takes", lambda x, kind: False)
    for inplace in (False, True):
        x = torch.ones(50, 4)
        y = fastdrop.torch.drop_path(x, 0.5, True, inplace)
        assert (y is x) == inplace
        assert (y.amin(1) == y.amax(1)).all()
        assert set(y.unique().tolist()) == {0.0, 2.0}


class Logged(torch.Tensor):  # type: ignore[name-defined]
    """A subclass that overrides PyTorch's functions and counts them."""

    calls: list = []  # noqa: RUF012 # one for all, on purpose

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        cls.calls.append(function)
        return super().__torch_function__(function, types, arguments, keywords or {})


@pytest.mark.parametrize(("name", "shape", "decided"), CASES)
def test_a_subclass_is_asked_first_and_kept(name, shape, decided):
    function = getattr(fastdrop.torch, name)
    x = torch.randn(shape)
    expected = dropped(name, x, 0.5, decided, next_key())
    Logged.calls.clear()
    y = function(x.as_subclass(Logged), 0.5, True)
    assert Logged.calls[0] is function
    assert type(y) is Logged
    assert_same_values(y.as_subclass(torch.Tensor), expected)


def test_modes_see_an_operator():
    from torch.utils._python_dispatch import TorchDispatchMode

    seen = []

    class Mode(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
            seen.append(str(function))
            return function(*arguments, **(keywords or {}))

    x = torch.ones(100)
    expected = dropped("dropout", x, 0.5, None, next_key())
    with Mode():
        y = fastdrop.torch.dropout(x, 0.5)
    assert "fastdrop.drop.default" in seen
    assert_same_values(y, expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_a_traced_function_draws_in_each_call():
    # Deprecated, but used; what it records must not be memory that nobody has written.
    traced = torch.jit.trace(fastdrop.torch.dropout, torch.ones(1000), check_trace=False)
    y, z = traced(torch.ones(1000)), traced(torch.ones(1000))
    assert set(y.unique().tolist()) == {0.0, 2.0}
    assert not torch.equal(y, z)


def test_the_number_of_threads_is_pytorchs(monkeypatch):
    asked = []
    core = fastdrop._core.dropout

    def dropout(*arguments):
        asked.append(arguments[-1])
        return core(*arguments)

    monkeypatch.setattr(fastdrop._core, "dropout", dropout)
    monkeypatch.setattr(fastdrop.torch.tensors, "get_num_threads", lambda: 8)
    before = torch.get_num_threads()
    try:
        for limit in (1, 3, 8, 16):
            torch.set_num_threads(limit)
            fastdrop.torch.dropout(torch.ones(2**18))
            fastdrop.torch.dropout(torch.ones(1000))
    finally:
        torch.set_num_threads(before)
    # None lets the core decide, which has 8; a small call never wakes a team.
    assert asked == [1, 1, 3, 1, None, 1, None, 1]


def test_threads_that_share_the_generator_have_masks_of_their_own():
    results: list[list[bytes]] = [[] for _ in range(4)]

    def work(mine):
        for _ in range(50):
            mine.append(fastdrop.torch.dropout(torch.ones(2000), 0.5).numpy().tobytes())

    threads = [threading.Thread(target=work, args=(mine,)) for mine in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len({mask for mine in results for mask in mine}) == 200


def test_the_rate_is_p():
    for p in (0.01, 0.3, 0.9):
        y = fastdrop.torch.dropout(torch.ones(10**6), p)
        # 5.2 standard deviations: a false alarm in 5 million
        assert abs((y == 0).double().mean().item() - p) < 5.2 * (p * (1 - p) / 10**6) ** 0.5


@pytest.mark.parametrize("package", ["torch", "ml_dtypes"])
def test_what_is_needed_is_named(package, run_python):
    script = """
import sys
sys.modules[sys.argv[1]] = None
try:
    import fastdrop.torch
except ImportError as error:
    print(error)
"""
    assert "python -m pip install torch ml_dtypes" in run_python(script, package)


def test_fastdrop_itself_does_not_import_pytorch(run_python):
    assert run_python("import fastdrop, sys; print('torch' in sys.modules)") == "False\n"


@pytest.mark.filterwarnings("ignore:dropout2d. Received a 2-D input:UserWarning")
@pytest.mark.parametrize("name", ["dropout", "dropout1d", "dropout2d", "alpha_dropout"])
def test_functions_may_take_the_place_of_those_of_pytorch(name, monkeypatch):
    # What the core does not take goes to PyTorch's function, not to what has its name now.
    x = torch.ones(3, 4, dtype=torch.int64 if name != "dropout2d" else torch.float32)
    x = x[0] if name == "dropout1d" else x
    theirs = error_of(getattr(F, name), x)
    monkeypatch.setattr(F, name, getattr(fastdrop.torch, name))
    assert error_of(getattr(F, name), x) == theirs


def error_of(function, x):
    """What a call raises, or None."""
    try:
        function(x, 0.5, True)
    except RuntimeError as error:
        return type(error), str(error)
    return None
