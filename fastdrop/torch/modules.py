"""PyTorch's modules with fastdrop's functions, and models whose modules are exchanged."""

from __future__ import annotations

from typing import Literal, TypeVar

import torch
from torch import nn

from fastdrop.paths import check_mode
from fastdrop.torch import functional
from fastdrop.torch.calls import check_probability

Model = TypeVar("Model", bound=nn.Module)


class Dropout(nn.Dropout):
    """`torch.nn.Dropout` by `fastdrop.torch.dropout`.

    Parameters
    ----------
    p : float, optional
        Probability of an element to be dropped, in [0, 1].
    inplace : bool, optional
        Write into the input.

    Raises
    ------
    ValueError
        If p is outside [0, 1].

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> module = fastdrop.torch.Dropout(0.2)
    >>> isinstance(module, torch.nn.Dropout)
    True
    >>> module
    Dropout(p=0.2, inplace=False)
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the input with dropped elements or, in evaluation, as it is."""
        return functional.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(nn.Dropout1d):
    """`torch.nn.Dropout1d` by `fastdrop.torch.dropout1d`; see `Dropout`.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> y = fastdrop.torch.Dropout1d(0.5)(torch.ones(2, 8, 5))
    >>> bool((y.amin(2) == y.amax(2)).all())
    True
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the input with dropped channels or, in evaluation, as it is."""
        return functional.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(nn.Dropout2d):
    """`torch.nn.Dropout2d` by `fastdrop.torch.dropout2d`; see `Dropout`.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> y = fastdrop.torch.Dropout2d(0.5)(torch.ones(2, 8, 5, 5))
    >>> bool((y.amin((2, 3)) == y.amax((2, 3))).all())
    True
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the input with dropped channels or, in evaluation, as it is."""
        return functional.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(nn.Dropout3d):
    """`torch.nn.Dropout3d` by `fastdrop.torch.dropout3d`; see `Dropout`.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> y = fastdrop.torch.Dropout3d(0.5)(torch.ones(2, 8, 3, 5, 5))
    >>> bool((y.amin((2, 3, 4)) == y.amax((2, 3, 4))).all())
    True
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the input with dropped channels or, in evaluation, as it is."""
        return functional.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(nn.AlphaDropout):
    """`torch.nn.AlphaDropout` by `fastdrop.torch.alpha_dropout`; see `Dropout`.

    As in PyTorch, `inplace` has no effect.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> len(fastdrop.torch.AlphaDropout(0.5)(torch.zeros(1000)).unique())
    2
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the input with dropped elements or, in evaluation, as it is."""
        return functional.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(nn.FeatureAlphaDropout):
    """`torch.nn.FeatureAlphaDropout` by `fastdrop.torch.feature_alpha_dropout`; see `Dropout`.

    As in PyTorch, `inplace` has no effect.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> y = fastdrop.torch.FeatureAlphaDropout(0.5)(torch.zeros(2, 8, 5))
    >>> bool((y.amin(2) == y.amax(2)).all())
    True
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the input with dropped channels or, in evaluation, as it is."""
        return functional.feature_alpha_dropout(input, self.p, self.training)


class DropPath(nn.Module):
    """Drop whole samples of a residual branch by `fastdrop.torch.drop_path`.

    Parameters
    ----------
    p : float, optional
        Probability of a sample to be dropped, in [0, 1].
    inplace : bool, optional
        Write into the input.
    mode : {"row", "batch"}, optional
        Whether each sample is decided apart, or the batch as a whole.

    Raises
    ------
    ValueError
        If p is outside [0, 1], or `mode` is neither "row" nor "batch".

    Examples
    --------
    >>> import fastdrop.torch
    >>> fastdrop.torch.DropPath(0.1)
    DropPath(p=0.1, mode=row, inplace=False)
    """

    def __init__(
        self, p: float = 0.5, inplace: bool = False, mode: Literal["row", "batch"] = "row"
    ) -> None:
        super().__init__()
        check_probability(p)
        self.p, self.inplace, self.mode = p, inplace, check_mode(mode)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the input with dropped samples or, in evaluation, as it is."""
        return functional.drop_path(input, self.p, self.training, self.inplace, mode=self.mode)

    def extra_repr(self) -> str:
        """Return the arguments, for the representation."""
        return f"p={self.p}, mode={self.mode}, inplace={self.inplace}"


OURS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Dropout: Dropout,
    nn.Dropout1d: Dropout1d,
    nn.Dropout2d: Dropout2d,
    nn.Dropout3d: Dropout3d,
    nn.AlphaDropout: AlphaDropout,
    nn.FeatureAlphaDropout: FeatureAlphaDropout,
}
THEIRS = {ours: theirs for theirs, ours in OURS.items()}


def replace(model: Model) -> Model:
    """Make each dropout module of a model one of fastdrop.

    Parameters
    ----------
    model : Module
        It is changed: the class of each module in it that is exactly one of PyTorch's dropout
        modules becomes fastdrop's. The modules stay the same objects, with their hooks, their mode
        and their names. What calls `torch.nn.functional.dropout`, or attention with a dropout of
        its own, is not changed; see `enable`.

    Returns
    -------
    Module
        `model`.

    Notes
    -----
    A tracer of `torch.fx` keeps modules of `torch.nn` as they are, and looks into all others. Then
    its graph has the mode of the moment: traced in training, it drops in evaluation too. So trace
    before `replace`, which exchanges the modules of a traced model as well.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.1))
    >>> type(fastdrop.torch.replace(model)[1]) is fastdrop.torch.Dropout
    True
    >>> type(fastdrop.torch.restore(model)[1]) is torch.nn.Dropout
    True
    """
    return _exchange(model, OURS)


def restore(model: Model) -> Model:
    """Make each dropout module of fastdrop in a model PyTorch's again: undo `replace`.

    Parameters
    ----------
    model : Module
        It is changed as by `replace`. A `DropPath` stays, since PyTorch has none.

    Returns
    -------
    Module
        `model`.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> model = torch.nn.Sequential(fastdrop.torch.Dropout(0.1))
    >>> type(fastdrop.torch.restore(model)[0]) is torch.nn.Dropout
    True
    """
    return _exchange(model, THEIRS)


def _exchange(model: Model, classes: dict[type[nn.Module], type[nn.Module]]) -> Model:
    for module in model.modules():
        if type(module) in classes:
            module.__class__ = classes[type(module)]
    return model
