"""PyTorch's own tests of its dropout modules, with fastdrop in their place.

``FASTDROP_PYTORCH_TESTS`` is the path of PyTorch's file ``test/nn/test_dropout.py``, which is not
part of this repository, and needs the packages expecttest and hypothesis. There are no exceptions:
all of its tests run and pass. On a machine without a GPU PyTorch itself skips one, which compares
`torch.native_dropout` on a GPU with `torch.dropout`.
"""

import importlib.machinery
import os
import types
import unittest

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")
pytest.importorskip("hypothesis")
fastdrop_torch = pytest.importorskip("fastdrop.torch")

PATH = os.environ.get("FASTDROP_PYTORCH_TESTS", "")
FUNCTIONS = [
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "alpha_dropout",
    "feature_alpha_dropout",
]
MODULES = ["".join(part.capitalize() for part in name.split("_")) for name in FUNCTIONS]
NEEDS_A_GPU = ["test_native_dropout_corner_case"]

pytestmark = [
    pytest.mark.skipif(not PATH, reason="FASTDROP_PYTORCH_TESTS does not name PyTorch's tests"),
    pytest.mark.filterwarnings("default"),  # PyTorch's, some of which its tests look for
]


@pytest.fixture
def drops(monkeypatch):
    """Count fastdrop's calls, so that a test of PyTorch alone is noticed."""
    calls = []
    compute = fastdrop_torch.ops.compute

    def counted(x, *arguments):
        calls.append(x.shape)
        return compute(x, *arguments)

    monkeypatch.setattr(fastdrop_torch.ops, "compute", counted)
    return calls


@pytest.fixture(params=["modules", "functions", "enable"])
def replaced(request, monkeypatch):
    """Put fastdrop in the place of PyTorch's modules, of its functions too, or of its operators."""
    if request.param == "enable":
        with fastdrop_torch.enabled():
            yield
        return
    for name in MODULES:
        monkeypatch.setattr(torch.nn, name, getattr(fastdrop_torch, name))
    if request.param == "functions":
        for name in FUNCTIONS:
            monkeypatch.setattr(torch.nn.functional, name, getattr(fastdrop_torch, name))
    yield


def run():
    """Run PyTorch's tests, which make themselves for each device when they are loaded."""
    loader = importlib.machinery.SourceFileLoader("torch_test_dropout", PATH)
    module = types.ModuleType(loader.name)
    loader.exec_module(module)
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    result = unittest.TestResult()
    suite.run(result)
    return result


def test_pytorchs_tests_pass(replaced, drops):
    result = run()
    assert [(str(test), why) for test, why in result.failures + result.errors] == []
    assert result.testsRun >= 9
    if not torch.cuda.is_available():
        assert [test._testMethodName for test, _ in result.skipped] == NEEDS_A_GPU
    assert len(drops) > 400
    assert {len(shape) for shape in drops} >= {1, 2, 3, 4, 5}


def test_pytorchs_tests_notice_a_wrong_dropout(replaced, monkeypatch):
    def wrong(x, out, *arguments):  # drops everything
        return out.zero_()

    monkeypatch.setattr(fastdrop_torch.ops, "compute", wrong)
    assert len(run().failures) >= 4


def test_nothing_of_fastdrop_runs_without_a_replacement(drops):
    assert run().wasSuccessful()
    assert drops == []
