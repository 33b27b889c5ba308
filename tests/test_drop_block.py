"""DropBlock against its reference and PyTorch's pooling, and its layers.

Cases are drawn at random, each from its own number. A failure prints the case and its number n;
`FASTDROP_FIRST_CASE=n FASTDROP_CASES=1 pytest tests/test_drop_block.py` repeats it alone, and a
large FASTDROP_CASES makes a long search.
"""

import copy
import itertools
import math
import pickle
from dataclasses import dataclass

import cases
import memory
import numpy as np
import pytest
import reference
from arrays import assert_same_bytes, awkward_numbers

import fastdrop
from fastdrop import DropBlock2d, DropBlock3d, drop_block2d, drop_block3d, keep_mask

CASES = 1000

FUNCTIONS = {2: drop_block2d, 3: drop_block3d}
KEYS = [(1, 2), (2**64 - 1, 0), (0x0123456789ABCDEF, 0xFEDCBA9876543210)]
LENGTHS = [0, *range(1, 11), 16, 31, 33, 56, 63, 64, 65, 70, 127, 129, 200]
TARGETS = ["fresh", "out", "inplace"]


@dataclass
class Case:
    """A call, and how its arrays lie in memory."""

    number: int
    axes: int  # of a channel
    shape: tuple[int, ...]
    p: float
    size: int
    dtype: str
    scale: bool
    eps: float
    fill: float
    key: tuple[int, int]
    threads: int
    target: str
    x: memory.Layout
    out: memory.Layout


def draw_case(number):
    """Draw a case from its number."""
    rng = np.random.default_rng([20261127, number])

    def choose(options):
        return options[rng.integers(len(options))]

    axes = choose([2, 2, 3])
    shape, size = [1] * (axes + choose([1, 2])), 1
    most = 10 ** rng.uniform(1, 4.3)
    for axis in [*rng.permutation(range(-axes, 0)), *range(len(shape) - axes)]:
        n = choose(LENGTHS)
        if n * size <= most:
            shape[axis] = n
            size *= max(n, 1)
    target = choose(TARGETS)
    scale = bool(rng.random() < 0.7)
    readable = memory.WRITABLE if target == "inplace" else list(memory.READABLE)
    plain = rng.random() < 0.5
    names = ("in_c_order",) * 2 if plain else (choose(readable), choose(memory.WRITABLE))
    x, out = (memory.draw_layout(name, rng, len(shape)) for name in names)
    return Case(
        number=number,
        axes=axes,
        shape=tuple(shape),
        p=choose([0.01, 0.1, 0.1, 0.5, 0.9, 1.0]),
        size=choose([1, 2, 3, 4, 5, 7, 7, 9, 20, 64, 65, 1000]),
        dtype=choose(reference.SCALED if scale else [*reference.SCALED, "uint8", "int64", "bool"]),
        scale=scale,
        eps=choose([1e-6, 1e-6, 0.0, 3.5]),
        fill=choose([0, 0, 1, np.nan if scale else 1]),
        key=choose(KEYS),
        threads=int(rng.integers(1, 4)),
        target=target,
        x=x,
        out=out,
    )


def place(shape, dtype, layout):
    """Memory of a layout, and the array in it."""
    _, _, size = layout.strides(shape, dtype.itemsize)
    around = np.full(size, 7, np.uint8)
    return around, memory.view(around, shape, dtype, layout)


def expected_result(x, case):
    """Return what the reference makes of x, and whether a key is used."""
    channel = case.shape[-case.axes :]
    if x.size == 0 or reference.block_gamma(channel, case.p, case.size) == 1:
        return np.full(x.shape, case.fill, x.dtype), False
    kept = reference.block_mask(case.shape, case.p, case.size, case.axes, case.key)
    return reference.drop_block(x, kept, case.eps, case.scale, case.fill), True


def check(case):
    dtype = reference.dtype_of(case.dtype)
    x_around, x = place(case.shape, dtype, case.x)
    x[...] = awkward_numbers(case.shape, dtype, np.random.default_rng(case.number))
    expected, drawn = expected_result(x, case)
    key = fastdrop.Key.from_words(*case.key)
    options = {
        "eps": case.eps,
        "fill": case.fill,
        "rng": key,
        "scale": case.scale,
        "return_key": True,
        "num_threads": case.threads,
    }
    target = None
    if case.target == "inplace":
        around, target = x_around, x
        options["inplace"] = True
    elif case.target == "out":
        around, target = place(case.shape, dtype, case.out)
        options["out"] = target
    if target is not None:
        around_expected = around.copy()
        layout = case.x if target is x else case.out
        memory.view(around_expected, case.shape, dtype, layout)[...] = expected
    y, used = FUNCTIONS[case.axes](x, case.p, case.size, **options)
    assert used == (key if drawn else None)
    assert_same_bytes(y, expected)
    if target is not None:
        assert y is target
        assert around.tobytes() == around_expected.tobytes(), "bytes beside the result"
    else:
        assert y.strides == np.empty_like(x).strides


@pytest.mark.parametrize("begin", cases.chunks(CASES))
def test_drawn_cases(begin):
    cases.check_all(cases.chunk(begin, CASES, draw_case), check)


def test_the_cases_are_of_every_kind():
    seen = set()
    for case in map(draw_case, range(CASES)):
        channel = case.shape[-case.axes :]
        size = min(case.size, *channel)
        width = channel[-1]
        seen |= {case.axes, *TARGETS[: TARGETS.index(case.target) + 1], case.dtype, case.threads}
        seen |= {(case.axes, "batch" if len(case.shape) > case.axes + 1 else "no batch")}
        seen |= {(case.axes, "all" if size == min(channel) else "smaller")}
        seen |= {(case.axes, "wide" if width > 64 else "narrow", "odd" if size % 2 else "even")}
        seen |= {(case.axes, math.prod(case.shape) % 64 == 0)}
    for axes in (2, 3):
        kinds = itertools.product([axes], ["wide", "narrow"], ["odd", "even"])
        some = ["batch", "no batch", "all", "smaller", True, False]
        assert seen >= {*kinds, *((axes, one) for one in some)}
    assert seen >= {2, 3, *TARGETS, *reference.SCALED, "uint8", "int64", "bool", 1}


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize(
    ("shape", "size"),
    [((20, 30, 56, 56), 7), ((7, 9, 55, 57), 6), ((3, 500, 511), 65), ((2, 5, 30, 33, 35), 5)],
)
def test_what_a_team_works_on(shape, size, threads, key, words):
    axes = 3 if len(shape) == 5 else 2
    x = awkward_numbers(shape, np.float32)
    kept = reference.block_mask(shape, 0.1, size, axes, words)
    y = FUNCTIONS[axes](x, 0.1, size, rng=key, num_threads=threads)
    assert_same_bytes(y, reference.drop_block(x, kept))


def test_the_seeds_are_a_mask(key):
    """As the documentation says, of the positions of a block."""
    shape, p, b = (2, 3, 12, 17), 0.3, 4
    h, w = 12 - b + 1, 17 - b + 1
    gamma = p * 12 * 17 / (b**2 * h * w)
    seeds = ~keep_mask((2, 3, h, w), gamma, rng=key)
    assert 0 < seeds.mean() < 0.1
    kept = ~reference.grow_blocks(seeds, b, 2)
    y = drop_block2d(np.ones(shape), p, b, rng=key)
    assert_same_bytes(y, np.where(kept, kept.size / (kept.sum() + 1e-6), 0))


# Beside PyTorch and torchvision


def torch_noise(torch, seeds, size):
    """What torchvision.ops 0.28 makes of seeds: 0 where an element is dropped."""
    axes = seeds.ndim - 2
    pool = torch.nn.functional.max_pool2d if axes == 2 else torch.nn.functional.max_pool3d
    noise = torch.nn.functional.pad(torch.from_numpy(seeds), [size // 2] * (2 * axes), value=0)
    return 1 - pool(noise, stride=1, kernel_size=size, padding=size // 2)


@pytest.mark.parametrize("size", [1, 3, 5, 7, 11])
@pytest.mark.parametrize("shape", [(4, 8, 20, 23), (3, 5, 11, 64), (2, 3, 11, 12, 13)])
@pytest.mark.parametrize("p", [0.05, 0.3])
def test_the_blocks_are_those_of_torchvision(shape, size, p, key):
    torch = pytest.importorskip("torch")
    axes = len(shape) - 2
    channel = shape[2:]
    gamma = p * math.prod(channel) / (size**axes * math.prod(n - size + 1 for n in channel))
    positions = shape[:2] + tuple(n - size + 1 for n in channel)
    seeds = (~keep_mask(positions, gamma, rng=key)).astype(np.float64)
    noise = torch_noise(torch, seeds, size)
    x = torch.from_numpy(np.random.default_rng(0).uniform(1, 2, shape)).requires_grad_()
    y = x * noise * (noise.numel() / (1e-6 + noise.sum()))
    grad = torch.ones_like(x)
    y.backward(grad)
    # torch takes the quotient of a number and a tensor as a product with the reciprocal, so its
    # scale is rounded twice.
    twice_rounded = {"rtol": 2**-51, "atol": 0}
    result, used = FUNCTIONS[axes](x.detach().numpy(), p, size, rng=key, return_key=True)
    np.testing.assert_array_equal(result != 0, noise.numpy() == 1)
    np.testing.assert_allclose(result, y.detach().numpy(), **twice_rounded)
    np.testing.assert_array_equal(
        result, (x * noise * (noise.numel() / (1e-6 + noise.sum().item()))).detach().numpy()
    )
    result = FUNCTIONS[axes](grad.numpy(), p, size, rng=used)
    np.testing.assert_allclose(result, x.grad.numpy(), **twice_rounded)


# Arguments


def test_evaluation_and_p_0_return_x():
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    x = np.ones((2, 3, 8, 8))
    for options in ({"training": False, "p": 0.5}, {"p": 0.0}):
        assert drop_block2d(x, block_size=3, rng=rng, **options) is x
        result = drop_block2d(x, block_size=3, rng=rng, return_key=True, **options)
        assert result[0] is x
        assert result[1] is None
        out = np.zeros_like(x)
        assert drop_block2d(x, block_size=3, rng=rng, out=out, **options) is out
        assert_same_bytes(out, x)
    integers = np.ones((3, 8, 8), int)
    assert drop_block2d(integers, 0.5, 3, training=False) is integers
    assert rng.bit_generator.state == before


@pytest.mark.parametrize("size", [1, 8, 100])
def test_blocks_of_everything_and_p_1_leave_nothing(size):
    """With one position, or with blocks of an element, each has the probability p."""
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    y, key = drop_block2d(np.full((3, 8, 8), np.nan), 1.0, size, rng=rng, return_key=True)
    assert_same_bytes(y, np.zeros((3, 8, 8)))
    assert key is None
    assert rng.bit_generator.state == before
    drop_block2d(np.ones((3, 8, 8)), 1.0, 3, rng=rng)
    assert rng.bit_generator.state != before


@pytest.mark.parametrize("eps", [0.0, 1e-6])
def test_where_nothing_is_kept_all_is_0(eps, dtype):
    """One position, which is drawn."""
    x = np.full((1, 3, 3), np.nan, dtype)
    seed = next(seed for seed in range(99) if not keep_mask(1, 0.9, rng=seed)[0])
    y = drop_block2d(x, 0.9, 3, rng=seed, eps=eps)
    assert_same_bytes(y, np.zeros((1, 3, 3), dtype))


def test_a_block_takes_a_size_of_the_channel_at_most(key):
    x = awkward_numbers((40, 3, 5, 9))
    expected = drop_block2d(x, 0.3, 5, rng=key)
    for size in (6, 9, 2**70):
        assert_same_bytes(drop_block2d(x, 0.3, size, rng=key), expected)


def test_what_is_converted():
    y = drop_block2d([[[1, 2], [3, 4]]], 0.5, np.int64(1), rng=3, scale=False)
    assert y.dtype == np.dtype(int)
    assert y.shape == (1, 2, 2)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"p": 1.5}, ValueError, "between 0 and 1, but got 1.5"),
        ({"p": np.nan}, ValueError, "between 0 and 1, but got nan"),
        ({"p": True}, TypeError, "p must be a number"),
        ({"block_size": 0}, ValueError, "block_size must be 1 or more, but got 0"),
        ({"block_size": -3}, ValueError, "block_size must be 1 or more, but got -3"),
        ({"block_size": 3.0}, TypeError, "block_size must be an integer"),
        ({"block_size": True}, TypeError, "block_size must be an integer"),
        ({"block_size": (3, 3)}, TypeError, "block_size must be an integer"),
        ({"eps": -1e-6}, ValueError, "eps must be finite, and 0 or more, but got -1e-06"),
        ({"eps": np.inf}, ValueError, "eps must be finite"),
        ({"eps": np.nan}, ValueError, "eps must be finite"),
        ({"eps": "a"}, TypeError, "eps must be a real number, but got 'a'"),
        ({"eps": True}, TypeError, "eps must be a real number, but got True"),
        ({"x": np.ones((8, 8))}, ValueError, r"drop_block2d.*\(N, C, H, W\).*\(8, 8\)"),
        ({"x": np.ones((1,) * 5)}, ValueError, r"drop_block2d.*\(N, C, H, W\)"),
        ({"x": np.ones((3, 8, 8), int)}, TypeError, r"int64.*float32.*scale=False"),
        ({"x": np.array([[["a"]]])}, TypeError, "cannot drop elements of dtype"),
        ({"x": [[[1.0]]], "inplace": True}, TypeError, "inplace=True needs an ndarray"),
        ({"out": np.ones((8, 8, 3))}, ValueError, r"\(3, 8, 8\).*\(8, 8, 3\)"),
        ({"out": np.ones((3, 8, 8), np.float32)}, TypeError, "float64.*float32"),
        ({"out": np.ones((3, 8, 8)), "inplace": True}, ValueError, "only one"),
        ({"fill": 300, "x": np.ones((3, 8, 8), np.uint8)}, ValueError, "uint8 cannot hold.*300"),
        ({"training": 1}, TypeError, "training must be a bool"),
        ({"inplace": 1}, TypeError, "inplace must be a bool"),
        ({"scale": 1}, TypeError, "scale must be a bool"),
        ({"return_key": 1}, TypeError, "return_key must be a bool"),
        ({"num_threads": 0}, ValueError, "num_threads must be 1 or more"),
    ],
)
def test_bad_arguments(arguments, error, match):
    rng = np.random.default_rng(3)
    state = rng.bit_generator.state
    arguments = {"x": np.ones((3, 8, 8)), "p": 0.5, "block_size": 3, "rng": rng} | arguments
    before = {name: a.tobytes() for name, a in arguments.items() if isinstance(a, np.ndarray)}
    with pytest.raises(error, match=match):
        drop_block2d(**arguments)
    assert before == {name: arguments[name].tobytes() for name in before}
    assert rng.bit_generator.state == state


def test_the_source_of_keys_is_checked():
    with pytest.raises(TypeError, match="rng must be"):
        drop_block2d(np.ones((3, 8, 8)), 0.5, 3, rng="seed")


@pytest.mark.parametrize("shape", [(8, 8, 8), (1,) * 6])
def test_volumes_have_4_or_5_axes(shape):
    with pytest.raises(ValueError, match=r"drop_block3d takes .*\(N, C, D, H, W\)"):
        drop_block3d(np.ones(shape), 0.5, 3)


# Chance


@pytest.mark.parametrize(("shape", "size", "p"), [((9, 11), 3, 0.2), ((5, 5), 3, 0.9)])
def test_the_part_that_is_kept(shape, size, p):
    """Against its exact mean, over independent channels; a false alarm is as rare as 1e-6."""
    gamma = reference.block_gamma(shape, p, size)
    ones = np.ones(tuple(n - size + 1 for n in shape), int)
    covers = np.zeros(shape)  # the positions of blocks that cover an element
    for at in np.ndindex(size, size):
        covers += np.pad(ones, [(a, size - 1 - a) for a in at])
    expected = ((1 - gamma) ** covers).sum()
    y = drop_block2d(np.ones((50_000, *shape), np.int8), p, size, rng=11, scale=False)
    kept = y.sum(axis=(1, 2))
    error = kept.std() / math.sqrt(len(kept))
    assert abs(kept.mean() - expected) < 4.9 * error


# Layers


LAYERS = {2: DropBlock2d, 3: DropBlock3d}


@pytest.mark.parametrize("axes", [2, 3])
def test_a_layer_is_its_function(axes):
    x = awkward_numbers((2, 3, 9, 9, 9)[: 2 + axes])
    options = {"eps": 2.0, "scale": False}
    layer = LAYERS[axes](0.3, 3, rng=7, **options)
    key = fastdrop.Key(7)
    for call in range(3):
        expected = FUNCTIONS[axes](x, 0.3, 3, rng=key.fold_in(call), **options)
        assert_same_bytes(layer(x), expected)
        grad = awkward_numbers(x.shape, rng=call)
        expected = FUNCTIONS[axes](grad, 0.3, 3, rng=key.fold_in(call), **options)
        assert_same_bytes(layer.backward(grad), expected)
    assert_same_bytes(layer(x, rng=key), FUNCTIONS[axes](x, 0.3, 3, rng=key, **options))
    assert layer.eval()(x) is x
    assert layer.backward(x) is x
    assert layer.train() is layer


def test_backward_is_of_the_last_forward():
    x = np.ones((4, 16, 16))
    layer = DropBlock2d(0.3, 3, rng=7)
    y = layer(x)
    layer.p, layer.block_size, layer.eps, layer.scale = 0.1, 5, 1.0, False
    assert_same_bytes(layer.backward(x), y)
    with pytest.raises(ValueError, match="grad must have the shape"):
        layer.backward(x[:3])


def test_a_layer_works_in_place():
    x = np.ones((4, 16, 16))
    layer = DropBlock2d(0.3, 3, True, rng=7)
    assert layer(x) is x
    assert 0 < (x == 0).mean() < 1
    grad = np.ones_like(x)
    assert_same_bytes(layer.backward(grad), x)
    assert grad.all()


@pytest.mark.parametrize("axes", [2, 3])
def test_a_layer_is_shown_copied_and_saved(axes):
    layer = LAYERS[axes](0.3, 3, rng=7, eps=2.0, scale=False)
    shown = "p=0.3, block_size=3, inplace=False, eps=2.0, scale=False"
    assert repr(layer) == f"DropBlock{axes}d({shown})"
    x = np.ones((4, 9, 9, 9)[: 1 + axes])
    layer(x)
    twins = [copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))]
    other = LAYERS[axes](0.3, 3, eps=2.0, scale=False)
    other.load_state_dict(layer.state_dict())
    expected = layer(x)
    for twin in (*twins, other):
        assert (twin.block_size, twin.eps, twin.scale) == (3, 2.0, False)
        assert_same_bytes(twin(x), expected)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("p", 1.5, ValueError),
        ("p", np.nan, ValueError),
        ("block_size", 0, ValueError),
        ("block_size", 2.0, TypeError),
        ("eps", -1, ValueError),
        ("eps", None, TypeError),
        ("scale", 0, TypeError),
        ("inplace", 0, TypeError),
    ],
)
def test_a_layer_checks_its_attributes(name, value, error):
    layer = DropBlock2d(0.3, 3)
    before = getattr(layer, name)
    with pytest.raises(error, match=f"{'probability' if name == 'p' else name} "):
        setattr(layer, name, value)
    assert getattr(layer, name) == before
    with pytest.raises(error):
        DropBlock2d(**({"p": 0.3, "block_size": 3} | {name: value}))


def test_p_and_the_size_have_to_be_said():
    with pytest.raises(TypeError, match="block_size"):
        drop_block2d(np.ones((3, 8, 8)), 0.3)
    with pytest.raises(TypeError, match="block_size"):
        DropBlock2d(*[0.3])
