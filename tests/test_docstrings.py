"""The examples in the docstrings run, and every public name has one."""

import doctest
import inspect

import pytest

import fastdrop


def public_objects():
    """Every public function and class, and the public methods of the classes."""
    for name in fastdrop.__all__:
        thing = getattr(fastdrop, name)
        if name == "RNGLike":  # a type's name, which can have no docstring of its own
            continue
        yield name, thing
        if inspect.isclass(thing):
            for method in dir(thing):
                if not method.startswith("_"):
                    yield f"{name}.{method}", getattr(thing, method)


OBJECTS = dict(public_objects())


@pytest.mark.parametrize("name", OBJECTS)
def test_public_names_are_documented(name):
    assert inspect.getdoc(OBJECTS[name])


@pytest.mark.parametrize("name", [name for name in OBJECTS if "." not in name])
def test_public_names_have_an_example(name):
    assert ">>> " in (inspect.getdoc(OBJECTS[name]) or "")


@pytest.mark.parametrize("name", OBJECTS)
def test_examples_run(name):
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False)
    test = parser.get_doctest(inspect.getdoc(OBJECTS[name]) or "", {}, name, None, None)
    runner.run(test)
    assert runner.failures == 0
