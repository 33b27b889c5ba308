"""What a call of the fuzz must give: the reference's answer to arguments in their plain form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import reference
import reference_coarse


@dataclass
class Expected:
    """The result, or None if it is x as it was; and whether a key was taken."""

    y: Any
    drawn: bool
    mask: Any = None


def all_are(p: Any, value: float) -> bool:
    """Whether p is a number, or numbers that are all equal to it."""
    return np.size(p) > 0 and bool((np.asarray(p) == value).all())


def by_chance(p: Any) -> bool:
    """Whether some p is neither 0 nor 1, or there is none."""
    p = np.asarray(p, np.float64)
    return p.size == 0 or bool(((p > 0) & (p < 1)).any())


def cleared(a: dict[str, Any]) -> np.ndarray:
    """Return what becomes of x where all is dropped."""
    return reference.chosen(np.zeros((), bool), reference.native(a["x"]), dropped(a))


def dropped(a: dict[str, Any]) -> Any:
    """Return what a dropped element becomes, or None for all bits 0."""
    fill = a.get("fill", 0)
    if type(fill) is int and fill == 0:
        return None
    return reference.converted(fill, reference.native(a["x"]).dtype)


def dropout(a: dict[str, Any], key: reference.Key) -> Expected:
    """Answer `dropout`, and what is `dropout` with a noise shape."""
    x, p = a["x"], a["p"]
    if not a["training"] or all_are(p, 0):
        return Expected(None, False)
    if x.size == 0 or all_are(p, 1):
        return Expected(cleared(a), False)
    names = ("offset", "noise_shape", "scale", "fill", "origin", "full_shape")
    options = {name: a[name] for name in names if name in a}
    return Expected(reference.dropout(x, p, key, **options), by_chance(p))


def channel_noise(x: np.ndarray, inner: int) -> tuple[int, ...]:
    """Return the noise shape of whole channels of so many axes."""
    return x.shape[: x.ndim - inner] + (1,) * inner


def channels(a: dict[str, Any], key: reference.Key, inner: int) -> Expected:
    """Answer `dropout1d` and its like, which count too."""
    x, p = a["x"], a["p"]
    noise, axis = channel_noise(x, inner), x.ndim - inner - 1
    count, least = a.get("count"), a.get("min_keep")
    if count is None and least is None:
        own = tuple(None if i <= axis else 1 for i in range(x.ndim))
        return dropout({**a, "noise_shape": own}, key)
    if not a["training"]:
        return Expected(None, False)
    origin, full = a.get("origin"), a.get("full_shape")
    if origin is not None:
        own = tuple(None if i <= axis else 1 for i in range(x.ndim))
        origin, full = reference.shared(origin, own, 0), reference.shared(full, own, 1)
    length = noise[axis] if full is None else full[axis]
    scale: Any = a["scale"]
    if count is not None:
        if count == 0:
            return Expected(None, False)
        if count == length or x.size == 0:
            return Expected(cleared(a), False)
        kept = counted(noise, axis, origin, full, a["offset"], key, count, None, 0)
        y = reference.native(x)
        y = reference.on_line(y, length / (length - count), None) if scale else y
        return Expected(reference.chosen(kept, y, dropped(a)), True)
    assert least is not None
    if all_are(p, 0) or (least == length and not (scale and by_chance(p))):
        return Expected(None, False)
    if x.size == 0 or (least == 0 and all_are(p, 1)):
        return Expected(cleared(a), False)
    kept = counted(noise, axis, origin, full, a["offset"], key, None, least, p)
    y = reference.apply_mask(x, kept, p, scale, a["fill"])
    return Expected(y, by_chance(p) or least > 0)


def counted(
    shape: tuple[int, ...],
    axis: int,
    origin: tuple[int, ...] | None,
    full: tuple[int, ...] | None,
    offset: int,
    key: reference.Key,
    count: int | None,
    least: int | None,
    p: Any,
) -> np.ndarray:
    """Return a mask with a count along an axis, of the whole lines that a block cuts."""
    begin, full = origin or (0,) * len(shape), full or shape
    whole = (*shape[:axis], full[axis], *shape[axis + 1 :])
    before = (*begin[:axis], 0, *begin[axis + 1 :])
    index = reference.stream_index(whole, offset, before, full)
    lines = (math.prod(whole[:axis]), whole[axis], math.prod(whole[axis + 1 :]))
    rank = reference.ranks(index, key).reshape(lines)
    if count is not None:
        order = rank.argsort(axis=1)
        kept = np.ones(lines, bool)
        np.put_along_axis(kept, order[:, :count], False, axis=1)
    else:
        at = np.broadcast_to(p, whole) if np.ndim(p) else p
        kept = reference.kept_by(reference.draws_at(index, key), index, at, key).reshape(lines)
        order = np.lexsort((~rank, ~kept), axis=1)
        np.put_along_axis(kept, order[:, :least], True, axis=1)
    return kept[:, begin[axis] : begin[axis] + shape[axis]].reshape(shape)


def alpha_dropout(a: dict[str, Any], key: reference.Key) -> Expected:
    """Answer `alpha_dropout`."""
    x, p, noise = a["x"], a["p"], a.get("noise_shape")
    if not a["training"] or p == 0:
        return Expected(None, False)
    if x.size == 0 or p == 1:
        return Expected(cleared({"x": x}), False)
    shape = None if noise is None else reference.shared(x.shape, noise, 1)
    y = reference.alpha_dropout(x, p, key, a["offset"], shape)
    return Expected(y, True)


def feature_alpha_dropout(a: dict[str, Any], key: reference.Key) -> Expected:
    """Answer `feature_alpha_dropout`."""
    x = a["x"]
    return alpha_dropout({**a, "noise_shape": (None, None) + (1,) * (x.ndim - 2)}, key)


def drop_path(a: dict[str, Any], key: reference.Key) -> Expected:
    """Answer `drop_path`."""
    first = None if a["mode"] == "row" else 1
    return dropout({**a, "noise_shape": (first, *(1,) * (a["x"].ndim - 1))}, key)


def drop_block(a: dict[str, Any], key: reference.Key, axes: int) -> Expected:
    """Answer `drop_block2d` and `drop_block3d`."""
    x, p, size = a["x"], a["p"], a["block_size"]
    if not a["training"] or p == 0:
        return Expected(None, False)
    if x.size == 0 or reference.block_gamma(x.shape[-axes:], p, size) >= 1:
        return Expected(cleared(a), False)
    kept = reference.block_mask(x.shape, p, size, axes, key)
    return Expected(reference.drop_block(x, kept, a["eps"], a["scale"], a["fill"]), True)


def coarse_dropout(a: dict[str, Any], key: reference.Key) -> Expected:
    """Answer `coarse_dropout`."""
    x, most = a["x"], np.max(a["holes"])
    shape = x.shape[: 3 if x.ndim == 4 else 2]
    if most == 0 or x.size == 0:
        return Expected(None if most == 0 else reference.native(x), False, np.ones(shape, bool))
    y, mask = reference_coarse.coarse_dropout(x, a["holes"], a["size"], key, a["fill"])
    return Expected(y, True, mask)


def apply_mask(a: dict[str, Any], key: reference.Key) -> Expected:
    """Answer `apply_mask`."""
    x, kept = a["x"], a["mask"]
    if a["packed"]:
        kept = np.unpackbits(kept, count=x.size, bitorder="little").astype(bool).reshape(x.shape)
    return Expected(reference.apply_mask(x, kept, a["p"], a["scale"], a["fill"]), False)


def keep_mask(a: dict[str, Any], key: reference.Key) -> Expected:
    """Answer `keep_mask`."""
    shape, p, count, least = a["shape"], a["p"], a["count"], a["min_keep"]
    origin, full, offset = a["origin"], a["full_shape"], a["offset"]
    drawn = math.prod(shape) > 0 and by_chance(p)
    if count is not None or least is not None:
        axis = a["axis"] % len(shape)
        length = shape[axis] if full is None else full[axis]
        if count is not None:
            drawn = 0 < count < length
        else:
            drawn = (0 < least < length and not all_are(p, 0)) or (least == 0 and by_chance(p))
        drawn = drawn and math.prod(shape) > 0
        kept = np.ones(shape, bool)
        if math.prod(shape):
            kept = counted(shape, axis, origin, full, offset, key, count, least, p)
    elif not drawn:
        kept = (
            np.broadcast_to(np.asarray(p) < 1, shape) if math.prod(shape) else np.ones(shape, bool)
        )
    else:
        kept = reference.decisions(shape, p, key, offset, origin, full)
    return Expected(reference.packed(kept) if a["packed"] else kept, drawn)


ANSWERS = {
    **{"dropout": dropout, "alpha_dropout": alpha_dropout, "drop_path": drop_path},
    **{"feature_alpha_dropout": feature_alpha_dropout, "coarse_dropout": coarse_dropout},
    **{"apply_mask": apply_mask, "keep_mask": keep_mask},
    "dropout1d": lambda a, key: channels(a, key, 1),
    "dropout2d": lambda a, key: channels(a, key, 2),
    "dropout3d": lambda a, key: channels(a, key, 3),
    "drop_block2d": lambda a, key: drop_block(a, key, 2),
    "drop_block3d": lambda a, key: drop_block(a, key, 3),
}
