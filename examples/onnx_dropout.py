"""ONNX: the operator Dropout on fastdrop, and the tests that are published for it.

`dropout` is the operator; `operator` wraps it for onnx's ReferenceEvaluator, which runs whole
models. As a script this file runs every node test that the installed onnx has for Dropout, and
exits with 1 if one fails.

ONNX specifies no random generator, but its tests in training mode expect the masks of NumPy's old
`RandomState`. Therefore the caller can choose what draws the mask, as these tests do; by default
fastdrop draws it.
"""

from __future__ import annotations

import importlib
import sys

import numpy as np

import fastdrop

try:
    import onnx
    from onnx.backend.test.case import node
    from onnx.backend.test.runner import Runner
    from onnx.reference import ReferenceEvaluator
    from onnx.reference.op_run import OpRun
except ModuleNotFoundError as error:
    sys.exit(
        f"{error}: this example needs onnx, which "
        "`python -m pip install '.[examples]'` installs with fastdrop"
    )


def dropout(
    x, ratio=0.5, training_mode=False, *, seed=None, with_mask=False, draw=fastdrop.keep_mask
):
    """Return the operator's outputs: (y,), or (y, mask) if `with_mask`, True where x was kept.

    x is of float16, bfloat16, float32 or float64. Opset 22 has float8 too; training with it raises
    TypeError, because fastdrop does not scale it. With a seed the mask is the same each time, as in
    onnx's own evaluator; without one its key is the next of fastdrop's process stream. `draw` is
    called like `keep_mask`, with a shape, the ratio and ``rng=seed``.
    """
    if not training_mode or ratio == 0:
        return (x, np.ones(x.shape, np.bool_)) if with_mask else (x,)
    ratio = float(ratio)
    rng = None if seed is None else int(seed) % 2**64  # ONNX's is signed
    if draw is fastdrop.keep_mask and not with_mask:
        return (fastdrop.dropout(x, ratio, rng=rng),)
    mask = draw(x.shape, ratio, rng=rng)
    y = fastdrop.apply_mask(x, mask, ratio)
    return (y, mask) if with_mask else (y,)


def operator(draw=fastdrop.keep_mask):
    """Return the operator of any opset as a class for ``ReferenceEvaluator(new_ops=[...])``."""

    class Dropout(OpRun):  # the evaluator goes by this name
        # The ratio comes by its name, from an attribute before opset 12, or from an input.
        def _run(self, x, ratio=None, training_mode=None, *, seed=None, is_test=0, **unused):
            opset = self.run_params["opsets"][""]
            if opset < 7:
                training_mode = not is_test
            ratio = 0.5 if ratio is None else ratio
            with_mask = any(self.onnx_node.output[1:])  # "" is an output that is not wanted
            y, *masks = dropout(x, ratio, training_mode, seed=seed, with_mask=with_mask, draw=draw)
            # Before opset 10 the mask has the type of x.
            return y, *(mask if opset >= 10 else mask.astype(x.dtype) for mask in masks)

    return Dropout


def published_mask(shape, ratio, *, rng):
    """Return the mask that the published tests expect."""
    return np.random.RandomState(rng).uniform(0, 1, shape) >= ratio


def published_tests():
    """Return the node tests of Dropout by name, each with its model, inputs and outputs."""
    # The import makes the tests. `collect_testcases` would make those of all operators and then
    # choose, which takes seconds.
    importlib.import_module("onnx.backend.test.case.node.dropout")
    cases = {
        case.name: case
        for case in node._NodeTestCases
        if any(step.op_type == "Dropout" for step in case.model.graph.node)
    }
    if not cases:
        raise RuntimeError(f"onnx {onnx.__version__} has no node test of Dropout")
    return cases


def check(case, draw=published_mask):
    """Run a published test; raise AssertionError if the outputs are not those that it names."""
    evaluator = ReferenceEvaluator(case.model, new_ops=[operator(draw)])
    for inputs, expected in case.data_sets:
        outputs = evaluator.run(None, dict(zip(evaluator.input_names, inputs, strict=True)))
        Runner.assert_similar_outputs(expected, outputs, case.rtol, case.atol)


def main():
    """Run the published tests; return 1 if one failed."""
    cases = published_tests()
    failed = 0
    for name, case in cases.items():
        try:
            check(case)
            print(f"passed  {name}")
        except Exception as error:
            failed += 1
            print(f"FAILED  {name}: {type(error).__name__}: {error}")
    print(f"{len(cases) - failed} of {len(cases)} tests of onnx {onnx.__version__} passed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
