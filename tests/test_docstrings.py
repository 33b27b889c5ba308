"""The examples in the docstrings run, and every public name has one."""

import contextlib
import doctest
import importlib
import inspect

import pytest

MODULES = []
for module in ("fastdrop", "fastdrop.torch", "fastdrop.dask"):
    with contextlib.suppress(ImportError):  # of a package that is not installed
        MODULES.append(importlib.import_module(module))


def public_objects(module):
    """Every public function and class, and the public methods of the classes."""
    for name in module.__all__:
        thing = getattr(module, name)
        if name == "RNGLike":  # a type's name, which can have no docstring of its own
            continue
        yield f"{module.__name__}:{name}", thing
        if inspect.isclass(thing):
            for method in dir(thing):
                member = getattr(thing, method)
                origin = getattr(member, "__module__", None) or "fastdrop"
                if not method.startswith("_") and origin.startswith("fastdrop"):
                    yield f"{module.__name__}:{name}.{method}", member


OBJECTS = {name: thing for module in MODULES for name, thing in public_objects(module)}


@pytest.mark.parametrize("name", OBJECTS)
def test_public_names_are_documented(name):
    assert inspect.getdoc(OBJECTS[name])


@pytest.mark.parametrize("name", [name for name in OBJECTS if "." not in name.partition(":")[2]])
def test_public_names_have_an_example(name):
    assert ">>> " in (inspect.getdoc(OBJECTS[name]) or "")


@pytest.mark.parametrize("name", OBJECTS)
def test_examples_run(name):
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False)
    test = parser.get_doctest(inspect.getdoc(OBJECTS[name]) or "", {}, name, None, None)
    runner.run(test)
    assert runner.failures == 0
