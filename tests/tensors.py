"""Tensors for several test files: what fastdrop.torch must give, made by NumPy's functions."""

import numpy as np
import torch

import fastdrop

# Each function with shapes it takes, and how many leading axes it decides apart.
CASES = [
    ("dropout", (3, 5, 7), None),
    ("dropout", (), None),
    ("dropout", (40000,), None),
    ("dropout1d", (6, 7, 3), 2),
    ("dropout1d", (20, 3), 1),
    ("dropout2d", (6, 7, 3, 2), 2),
    ("dropout3d", (6, 7, 2, 3, 2), 2),
    ("dropout3d", (20, 2, 3, 2), 1),
    ("alpha_dropout", (3, 5, 7), None),
    ("feature_alpha_dropout", (6, 7, 3), 2),
    ("feature_alpha_dropout", (6, 7), 2),
    ("drop_path", (20, 3, 2), 1),
]


def next_key(generator=None):
    """Return the key that the next call draws; the generator stays where it is."""
    source = torch.default_generator if generator is None else generator
    state = source.get_state()
    words = torch.randint(2**63 - 1, (2,), generator=generator, device="cpu")
    source.set_state(state)
    return fastdrop.Key.from_words(*words.tolist())


def dropped(name, x, p, decided, key):
    """Return what a function must give, by NumPy's function, which other files test."""
    array = to_numpy(x)
    noise = None
    if decided is not None:
        noise = array.shape[:decided] + (1,) * (array.ndim - decided)
    if "alpha" in name:
        return fastdrop.alpha_dropout(array, p, True, rng=key, noise_shape=noise)
    return fastdrop.dropout(array, p, rng=key, noise_shape=noise)


def to_numpy(x):
    """Return a tensor's values as an array, also those of bfloat16."""
    x = x.detach().resolve_conj().resolve_neg()
    if x.dtype is torch.bfloat16:
        import ml_dtypes

        return x.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return x.numpy()


def assert_same_values(result, expected):
    """Compare a tensor with an array, bit for bit."""
    result = to_numpy(result)
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    assert np.ascontiguousarray(result).tobytes() == np.ascontiguousarray(expected).tobytes()
