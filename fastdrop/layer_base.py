"""What the layers share: p, the mode, a source of keys and its state, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, SupportsIndex, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdrop import _core
from fastdrop._core import as_base_array, as_bool, as_noise_shape, check_probability
from fastdrop._keys import GeneratorSource, as_index, as_key_source
from fastdrop.keys import Key, KeyStream, RNGLike, load_bit_generator, stream_of_state

if TYPE_CHECKING:
    from typing_extensions import Self

    from fastdrop.functional import DType, NoiseShape, Probability, Shape


Value = TypeVar("Value")


class Setting(Generic[Value]):
    """An attribute of layers that is checked whenever it is assigned."""

    def __init__(self, doc: str, check: Callable[[Any], Value]) -> None:
        self.__doc__ = doc
        self._check = check

    def __set_name__(self, layer: type, name: str) -> None:
        self._name = f"_{name}"

    @overload
    def __get__(self, layer: None, kind: type) -> Self: ...

    @overload
    def __get__(self, layer: object, kind: type) -> Value: ...

    def __get__(self, layer: object | None, kind: type) -> Self | Value:
        if layer is None:
            return self
        value: Value = layer.__dict__[self._name]
        return value

    def __set__(self, layer: object, value: Any) -> None:
        layer.__dict__[self._name] = self._check(value)
        layer.__dict__["_passed"] = []


def _as_fill(fill: ArrayLike) -> ArrayLike:
    """Return a fill, an array copied; reject what no dtype can hold. x's own is asked in calls."""
    if type(fill) is int:  # of any size: NumPy makes an object of a large one
        return fill
    if np.asarray(fill).dtype.kind not in "biufcV":
        raise TypeError(f"fill must be a number or an array of numbers, but got {fill!r}")
    return fill.copy() if isinstance(fill, np.ndarray) else fill


class Layer:
    """A layer without its functions: `_drop` for x, and `_pass_back` for a gradient."""

    _drop: Callable[..., Any]
    _pass_back: Callable[..., Any]
    # The settings that are passed to the functions: those without a default, and the others with
    # theirs.
    _required: ClassVar[tuple[str, ...]] = ()
    # They are collected in the first call after one was assigned, which makes a new list: a call in
    # another thread, begun before, adds what it collects to the old one.
    _passed: list[dict[str, Any]]
    _p: float
    _inplace: bool
    _training: bool
    _defaults: ClassVar[dict[str, Any]] = {}

    p = Setting("Probability that an element is dropped.", check_probability)
    inplace = Setting("Whether `forward` writes into its input.", partial(as_bool, name="inplace"))
    training = Setting(
        "Whether `forward` drops; see `train` and `eval`.", partial(as_bool, name="training")
    )

    def __init__(
        self, p: Probability = 0.5, inplace: bool = False, *, rng: RNGLike = None, **settings: Any
    ) -> None:
        self.p = p
        self.inplace = inplace
        self.training = True
        for name, value in settings.items():
            setattr(self, name, value)
        source = as_key_source(rng)
        # A key becomes a stream, for a new mask each call.
        self._rng: Any = KeyStream(source) if isinstance(source, Key) else rng
        self._last: list[Any] | None = None  # shape, p, training, key, options

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state of a copy or a pickle, and collect its settings anew."""
        self.__dict__.update(state)
        self._passed = []

    def _options(self, x: ArrayLike) -> dict[str, Any]:
        """Return what only this class of layers passes to its functions, for this x."""
        passed = self._passed
        if not passed:
            passed.append(self._collect())
        return passed[0]

    def _collect(self) -> dict[str, Any]:
        """Return the settings that are passed to the functions."""
        return {name: getattr(self, name) for name in (*self._required, *self._defaults)}

    @overload
    def __call__(
        self, x: np.ndarray[Shape, DType], *, rng: RNGLike = ...
    ) -> np.ndarray[Shape, DType]: ...

    @overload
    def __call__(self, x: ArrayLike, *, rng: RNGLike = ...) -> NDArray[Any]: ...

    def __call__(self, x: ArrayLike, *, rng: RNGLike = None) -> NDArray[Any]:
        """Return ``self.forward(x, rng=rng)``, or ``self.forward(x)`` without a key."""
        return self.forward(x) if rng is None else self.forward(x, rng=rng)

    @overload
    def forward(
        self, x: np.ndarray[Shape, DType], *, rng: RNGLike = ...
    ) -> np.ndarray[Shape, DType]: ...

    @overload
    def forward(self, x: ArrayLike, *, rng: RNGLike = ...) -> NDArray[Any]: ...

    def forward(self, x: ArrayLike, *, rng: RNGLike = None) -> NDArray[Any]:
        """Drop x, or in evaluation return x itself.

        Parameters
        ----------
        x : array_like
            As for the layer's function.
        rng : optional
            Source of this call's key, as for `fastdrop.dropout`; the layer's own source does not
            advance. So ``layer(x, rng=key.fold_in(epoch, item))`` gives an item of a data set the
            same mask in every process, whatever was called before. None, the default, is the
            layer's own source.

        Returns
        -------
        ndarray
            As from the layer's function.

        Raises
        ------
        ValueError, TypeError
            As from the layer's function. After an error `backward` has no mask and raises.
        """
        p, training = self._p, self._training  # without the price of a descriptor
        self._last = None
        y: NDArray[Any]
        options = self._options(x)
        source = self._rng if rng is None else rng
        if not isinstance(x, np.ndarray):
            x = _core.as_array(x, self._inplace)
        # Made before the key is drawn: nothing after it may run out of memory.
        last = [as_base_array(x).shape, p, training, None, options]
        y, last[3] = self._drop(
            x, p, training, self._inplace, rng=source, return_key=True, **options
        )
        self._last = last
        return y

    @overload
    def backward(self, grad: np.ndarray[Shape, DType]) -> np.ndarray[Shape, DType]: ...

    @overload
    def backward(self, grad: ArrayLike) -> NDArray[Any]: ...

    def backward(self, grad: ArrayLike) -> NDArray[Any]:
        """Pass a gradient through the mask of the last `forward`, recomputed from its key.

        Parameters
        ----------
        grad : array_like
            Gradient with respect to the output of the last `forward`, of the same shape.

        Returns
        -------
        ndarray
            Gradient with respect to the input; `grad` itself if `forward` returned x itself, in
            evaluation or for p = 0.

        Raises
        ------
        RuntimeError
            If there was no `forward`, or if the last one raised.
        ValueError
            If the shape of `grad` is not that of the output.
        """
        last = self._last
        if last is None:
            raise RuntimeError(
                "backward needs a forward call that succeeded before it: there is no mask yet"
            )
        shape, p, training, key, options = last
        grad = _core.as_array(grad, False, "grad")
        grad_shape = as_base_array(grad).shape
        if grad_shape != shape:
            raise ValueError(
                f"grad must have the shape {shape} of the last forward, but has {grad_shape}"
            )
        options = {name: value for name, value in options.items() if name != "fill"}  # 0 there
        result: NDArray[Any] = self._pass_back(grad, p, training, rng=key, **options)
        return result

    def train(self, mode: bool = True) -> Self:
        """Set training mode, or evaluation with ``mode=False``.

        Parameters
        ----------
        mode : bool, optional
            Whether to train.

        Returns
        -------
        layer
            The layer itself.

        Raises
        ------
        TypeError
            If `mode` is not a bool.
        """
        self.training = as_bool(mode, "mode")
        return self

    def eval(self) -> Self:
        """Set evaluation mode.

        Returns
        -------
        layer
            The layer itself.
        """
        return self.train(False)

    def state_dict(self) -> dict[str, Any]:
        """Return where the layer's source of keys stands.

        Returns
        -------
        dict
            ``{"key": (k0, k1), "calls": n}`` for a layer with a stream of its own,
            ``{"bit_generator": state}`` for a layer with a random generator, and ``{}`` for a layer
            that takes keys from the process's stream, whose state is `fastdrop.get_rng_state`'s.
            All parts of a stream's state are Python ints. Save them with `json` or `pickle`;
            NumPy would convert them to floats.
        """
        bits = self._bit_generator()
        if bits is not None:
            return {"bit_generator": bits.state}
        return {} if self._rng is None else self._rng.state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Resume from a state: the next masks are those that followed it.

        Parameters
        ----------
        state_dict : dict
            From the `state_dict` of any layer or from `fastdrop.get_rng_state`. A stream's state
            gives the layer a stream of its own, whatever its `rng` was. The state of a bit
            generator is loaded into the layer's own, which must be of the same kind; other users of
            the generator go on from there too. ``{}`` changes nothing.

        Raises
        ------
        ValueError
            If `state_dict` has other entries, if a value is out of range, or if the layer has no
            bit generator of the state's kind; nothing is changed.
        TypeError
            If `state_dict` is not a dict, or a word of the key or the number of calls is not an
            integer; nothing is changed.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"state_dict must be a dict, but got {state_dict!r}")
        entries = set(state_dict)
        if entries == {"bit_generator"}:
            load_bit_generator(self._bit_generator(), state_dict["bit_generator"], "state_dict")
        elif entries:
            self._rng = stream_of_state(state_dict, "state_dict")

    def _bit_generator(self) -> Any:
        """Return the bit generator that the layer's keys are drawn from, or None."""
        source = as_key_source(self._rng)
        return source.bit_generator if isinstance(source, GeneratorSource) else None

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in ("p", *self._required, "inplace")}
        for name, default in self._defaults.items():
            value = getattr(self, name)
            if value is not default and (np.ndim(value) or value != default):
                shown[name] = value
        parts = ", ".join(f"{name}={value!r}" for name, value in shown.items())
        return f"{type(self).__name__}({parts})"


class FillLayer(Layer):
    """A layer that fills what it drops, and scales what it keeps or not."""

    _defaults: ClassVar[dict[str, Any]] = {"scale": True, "fill": 0}

    scale = Setting("Whether kept elements are scaled.", partial(as_bool, name="scale"))
    fill: Setting[ArrayLike] = Setting("What a dropped element becomes.", _as_fill)


class NoiseLayer(Layer):
    """A layer whose decisions can be shared along axes."""

    _defaults: ClassVar[dict[str, Any]] = {"noise_shape": None, "axis": None}

    @property
    def noise_shape(self) -> tuple[int | None, ...] | None:
        """Length of the mask along each axis of x, 1 if all elements share a decision; or None."""
        return self._noise_shape

    @noise_shape.setter
    def noise_shape(self, noise_shape: NoiseShape | None) -> None:
        if noise_shape is not None:
            noise_shape = as_noise_shape(noise_shape)
            if any(n is not None and n < 1 for n in noise_shape):
                raise ValueError(
                    f"noise_shape must have None or a positive int for each axis of x, but got "
                    f"{noise_shape}"
                )
            self._check_one(noise_shape, self.__dict__.get("_axis"))
        self._noise_shape: tuple[int | None, ...] | None = noise_shape
        self._passed = []

    @property
    def axis(self) -> tuple[int, ...] | None:
        """Axes along which elements are decided apart; all others share a decision. Or None."""
        return self._axis

    @axis.setter
    def axis(self, axis: SupportsIndex | Sequence[SupportsIndex] | None) -> None:
        if axis is not None:
            axes = axis if np.iterable(axis) else (axis,)
            axis = tuple(as_index(n, "axis") for n in axes)
            if len(set(axis)) < len(axis):
                raise ValueError(f"axis must have each axis once, but got {axis}")
            self._check_one(self.__dict__.get("_noise_shape"), axis)
        self._axis: tuple[int, ...] | None = axis
        self._passed = []

    def _check_one(self, noise_shape: Any, axis: Any) -> None:
        if noise_shape is not None and axis is not None:
            raise ValueError(
                f"noise_shape={noise_shape} and axis={axis} both say which elements share a "
                "decision: give only one"
            )

    def _options(self, x: ArrayLike) -> dict[str, Any]:
        options, axis = super()._options(x), self._axis
        if axis is not None:
            ndim = as_base_array(_core.as_array(x, self.inplace)).ndim
            for n in axis:
                if not -ndim <= n < ndim:
                    raise ValueError(f"axis {n} is out of range: x has {ndim} axes")
            own = {n % ndim for n in axis}
            if len(own) < len(axis):
                raise ValueError(f"axis must have each of x's {ndim} axes once, but got {axis}")
            options = options | {"noise_shape": tuple(None if n in own else 1 for n in range(ndim))}
        return options

    def _collect(self) -> dict[str, Any]:
        options = super()._collect()
        del options["axis"]  # becomes a noise shape in each call
        return options
