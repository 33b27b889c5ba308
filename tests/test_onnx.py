"""ONNX's Dropout, as examples/onnx_dropout.py writes it on fastdrop."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from arrays import assert_same_bytes

import fastdrop

onnx = pytest.importorskip("onnx")
ml_dtypes = pytest.importorskip("ml_dtypes")

EXAMPLE = Path(__file__).parents[1] / "examples" / "onnx_dropout.py"


def load_example():
    """The example as a module."""
    spec = importlib.util.spec_from_file_location("onnx_dropout", EXAMPLE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example = load_example()
CASES = example.published_tests()
TRAINING = [name for name in CASES if "training" in name and "zero" not in name]


def describe(name, dtype, shape):
    """An input or output of a model."""
    elements = onnx.helper.np_dtype_to_tensor_dtype(dtype)
    return onnx.helper.make_tensor_value_info(name, elements, shape)


def evaluate(feeds, inputs, outputs, opset, draw=fastdrop.keep_mask, **attributes):
    """The outputs of a model that is one Dropout, by onnx's evaluator."""
    helper = onnx.helper
    dtypes = {"y": feeds["x"].dtype, "mask": np.dtype(bool) if opset >= 10 else feeds["x"].dtype}
    graph = helper.make_graph(
        [helper.make_node("Dropout", inputs, outputs, **attributes)],
        "one",
        [describe(name, value.dtype, value.shape) for name, value in feeds.items()],
        [describe(name, dtypes[name], feeds["x"].shape) for name in outputs if name],
    )
    model = helper.make_model_gen_version(graph, opset_imports=[helper.make_opsetid("", opset)])
    onnx.checker.check_model(model, full_check=True)
    evaluator = example.ReferenceEvaluator(model, new_ops=[example.operator(draw)])
    results = evaluator.run(None, feeds)
    assert [result.dtype for result in results] == [dtypes[name] for name in outputs if name]
    return results


def train(x, ratio, outputs=("y", "mask"), opset=22, **options):
    """The outputs of a Dropout in training mode, whose inputs are x and the ratio."""
    feeds = {"x": x, "ratio": np.array(ratio, np.float32), "training": np.array(True)}
    return evaluate(feeds, list(feeds), outputs, opset, **options)


@pytest.fixture
def x():
    """What is dropped."""
    return np.random.default_rng(0).standard_normal((40, 25)).astype(np.float32)


@pytest.mark.parametrize("name", CASES)
def test_published_tests_pass(name):
    example.check(CASES[name])


@pytest.mark.parametrize("name", TRAINING)
def test_published_tests_fail_with_another_mask(name):
    with pytest.raises(AssertionError):
        example.check(CASES[name], draw=fastdrop.keep_mask)


def test_script_runs_every_published_test(capsys):
    assert example.main() == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[:-1] == [f"passed  {name}" for name in CASES]
    assert printed[-1] == f"{len(CASES)} of {len(CASES)} tests of onnx {onnx.__version__} passed"


def test_script_fails_if_one_test_does(monkeypatch, capsys):
    monkeypatch.setattr(example, "check", lambda case: example.np.testing.assert_equal(1, 2))
    assert example.main() == 1
    printed = capsys.readouterr().out
    assert printed.count("FAILED  ") == len(CASES)
    assert f"0 of {len(CASES)} tests" in printed


def test_script_fails_if_there_are_no_tests(monkeypatch):
    monkeypatch.setattr(example.node, "_NodeTestCases", [])
    with pytest.raises(RuntimeError, match="no node test of Dropout"):
        example.main()


@pytest.mark.parametrize("opset", [12, 13, 22])
@pytest.mark.parametrize("ratio", [0.1, 0.9])
@pytest.mark.parametrize("seed", [0, 2**63 - 1, -1])
def test_default_mask_is_fastdrops(x, opset, ratio, seed):
    y, mask = train(x, ratio, opset=opset, seed=seed)
    p, rng = float(np.float32(ratio)), seed % 2**64
    assert_same_bytes(mask, fastdrop.keep_mask(x.shape, p, rng=rng))
    assert_same_bytes(y, fastdrop.dropout(x, p, rng=rng))
    (again,) = train(x, ratio, outputs=("y",), opset=opset, seed=seed)
    assert_same_bytes(again, y)


def test_without_a_seed_each_call_takes_the_next_key(x):
    fastdrop.manual_seed(0)
    (y, mask), (other, other_mask) = train(x, 0.5), train(x, 0.5)
    assert not np.array_equal(mask, other_mask)
    fastdrop.manual_seed(0)
    for outputs, expected in ((("y",), y), (("y", "mask"), other)):
        assert_same_bytes(train(x, 0.5, outputs=outputs)[0], expected)


def test_a_mask_from_elsewhere_is_applied_and_returned(x):
    rows = np.arange(40)[:, np.newaxis] % 3 > 0
    asked = []

    def draw(shape, ratio, *, rng):
        asked.append((shape, ratio, rng))
        return np.broadcast_to(rows, shape)

    y, mask = train(x, 0.75, seed=7, draw=draw)
    assert_same_bytes(mask, np.broadcast_to(rows, x.shape))
    assert_same_bytes(y, np.where(rows, x * np.float32(4), 0))
    assert asked == [(x.shape, 0.75, 7)]


@pytest.mark.parametrize(
    "dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64], ids=lambda d: d.__name__
)
def test_every_dtype_that_can_be_scaled(x, dtype):
    x = x.astype(dtype)
    y, mask = train(x, 0.25, seed=3)
    assert_same_bytes(mask, fastdrop.keep_mask(x.shape, 0.25, rng=3))
    assert_same_bytes(y, fastdrop.dropout(x, 0.25, rng=3))


@pytest.mark.parametrize("name", ["e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz"])
def test_float8_passes_inference_and_is_refused_in_training(x, name):
    x = x.astype(f"float8_{name}")
    y, mask = evaluate({"x": x}, ["x"], ["y", "mask"], 22)
    assert_same_bytes(y.view(np.uint8), x.view(np.uint8))
    assert mask.all()
    with pytest.raises(TypeError):
        train(x, 0.5)


@pytest.mark.parametrize("outputs", [("y",), ("y", ""), ("y", "mask")])
@pytest.mark.parametrize("opset", [7, 10])
def test_opsets_with_the_ratio_as_attribute_only_infer(x, opset, outputs):
    y, *masks = evaluate({"x": x}, ["x"], outputs, opset, ratio=0.9)
    assert_same_bytes(y, x)
    assert len(masks) == ("mask" in outputs)
    assert all(mask.shape == x.shape and mask.all() for mask in masks)


@pytest.mark.parametrize("opset", [1, 6])
def test_opsets_before_7_train_unless_is_test(x, opset):
    fastdrop.manual_seed(0)
    y, mask = evaluate({"x": x}, ["x"], ["y", "mask"], opset, ratio=0.75)
    fastdrop.manual_seed(0)
    assert_same_bytes(y, fastdrop.dropout(x, 0.75))
    assert_same_bytes(mask.astype(bool), y != 0)  # in these opsets of y's dtype
    (y,) = evaluate({"x": x}, ["x"], ["y"], opset, is_test=1)
    assert_same_bytes(y, x)


def test_ratio_defaults_to_a_half(x):
    feeds = {"x": x, "training": np.array(True)}
    (y,) = evaluate(feeds, ["x", "", "training"], ["y"], 22, seed=5)
    assert_same_bytes(y, fastdrop.dropout(x, 0.5, rng=5))


@pytest.mark.parametrize("ratio", [-0.1, 1.1, np.nan])
def test_ratio_that_is_no_probability_is_refused_in_training_alone(x, ratio):
    with pytest.raises(ValueError, match="between 0 and 1"):
        train(x, ratio)
    feeds = {"x": x, "ratio": np.array(ratio, np.float32)}
    (y,) = evaluate(feeds, list(feeds), ["y"], 22)
    assert_same_bytes(y, x)
