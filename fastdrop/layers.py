"""The layers: a function with its p, its mode, its own source of keys, and its backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, SupportsIndex

from numpy.typing import ArrayLike, NDArray

from fastdrop import _core
from fastdrop.functional import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
    feature_noise,
)
from fastdrop.keys import RNGLike
from fastdrop.layer_base import FillLayer, Layer, NoiseLayer, Setting
from fastdrop.paths import check_mode, drop_path

if TYPE_CHECKING:
    from fastdrop.functional import NoiseShape, Probability


class Dropout(NoiseLayer, FillLayer):
    """`fastdrop.dropout` as a layer, with a backward pass that stores no mask.

    Parameters
    ----------
    p : float, optional
        Probability that an element is dropped, in [0, 1].
    inplace : bool, optional
        Whether `forward` writes into its input; `backward` never does. The layer before must not
        need its output for its own backward pass. A tanh does; a ReLU needs only the signs, which
        kept elements still have.
    rng : optional
        Source of the keys, as for `fastdrop.dropout`. A seed or a `Key` gives the layer a stream of
        its own: call n that decides by chance, counted from 0, uses ``Key(rng).fold_in(n)``. So
        layers built with the same seed drop the same elements: give each layer of a network a key
        of its own, from `Key.spawn`. A random generator is shared with its other users. None, the
        default, takes keys from the process's own stream.
    noise_shape : sequence of int or None, optional
        As for `fastdrop.dropout`: 1 for each axis along which all elements share a decision, None
        for the other axes.
    axis : int or sequence of int, optional
        Axes along which elements are decided apart; along all others they share a decision. The
        same as a `noise_shape`, but for any number of axes: with 0 whole samples are dropped, with
        (0, 1) whole channels, with (0, -1) features for all times.
    scale : bool, optional
        If false, kept elements are unchanged.
    fill : array_like, optional
        What a dropped element becomes, as for `fastdrop.dropout`. A gradient is 0 there.

    Attributes
    ----------
    p : float
    inplace : bool
    noise_shape : tuple of int and None, or None
    axis : tuple of int, or None
    scale : bool
    fill : array_like
    training : bool
        True at first; see `train` and `eval`. Each attribute can be assigned, and is checked as the
        argument is.

    Raises
    ------
    ValueError
        If `p` is outside [0, 1] or NaN; if `noise_shape` has an entry other than None and positive
        ints, or comes with `axis`.
    TypeError
        If `rng` or another argument is of another type.

    Notes
    -----
    Any thread may call a layer, and each call has a mask of its own. But `backward` belongs to the
    last `forward`: threads that call both need a layer each.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> layer = fastdrop.Dropout(0.5, rng=1)
    >>> x = np.ones((2, 4))
    >>> y = layer(x)
    >>> np.array_equal(layer.backward(x), y)
    True
    >>> layer.eval()(x) is x
    True
    """

    _drop = _pass_back = staticmethod(dropout)
    _defaults: ClassVar = NoiseLayer._defaults | FillLayer._defaults

    def __init__(
        self,
        p: Probability = 0.5,
        inplace: bool = False,
        *,
        rng: RNGLike = None,
        noise_shape: NoiseShape | None = None,
        axis: SupportsIndex | Sequence[SupportsIndex] | None = None,
        scale: bool = True,
        fill: ArrayLike = 0,
    ) -> None:
        super().__init__(
            p, inplace, rng=rng, noise_shape=noise_shape, axis=axis, scale=scale, fill=fill
        )


class ChannelLayer(FillLayer):
    """A layer that drops whole channels."""

    def __init__(
        self,
        p: Probability = 0.5,
        inplace: bool = False,
        *,
        rng: RNGLike = None,
        scale: bool = True,
        fill: ArrayLike = 0,
    ) -> None:
        super().__init__(p, inplace, rng=rng, scale=scale, fill=fill)


class Dropout1d(ChannelLayer):
    """`fastdrop.dropout1d` as a layer: whole channels of (N, C, L) or (C, L).

    Parameters
    ----------
    p, inplace, rng, scale, fill
        As for `Dropout`, as are the attributes, the errors and the notes.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> fastdrop.Dropout1d(0.5, rng=10)(np.ones((4, 3)))
    array([[2., 2., 2.],
           [0., 0., 0.],
           [2., 2., 2.],
           [0., 0., 0.]])
    """

    _drop = _pass_back = staticmethod(dropout1d)


class Dropout2d(ChannelLayer):
    """`fastdrop.dropout2d` as a layer: whole channels of (N, C, H, W) or (C, H, W).

    Parameters
    ----------
    p, inplace, rng, scale, fill
        As for `Dropout`, as are the attributes, the errors and the notes.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> layer = fastdrop.Dropout2d(0.5, rng=10)
    >>> y = layer(np.ones((2, 4, 5, 5)))
    >>> y.max(axis=(2, 3))
    array([[2., 0., 2., 0.],
           [2., 2., 0., 0.]])
    """

    _drop = _pass_back = staticmethod(dropout2d)


class Dropout3d(ChannelLayer):
    """`fastdrop.dropout3d` as a layer: whole channels of (N, C, D, H, W) or (C, D, H, W).

    Parameters
    ----------
    p, inplace, rng, scale, fill
        As for `Dropout`, as are the attributes, the errors and the notes.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> layer = fastdrop.Dropout3d(0.5, rng=10)
    >>> y = layer(np.ones((2, 4, 3, 5, 5)))
    >>> y.max(axis=(2, 3, 4))
    array([[2., 0., 2., 0.],
           [2., 2., 0., 0.]])
    """

    _drop = _pass_back = staticmethod(dropout3d)


def _alpha_slope(
    grad: ArrayLike,
    p: float,
    training: bool,
    rng: RNGLike,
    noise_shape: NoiseShape | None = None,
) -> Any:
    """Pass a gradient through alpha dropout."""
    return _core.alpha_dropout(
        grad, p, training, False, rng, None, noise_shape, True, 0, False, None
    )


class AlphaDropout(NoiseLayer):
    """`fastdrop.alpha_dropout` as a layer, for networks with SELU.

    Parameters
    ----------
    p, inplace, rng, noise_shape, axis
        As for `Dropout`, as are the attributes, the errors and the notes. `inplace` works, unlike
        in PyTorch's layer.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> layer = fastdrop.AlphaDropout(0.5, rng=10)
    >>> layer(np.zeros(4)).round(3)
    array([ 0.779, -0.779,  0.779, -0.779])
    >>> layer.backward(np.ones(4)).round(3)
    array([0.886, 0.   , 0.886, 0.   ])
    """

    _drop = staticmethod(alpha_dropout)
    _pass_back = staticmethod(_alpha_slope)

    def __init__(
        self,
        p: Probability = 0.5,
        inplace: bool = False,
        *,
        rng: RNGLike = None,
        noise_shape: NoiseShape | None = None,
        axis: SupportsIndex | Sequence[SupportsIndex] | None = None,
    ) -> None:
        super().__init__(p, inplace, rng=rng, noise_shape=noise_shape, axis=axis)


class DropPath(FillLayer):
    """`fastdrop.drop_path` as a layer: whole samples, for residual branches of any shape.

    Parameters
    ----------
    p, inplace, rng, scale, fill
        As for `Dropout`, as are the attributes, the errors and the notes.
    mode : {"row", "batch"}, optional
        As for `fastdrop.drop_path`.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> layer = fastdrop.DropPath(0.5, rng=10)
    >>> layer(np.ones((4, 3)))
    array([[2., 2., 2.],
           [0., 0., 0.],
           [2., 2., 2.],
           [0., 0., 0.]])
    """

    _drop = _pass_back = staticmethod(drop_path)
    _defaults: ClassVar = {"mode": "row"} | FillLayer._defaults

    mode = Setting("Whether each sample is decided apart, or the batch as a whole.", check_mode)

    def __init__(
        self,
        p: Probability = 0.5,
        inplace: bool = False,
        *,
        rng: RNGLike = None,
        mode: Literal["row", "batch"] = "row",
        scale: bool = True,
        fill: ArrayLike = 0,
    ) -> None:
        super().__init__(p, inplace, rng=rng, mode=mode, scale=scale, fill=fill)


class FeatureAlphaDropout(Layer):
    """`fastdrop.feature_alpha_dropout` as a layer: whole channels of (N, C, ...).

    Parameters
    ----------
    p, inplace, rng
        As for `Dropout`, as are the attributes, the errors and the notes. `inplace` works, unlike
        in PyTorch's layer.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> y = fastdrop.FeatureAlphaDropout(0.5, rng=10)(np.zeros((2, 4, 5)))
    >>> y.max(axis=2).round(3)
    array([[ 0.779, -0.779,  0.779, -0.779],
           [ 0.779,  0.779, -0.779, -0.779]])
    """

    _drop = staticmethod(feature_alpha_dropout)

    def __init__(self, p: Probability = 0.5, inplace: bool = False, *, rng: RNGLike = None) -> None:
        super().__init__(p, inplace, rng=rng)

    @staticmethod
    def _pass_back(grad: NDArray[Any], p: float, training: bool, rng: RNGLike) -> Any:
        return _alpha_slope(grad, p, training, rng, feature_noise(grad))
