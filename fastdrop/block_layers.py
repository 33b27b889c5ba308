"""The layers of `drop_block2d` and `drop_block3d`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, SupportsIndex

from numpy.typing import ArrayLike

from fastdrop import _core
from fastdrop.blocks import drop_block2d, drop_block3d
from fastdrop.keys import RNGLike
from fastdrop.layer_base import FillLayer, Setting
from fastdrop.signatures import Probability


class BlockLayer(FillLayer):
    """A layer that drops blocks, by the function `_drop_block`."""

    _drop_block: Callable[..., Any]

    _required: ClassVar = ("block_size",)
    _defaults: ClassVar = {"eps": 1e-6} | FillLayer._defaults

    block_size = Setting("Length of a block along each of its axes.", _core.check_block)
    eps = Setting("What is added to the number of kept elements.", _core.check_eps)

    def __init__(
        self,
        p: Probability,
        block_size: SupportsIndex,
        inplace: bool = False,
        *,
        eps: float = 1e-6,
        rng: RNGLike = None,
        scale: bool = True,
        fill: ArrayLike = 0,
    ) -> None:
        super().__init__(
            p, inplace, rng=rng, block_size=block_size, eps=eps, scale=scale, fill=fill
        )

    def _drop(
        self,
        x: ArrayLike,
        p: float,
        training: bool,
        inplace: bool = False,
        *,
        block_size: int,
        **options: Any,
    ) -> Any:
        return self._drop_block(x, p, block_size, training, inplace, **options)

    _pass_back = _drop


class DropBlock2d(BlockLayer):
    """`fastdrop.drop_block2d` as a layer, with a backward pass that stores no mask.

    Parameters
    ----------
    p : float
        Part of the elements that the blocks would cover if they did not overlap, in [0, 1].
    block_size : int
        Height and width of a block, 1 or more.
    inplace, rng
        As for `fastdrop.Dropout`.
    eps, scale, fill : optional
        As for `fastdrop.drop_block2d`. A gradient is 0 where `fill` is.

    Attributes
    ----------
    p : float
    block_size : int
    inplace : bool
    eps : float
    scale : bool
    fill : array_like
    training : bool
        True at first; see `train` and `eval`. Each attribute can be assigned, and is checked as the
        argument is.

    Raises
    ------
    ValueError
        If `p` is outside [0, 1] or NaN, `block_size` less than 1, or `eps` negative or not finite.
    TypeError
        If `rng` or another argument is of another type.

    Notes
    -----
    As for `fastdrop.Dropout`.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> layer = fastdrop.DropBlock2d(0.3, 3, rng=5)
    >>> layer
    DropBlock2d(p=0.3, block_size=3, inplace=False)
    >>> x = np.ones((2, 4, 8, 8))
    >>> y = layer(x)
    >>> np.array_equal(layer.backward(x), y)
    True
    """

    _drop_block = staticmethod(drop_block2d)


class DropBlock3d(BlockLayer):
    """`fastdrop.drop_block3d` as a layer, with a backward pass that stores no mask.

    Parameters
    ----------
    p, block_size, inplace, eps, rng, scale, fill
        As for `DropBlock2d`, as are the attributes, the errors and the notes; a block has a depth
        too.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> layer = fastdrop.DropBlock3d(0.1, 2, rng=1)
    >>> x = np.ones((2, 4, 4, 4))
    >>> y = layer(x)
    >>> np.array_equal(layer.backward(x), y)
    True
    """

    _drop_block = staticmethod(drop_block3d)
