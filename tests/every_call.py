"""Calls of every public function, with each of its options, and calls that it must refuse."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from arrays import numbers

import fastdrop
from fastdrop.layer_base import Layer

KEY = fastdrop.Key(1)
X = (4, 6, 5)  # the shape of x, unless a function needs another
SHAPES = {
    "dropout2d": (3, 4, 6, 5),
    "dropout3d": (3, 4, 3, 2, 5),
    "drop_block2d": (3, 2, 9, 8),
    "drop_block3d": (2, 2, 5, 6, 7),
    "coarse_dropout": (3, 8, 9, 2),
}
LARGE = (40, 50, 20)  # enough for a team


@dataclass
class Call:
    """A call of a public name, and the exception that it raises, if it is one to be refused."""

    name: str
    function: Callable
    arguments: tuple = ()
    options: dict[str, Any] = field(default_factory=dict)
    error: type[Exception] | None = None
    label: str = ""

    def __str__(self) -> str:
        given = [*map(short, self.arguments), *(f"{k}={short(v)}" for k, v in self.options.items())]
        ends = f" raises {self.error.__name__}" if self.error else ""
        return f"{self.label or self.name}({', '.join(given)}){ends}"

    def __call__(self) -> Any:
        """Call, and return the result, or None after the exception."""
        if self.error is None:
            return self.function(*self.arguments, **self.options)
        try:
            self.function(*self.arguments, **self.options)
        except self.error:
            return None
        raise AssertionError(f"{self} did not raise")

    def objects(self) -> list[Any]:
        """Return the objects that are handed in, also those in tuples and in layers."""
        found, ahead = [], [*self.arguments, *self.options.values()]
        layer = getattr(self.function, "__self__", None)
        if isinstance(layer, Layer):
            ahead += [layer, layer._rng]
        for thing in ahead:
            if isinstance(thing, (list, tuple)):
                ahead += thing
            elif isinstance(thing, dict):
                ahead += thing.values()
            elif isinstance(thing, np.ndarray):
                ahead.append(thing.dtype)
            elif isinstance(thing, (np.random.Generator, np.random.RandomState)):
                ahead.append(thing._bit_generator)  # type: ignore[union-attr]
            if not isinstance(thing, (type(None), bool, int, str)):
                found.append(thing)
        return found


def short(value: Any) -> str:
    """Show a value in a few characters."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    text = (
        repr(value) if isinstance(value, (int, float, str, tuple, list)) else type(value).__name__
    )
    return text if len(text) < 40 else text[:37] + "..."


def array(name: str, dtype: Any = "f4") -> np.ndarray:
    """Return numbers that a function takes as x."""
    return numbers(SHAPES.get(name, X), dtype)


def accepted(name: str, *leading: Any, p: Any = 0.5) -> list[Call]:
    """Return the calls that all functions of an x accept; p and the rest of its arguments lead."""
    function = getattr(fastdrop, name)
    x = array(name)
    swapped = x.astype(">f4")
    strided = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), "f4")[..., ::2]
    arguments = (x, *leading) if name == "coarse_dropout" else (x, p, *leading)
    rest = arguments[1:]
    training = {} if name in ("coarse_dropout", "apply_mask") else {"training": True}

    def call(*given: Any, **options: Any) -> Call:
        return Call(name, function, given, options | training)

    calls = [call(*arguments, inplace=value) for value in (False, True)]
    calls += [call(*arguments, out=out) for out in (np.empty_like(x), strided, x)]
    calls += [call(y, *rest) for y in (swapped, np.asfortranarray(x), x[::-1], x.tolist())]
    overlapping = np.zeros(x.size + 1, "f4")
    calls.append(
        call(overlapping[1:].reshape(x.shape), *rest, out=overlapping[:-1].reshape(x.shape))
    )
    if "alpha" not in name:
        fills = [3, np.float32(2), np.zeros((), "f4"), numbers(x.shape[-1]), numbers(x.shape, "f4")]
        calls += [call(*arguments, fill=fill) for fill in fills]
    if name != "coarse_dropout":
        calls += [call(x, p_, *leading) for p_ in (0, 1.0)]
        calls += [call(*arguments, num_threads=n) for n in (1, 2)]
    if "alpha" not in name and name != "coarse_dropout":
        calls += [call(*arguments, scale=value) for value in (True, False)]
    if name != "apply_mask":
        sources: list[Any] = [None, 5, (1, 2), KEY, np.random.default_rng(0), np.random.PCG64(0)]
        sources += [np.random.RandomState(0), np.random.SeedSequence(3)]
        calls += [call(*arguments, rng=rng) for rng in sources]
    if name not in ("apply_mask", "coarse_dropout"):
        calls += [call(*arguments, return_key=value) for value in (True, False)]
        evaluating = {"training": False}
        calls += [Call(name, function, arguments, evaluating | {"return_key": True})]
        calls += [Call(name, function, arguments, evaluating | {"out": np.empty_like(x)})]
    return calls


def refused(name: str, *leading: Any, p: Any = 0.5) -> list[Call]:
    """Return calls of functions of an x that raise, in the order in which they are checked."""
    function = getattr(fastdrop, name)
    x, generator = array(name), np.random.default_rng(0)
    if name == "coarse_dropout":
        first: tuple[Any, ...] = leading
        wrong_p: list[tuple[Any, type[Exception]]] = []
    else:
        first = (p, *leading)
        wrong_p = [(1.5, ValueError), (float("nan"), ValueError), ("0.5", TypeError)]
    read_only = np.zeros_like(x)
    read_only.flags.writeable = False
    shared = np.ndarray(x.shape, "f4", np.zeros(x.shape[-1], "f4"), 0, [0] * (x.ndim - 1) + [4])
    options: list[tuple[tuple, dict, type[Exception]]] = [
        *[((x, value, *leading), {}, error) for value, error in wrong_p],
        ((x.astype("M8[s]"), *first), {}, TypeError),
        ((object(), *first), {}, TypeError),
        ((x.tolist(), *first), {"inplace": True}, TypeError),
        ((np.ma.array(x), *first), {}, TypeError),
        ((x, *first), {"inplace": 1}, TypeError),
        ((x, *first), {"inplace": True, "out": x}, ValueError),
        ((x, *first), {"out": np.zeros(3, "f4")}, ValueError),
        ((x, *first), {"out": np.zeros(x.shape)}, TypeError),
        ((x, *first), {"out": read_only}, ValueError),
        ((x, *first), {"out": shared}, ValueError),
        ((read_only, *first), {"inplace": True}, ValueError),
    ]
    if name != "apply_mask":
        options += [((x, *first), {"rng": rng}, TypeError) for rng in (1.5, "seed", object())]
        options += [((x, *first), {"rng": -1}, ValueError), ((x, *first), {"rng": []}, ValueError)]
    if "alpha" not in name:
        options += [
            ((x, *first), {"fill": numbers(11)}, ValueError),
            ((x, *first), {"fill": "a"}, TypeError),
        ]
    if name != "coarse_dropout":
        options.append(((x, *first), {"num_threads": 0}, ValueError))
    calls = []
    for arguments, given, error in options:
        source = {"rng": generator} if name != "apply_mask" and "rng" not in given else {}
        trains = {} if name in ("apply_mask", "coarse_dropout") else {"training": True}
        calls.append(Call(name, function, arguments, given | source | trains, error))
    return calls


# What only some functions have.


def of_dropout() -> list[Call]:
    x, dropout, p = array("dropout"), fastdrop.dropout, np.linspace(0, 1, X[-1])
    each = np.random.default_rng(0).random(X)
    region = {"origin": (1, 2, 3), "full_shape": (9, 9, 9), "rng": KEY}
    large = numbers(LARGE, "f4")
    options: list[dict[str, Any]] = [
        *[{"noise_shape": shape} for shape in ((4, 1, 1), (None, None, 1), X, [1, 6, 1])],
        *[{"p": value} for value in (p, each, each.astype("f4"), p.tolist(), np.zeros(X))],
        {"p": np.array([0, 1, 1, 0, 1.0])},
        {"p": p, "noise_shape": (1, 1, 5)},
        {"p": p, "scale": False, "fill": each},
        {"p": each, "fill": numbers(X, "f4"), "out": x},
        {"p": each, "out": np.empty_like(x).T.reshape(X[::-1]).T},
        {"offset": 77},
        region,
        region | {"p": each},
        region | {"out": x[::-1]},
        {"out": np.zeros(X[::-1], "f4").T},
    ]
    calls = [Call("dropout", dropout, (x,), {"rng": KEY, **given}) for given in options if given]
    for dtype in ("f2", "f8", "c8", "c16", ">f8"):
        calls.append(Call("dropout", dropout, (array("dropout", dtype), 0.5)))
    calls.append(Call("dropout", dropout, (np.arange(9), 0.5), {"scale": False, "fill": -1}))
    calls.append(Call("dropout", dropout, (np.zeros((3, 0)), 0.5)))
    for y in (large, large.T, large[:, ::-1, ::2]):
        calls.append(Call("dropout", dropout, (y, 0.5), {"num_threads": 2}))
    calls.append(Call("dropout", dropout, (large.T, 0.5), {"out": np.empty(LARGE[::-1], "f4")}))
    wrong: list[tuple[dict[str, Any], type[Exception]]] = [
        ({"noise_shape": (2, 2)}, ValueError),
        ({"noise_shape": 3}, ValueError),
        ({"p": [0.5, 2, 0, 0, 0]}, ValueError),
        ({"p": [0.5, 0.25]}, ValueError),
        ({"p": ["a"]}, TypeError),
        ({"offset": -1}, ValueError),
        ({"offset": 1.5}, TypeError),
        ({"origin": (1, 2, 3)}, ValueError),
        ({"origin": (8, 8, 8), "full_shape": (9, 9, 9)}, ValueError),
        ({"scale": None}, TypeError),
        ({"return_key": 1}, TypeError),
        ({"training": "yes"}, TypeError),
    ]
    calls += [Call("dropout", dropout, (x,), given, error) for given, error in wrong]
    calls.append(Call("dropout", dropout, (np.arange(9), 0.5), {}, TypeError))
    return calls


def of_channels(name: str) -> list[Call]:
    function, x = getattr(fastdrop, name), array(name)
    channels = x.shape[:2]
    block = {"origin": (0,) * x.ndim, "full_shape": (9,) * x.ndim}
    options: list[dict[str, Any]] = [
        *({"count": 2}, {"count": 0}, {"count": channels[1]}, {"count": 1, "scale": False}),
        *({"min_keep": 1}, {"min_keep": 1, "fill": 5, "out": np.empty_like(x)}),
        *({"offset": 12}, {"offset": 12, "count": 1}, block, block | {"count": 3}),
        {"p": np.linspace(0.1, 0.9, channels[1])[:, None][(..., *[None] * (x.ndim - 3))]},
    ]
    calls = []
    for given in options:
        p = {} if "count" in given else {"p": 0.5}
        calls.append(Call(name, function, (x,), {"rng": KEY, **p, **given}))
    wrong = [
        ({"count": -1}, ValueError),
        ({"count": 99}, ValueError),
        ({"min_keep": 1.5}, TypeError),
    ]
    wrong += [({"min_keep": 99}, ValueError), ({"origin": (1,), "full_shape": (2,)}, ValueError)]
    calls += [Call(name, function, (x,), given, error) for given, error in wrong]
    calls.append(Call(name, function, (np.zeros(3), 0.5), {}, ValueError))
    return calls


def of_keep_mask() -> list[Call]:
    each, bools = np.random.default_rng(0).random(X), np.empty(X, bool)
    packed = np.empty((bools.size + 7) // 8 + 1, "u1")
    options: list[dict[str, Any]] = [
        *({}, {"rng": None}, {"rng": 1}, {"rng": np.random.default_rng(0)}, {"packed": True}),
        *({"out": bools}, {"out": bools[::-1]}, {"out": packed[:-1], "packed": True}),
        *({"out": packed[1:], "packed": True}, {"p": each}, {"p": each, "packed": True}),
        *({"p": each, "out": bools}, {"p": 0}, {"p": 1.0}),
        *({"p": (each > 0.5) * 1.0, "packed": True}, {"offset": 9, "packed": True}),
        {"origin": (1, 1, 1), "full_shape": (9, 9, 9)},
        {"origin": (1, 1, 1), "full_shape": (9, 9, 9), "packed": True, "p": each},
        *({"num_threads": 1}, {"num_threads": 2}),
    ]
    for given in ({}, {"packed": True}, {"out": bools}, {"out": packed[:-1], "packed": True}):
        options += [{"count": 2, **given}, {"min_keep": 2, "axis": 0, **given}]
        options.append({"min_keep": 2, "axis": 1, "p": each, **given})
    options.append({"count": 2, "origin": (1, 1, 1), "full_shape": (9, 9, 9)})
    keep_mask = fastdrop.keep_mask
    calls = [Call("keep_mask", keep_mask, (X,), {"rng": KEY, **given}) for given in options]
    calls += [Call("keep_mask", keep_mask, (shape,)) for shape in (9, [3, 4], [], (0, 2))]
    calls.append(Call("keep_mask", keep_mask, (LARGE, 0.5), {"num_threads": 2}))
    wrong: list[tuple[dict[str, Any], type[Exception]]] = [
        *[({"p": p}, ValueError) for p in (1.5, [0.5, 0.5], [2, 0, 0, 0, 0])],
        *[({"out": out}, ValueError) for out in (packed, np.empty(3, bool))],
        *(({"count": 1, "min_keep": 1}, ValueError), ({"count": 77}, ValueError)),
        *(({"axis": 1}, ValueError), ({"count": 1, "axis": 5}, ValueError)),
        *(({"packed": 1}, TypeError), ({"rng": "a"}, TypeError), ({"offset": None}, TypeError)),
        *(({"num_threads": 0}, ValueError), ({"origin": (1,)}, ValueError)),
    ]
    calls += [Call("keep_mask", keep_mask, (X,), given, error) for given, error in wrong]
    calls += [Call("keep_mask", keep_mask, (-1,), {}, ValueError)]
    calls += [Call("keep_mask", keep_mask, ("a",), {}, TypeError)]
    return calls


def of_apply_mask() -> list[Call]:
    x = array("apply_mask")
    mask = fastdrop.keep_mask(X, rng=KEY)
    packed = fastdrop.keep_mask(X, rng=KEY, packed=True)
    p = np.linspace(0, 1, X[-1])
    function = fastdrop.apply_mask
    given: list[tuple[Any, Any, dict[str, Any]]] = [
        *((packed, 0.5, {"packed": True}), (packed, p, {"packed": True}), (mask, p, {})),
        *((mask[:1], 0.5, {}), (mask[..., :1], p, {"fill": p}), (mask.tolist(), 0.5, {})),
        *((np.asfortranarray(mask), 0.5, {}), (mask[::-1], 0.5, {"out": x.T.copy().T})),
        (packed, 0.5, {"packed": True, "out": x.T.copy().T}),
        (mask, np.random.default_rng(0).random(X), {"inplace": True, "fill": 1}),
    ]
    calls = [Call("apply_mask", function, (x, m, p_), options) for m, p_, options in given]
    wrong: list[tuple[Any, dict[str, Any], type[Exception]]] = [
        *((mask[:2], {}, ValueError), (packed[1:], {"packed": True}, ValueError)),
        *((mask * 2, {}, TypeError), (packed, {"packed": 2}, TypeError), (None, {}, TypeError)),
    ]
    calls += [Call("apply_mask", function, (x, m, 0.5), given, error) for m, given, error in wrong]
    calls.append(Call("apply_mask", function, (x, mask, 2), {}, ValueError))
    return calls


def of_others() -> list[Call]:
    """Return what other functions have alone: shapes, modes, blocks, holes."""
    alpha, path = fastdrop.alpha_dropout, fastdrop.drop_path
    feature, coarse = fastdrop.feature_alpha_dropout, fastdrop.coarse_dropout
    x, images = array(""), array("coarse_dropout")
    calls = [
        Call("alpha_dropout", alpha, (x, 0.5, True), {"noise_shape": (4, 1, 1), "offset": 3}),
        Call("alpha_dropout", alpha, (x, 0.5, True), {"noise_shape": (3, 1, 1)}, ValueError),
        Call("alpha_dropout", alpha, (x.astype("c8"), 0.5, True), {}, TypeError),
        Call("feature_alpha_dropout", feature, (x, 0.5, True), {"offset": 3}),
        Call("feature_alpha_dropout", feature, (np.zeros(3), 0.5, True), {}, ValueError),
        Call("drop_path", path, (x, 0.5), {"mode": "row", "offset": 1}),
        Call("drop_path", path, (x, 0.5), {"mode": "batch"}),
        Call("drop_path", path, (x, np.linspace(0, 1, 4)[:, None, None])),
        Call("drop_path", path, (x, 0.5), {"mode": "rows"}, ValueError),
        Call("drop_path", path, (np.float32(1), 0.5), {}, ValueError),
    ]
    for name in ("drop_block2d", "drop_block3d"):
        function, y = getattr(fastdrop, name), array(name)
        calls += [Call(name, function, (y, 0.2, size), {"eps": 0.5}) for size in (1, 3, 99)]
        calls.append(Call(name, function, (y[0], 0.2, 2), {"rng": KEY}))
        calls += [Call(name, function, (y, 0.2, size), {}, ValueError) for size in (0, -1)]
        calls.append(Call(name, function, (y, 0.2, 2.5), {}, TypeError))
        calls.append(Call(name, function, (y, 0.2, 2), {"eps": -1}, ValueError))
        calls.append(Call(name, function, (np.zeros((2, 2)), 0.2, 2), {}, ValueError))
    sizes = [2, 0.5, (2, 3), ((1, 3), (0.1, 0.5))]
    calls += [Call("coarse_dropout", coarse, (images, (0, 3), size)) for size in sizes]
    calls += [Call("coarse_dropout", coarse, (y, 2, 2)) for y in (images[0, :, :, 0], images[0])]
    calls.append(Call("coarse_dropout", coarse, (images, 2, 3), {"return_mask": True}))
    calls.append(Call("coarse_dropout", coarse, (images, 0, 3), {"return_mask": True}))
    calls += [Call("coarse_dropout", coarse, (images, n, 2), {}, ValueError) for n in (-1, (2, 1))]
    calls += [Call("coarse_dropout", coarse, (images, 1, n), {}, ValueError) for n in (0, 1.5)]
    calls.append(Call("coarse_dropout", coarse, (images, 1.5, 2), {}, TypeError))
    calls.append(Call("coarse_dropout", coarse, (np.zeros(3), 1, 2), {}, ValueError))
    return calls


LAYERS: dict[str, list[dict[str, Any]]] = {
    "Dropout": [{}, {"noise_shape": (4, 1, 1)}, {"axis": (0, 1)}, {"scale": False, "fill": 2}],
    "Dropout1d": [{}, {"scale": False, "fill": np.ones(5, "f4")}],
    "Dropout2d": [{}, {"scale": False, "fill": 2.0}],
    "Dropout3d": [{}, {"scale": False, "fill": 2.0}],
    "AlphaDropout": [{}, {"noise_shape": (4, 1, 1)}, {"axis": 0}],
    "FeatureAlphaDropout": [{}],
    "DropPath": [{}, {"mode": "batch"}, {"scale": False, "fill": 1}],
    "DropBlock2d": [{"block_size": 3}, {"block_size": 2, "eps": 0.5, "scale": False, "fill": 1}],
    "DropBlock3d": [{"block_size": 3}, {"block_size": 2, "eps": 0.5, "scale": False, "fill": 1}],
}


def of_layer(name: str, options: dict[str, Any]) -> list[Call]:
    """Return calls of a layer's constructor and methods."""
    kind = getattr(fastdrop, name)
    inner = {"Block": "drop_block", "out2": "dropout2", "out3": "dropout3"}
    shape = next(
        (SHAPES[f"{inner[k]}{name[-2:] if k == 'Block' else 'd'}"] for k in inner if k in name), X
    )
    x = numbers(shape, "f4")
    call = [Call(name, kind, (0.5,), {"inplace": True, "rng": 3, **options})]

    def add(layer: Any, method: str, *arguments: Any, error: Any = None, **given: Any) -> None:
        function = getattr(layer, method)
        call.append(Call(name, function, arguments, given, error, f"{name}.{method}"))

    for rng in (None, 1, KEY, np.random.default_rng(0)):
        layer = kind(0.5, rng=rng, **options)
        for method in ("forward", "__call__"):
            add(layer, method, x)
            add(layer, method, x, rng=KEY)
        layer.forward(x)
        add(layer, "backward", x)
        add(layer, "backward", np.zeros(3, "f4"), error=ValueError)
        add(layer, "state_dict")
        add(layer, "load_state_dict", layer.state_dict())
        add(layer, "load_state_dict", {"key": 1}, error=ValueError)
        add(layer, "load_state_dict", 3, error=TypeError)
        add(layer, "__repr__")
    for method in ("eval", "train"):
        add(layer, method)
    add(layer, "train", "yes", error=TypeError)
    add(layer, "__setattr__", "p", 0.25)
    add(layer, "__setattr__", "p", 2, error=ValueError)
    broken = kind(0.5, **options)
    add(broken, "forward", "no array", error=TypeError)
    add(broken, "backward", x, error=RuntimeError)
    call.append(
        Call(name, pickle.dumps, (kind(0.5, rng=1, **options),), {}, None, f"pickle {name}")
    )
    call.append(Call(name, kind, (1.5,), options, ValueError))
    return call


def of_key() -> list[Call]:
    """Return calls of Key and its methods."""
    key = fastdrop.Key(2)
    calls = [Call("Key", fastdrop.Key, seed) for seed in ((), (3,), ((1, 2),), (np.array([4]),))]
    methods: list[tuple[str, tuple]] = [
        *(("from_words", (1, 2)), ("fold_in", (1,)), ("fold_in", (1, 2, 3)), ("spawn", (3,))),
        *(("__hash__", ()), ("__eq__", (KEY,)), ("__eq__", (3,)), ("__repr__", ())),
        ("__getattribute__", ("words",)),
    ]
    for method, given in methods:
        calls.append(Call("Key", getattr(key, method), given, label=f"Key.{method}"))
    refusals: list[tuple[str, tuple, type[Exception]]] = [
        *(("from_words", (1, 2**64), ValueError), ("from_words", (1, "a"), TypeError)),
        *(("fold_in", (-1,), ValueError), ("fold_in", (1.5,), TypeError)),
        *(("spawn", (-1,), ValueError), ("spawn", ("a",), TypeError)),
    ]
    for method, given, error in refusals:
        calls.append(Call("Key", getattr(key, method), given, {}, error, f"Key.{method}"))
    calls += [Call("Key", fastdrop.Key, (-1,), {}, ValueError)]
    calls += [Call("Key", fastdrop.Key, (1.5,), {}, TypeError)]
    calls.append(Call("Key", pickle.dumps, (key,), label="pickle Key"))
    calls.append(Call("Key", pickle.loads, (pickle.dumps(key),), label="unpickle Key"))
    return calls


def of_the_process() -> list[Call]:
    """Return calls that ask or set what the process shares; they leave it as it was."""
    state, threads = fastdrop.get_rng_state(), fastdrop.get_num_threads()
    return [
        Call("get_rng_state", fastdrop.get_rng_state),
        Call("set_rng_state", fastdrop.set_rng_state, (state,)),
        Call("set_rng_state", fastdrop.set_rng_state, ({"key": (1, 2)},), {}, ValueError),
        Call("set_rng_state", fastdrop.set_rng_state, ({"key": 3, "calls": 2},), {}, ValueError),
        Call("set_rng_state", fastdrop.set_rng_state, (None,), {}, TypeError),
        *[Call("manual_seed", fastdrop.manual_seed, (seed,)) for seed in (None, 3, (1, 2), KEY)],
        Call("manual_seed", fastdrop.manual_seed, (-3,), {}, ValueError),
        Call("manual_seed", fastdrop.manual_seed, ("a",), {}, TypeError),
        Call("get_num_threads", fastdrop.get_num_threads),
        Call("set_num_threads", fastdrop.set_num_threads, (threads,)),
        Call("set_num_threads", fastdrop.set_num_threads, (0,), {}, ValueError),
        Call("set_num_threads", fastdrop.set_num_threads, ("a",), {}, TypeError),
        Call("show_config", fastdrop.show_config, ("dicts",)),
        Call("show_config", fastdrop.show_config, ("page",), {}, ValueError),
    ]


PLAIN = ["dropout", "dropout1d", "dropout2d", "dropout3d", "drop_path"]
PLAIN += ["alpha_dropout", "feature_alpha_dropout"]


def functions() -> list[Call]:
    """Return calls of the functions that take x, or make a mask."""
    calls = [call for name in PLAIN for call in (*accepted(name), *refused(name))]
    for name in ("drop_block2d", "drop_block3d"):
        calls += [*accepted(name, 2, p=0.2), *refused(name, 2, p=0.2)]
    calls += [*accepted("coarse_dropout", 2, 3), *refused("coarse_dropout", 2, 3)]
    mask = fastdrop.keep_mask(X, rng=KEY)
    calls += [*of_masked(accepted, mask), *of_masked(refused, mask)]
    calls += [*of_dropout(), *of_keep_mask(), *of_apply_mask(), *of_others()]
    for name in PLAIN[1:4]:
        calls += of_channels(name)
    return calls


def of_masked(make: Callable[..., list[Call]], mask: np.ndarray) -> list[Call]:
    """Return calls of apply_mask, whose mask comes before p."""
    calls = make("apply_mask")
    for call in calls:
        x, *p = call.arguments
        call.arguments = (x, mask, *p)
    return calls


def everything() -> list[Call]:
    """Return calls of all that fastdrop offers."""
    layers = [c for name, cases in LAYERS.items() for case in cases for c in of_layer(name, case)]
    return [*functions(), *layers, *of_key(), *of_the_process()]
