"""The functions, as the user calls them. Their types, by `return_key`, are in functional.pyi."""

from fastdrop import _core


def dropout(
    x,
    p=0.5,
    training=True,
    inplace=False,
    *,
    rng=None,
    out=None,
    noise_shape=None,
    scale=True,
    offset=0,
    return_key=False,
    num_threads=None,
):
    """Zero each element with probability p and scale the others by 1/(1-p).

    The mask depends on the key, p and the element's position in C order alone: not on the number
    of threads, the CPU, the dtype, the memory layout, or whether x is changed in place. It is
    never stored.

    Parameters
    ----------
    x : array_like
        Of any shape and a dtype of numbers: float16, bfloat16 (of the package ml_dtypes), float32,
        float64, complex64 or complex128, or, with ``scale=False``, any other of fixed size, bool
        and integers among them. What is not an ndarray, such as a list, a DataFrame or a tensor, is
        converted as by `numpy.asarray`.
    p : float, optional
        Probability of an element to be dropped, in [0, 1]. It is met exactly, to 2**-80.
    training : bool, optional
        If false, x itself is returned (its values in `out`, if given) and nothing is drawn; so
        too for p = 0.
    inplace : bool, optional
        Write into x, and return it.
    rng : None, int, SeedSequence, BitGenerator, Generator or Key, optional
        Where the call's key comes from. An int, a `SeedSequence` and a `Key` always give the same
        mask. A `Generator` or a `BitGenerator` is advanced by two 64-bit draws in a call that
        decides by chance, and not at all in one that does not (evaluation, p = 0, p = 1, an empty
        x). None takes the next key of the process's own stream; see `manual_seed`.
    out : ndarray, optional
        Array of x's shape and dtype to write into. It may be x or overlap it.
    noise_shape : sequence of int or None, optional
        For each axis of x its length, or None for that, or 1: along an axis of 1 all elements share
        a decision. The mask has this shape; by default x's.
    scale : bool, optional
        If false, kept elements stay as they are, in any numeric dtype.
    offset : int, optional
        Position of x's first element in the mask's stream, 0 or more; with `noise_shape`, of the
        first decision. It counts elements in C order: pieces that are contiguous in that order,
        such as blocks of rows, dropped each with its own offset, equal the whole dropped at once.
    return_key : bool, optional
        Return the pair of the result and the call's key. The same call with ``rng=key`` has the
        same mask.
    num_threads : int, optional
        Threads to work on, 1 or more; by default `get_num_threads`, and one for a small x.

    Returns
    -------
    y : ndarray
        x, `out`, or a fresh array of x's shape, dtype and layout (as `numpy.empty_like` makes).
        A dropped element is +0, also where x is NaN or infinite. A kept one is ``x * s`` with
        ``s = 1 / (1 - p)`` computed in double precision and rounded once to x's dtype (of a complex
        number, to that of its parts). For float16 and bfloat16 s is a float32, and the product is
        taken in float32 and rounded once.
    key : Key or None
        Only with ``return_key=True``; None if nothing was drawn.

    Raises
    ------
    ValueError
        If p is outside [0, 1] or NaN; if `out` has another shape or comes with ``inplace=True``; if
        the array to write into is read-only or has elements that share memory; if `noise_shape`
        does not fit x; if `offset` is negative or `num_threads` less than 1.
    TypeError
        If x is not numeric or cannot be scaled; if x or `out` is a masked array, whose mask would
        be lost; if x is sparse, or lazy or chunked, as arrays of Dask, Zarr, HDF5 and xarray are;
        if `out` has another dtype or is not an ndarray; if ``inplace=True`` and x is not an
        ndarray; if `rng` or another argument is of another type, such as a bool for p or an int
        for a flag.

    Notes
    -----
    In every error nothing has been written and no generator advanced. The GIL is released while
    the elements are worked on; any thread may call.

    The operation is that of Hinton et al. (2012), arXiv:1207.0580, in the scaling of
    `torch.nn.functional.dropout`. The mask is defined in ``docs/mask-format.md``.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> x = np.arange(1.0, 10.0).reshape(3, 3)
    >>> fastdrop.dropout(x, 0.5, rng=1)
    array([[ 2.,  4.,  6.],
           [ 8., 10.,  0.],
           [14.,  0.,  0.]])

    The gradient of a loss passes where the mask was kept, with the same scale:

    >>> y, key = fastdrop.dropout(x, 0.5, return_key=True)
    >>> gradient = fastdrop.dropout(np.ones_like(x), 0.5, rng=key)
    >>> np.array_equal(gradient, y / x)
    True

    Whole rows, and pixels of an image without changing the others:

    >>> fastdrop.dropout(x, 0.5, rng=10, noise_shape=(3, 1))
    array([[ 2.,  4.,  6.],
           [ 0.,  0.,  0.],
           [14., 16., 18.]])
    >>> image = np.full((2, 4, 3), 200, np.uint8)
    >>> fastdrop.dropout(image, 0.5, rng=3, noise_shape=(2, 4, 1), scale=False)[:, :, 0]
    array([[200, 200, 200,   0],
           [  0,   0, 200, 200]], dtype=uint8)
    """
    return _core.dropout(
        x, p, training, inplace, rng, out, noise_shape, scale, offset, return_key, num_threads
    )


def dropout1d(
    x,
    p=0.5,
    training=True,
    inplace=False,
    *,
    rng=None,
    out=None,
    scale=True,
    offset=0,
    return_key=False,
    num_threads=None,
):
    """Zero whole channels of sequences with probability p and scale the others by 1/(1-p).

    Parameters
    ----------
    x : array_like
        Of shape (N, C, L) or (C, L), and of a dtype as for
        `dropout`. Each channel, of shape (L,), is dropped or kept as a whole.
    p, training, inplace, rng, out, scale, return_key, num_threads
        As for `dropout`.
    offset : int, optional
        Position of the first channel's decision in the mask's stream, 0 or more.

    Returns
    -------
    y : ndarray
        As from `dropout`.
    key : Key or None
        Only with ``return_key=True``.

    Raises
    ------
    ValueError
        If x has another number of axes; and as for `dropout`.
    TypeError
        As for `dropout`.

    Notes
    -----
    The same as `dropout` with a `noise_shape` that is 1 in the last axis; of Tompson et al.
    (2015), arXiv:1411.4280, and `torch.nn.functional.dropout1d`.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> fastdrop.dropout1d(np.ones((3, 4)), 0.5, rng=10)
    array([[2., 2., 2., 2.],
           [0., 0., 0., 0.],
           [2., 2., 2., 2.]])
    """
    x = _core.as_array(x, inplace)
    noise_shape = _channels(x, "dropout1d", "L")
    return _core.dropout(
        x, p, training, inplace, rng, out, noise_shape, scale, offset, return_key, num_threads
    )


def dropout2d(
    x,
    p=0.5,
    training=True,
    inplace=False,
    *,
    rng=None,
    out=None,
    scale=True,
    offset=0,
    return_key=False,
    num_threads=None,
):
    """Zero whole channels of images with probability p and scale the others by 1/(1-p).

    Parameters
    ----------
    x : array_like
        Of shape (N, C, H, W) or (C, H, W), and of a dtype as for
        `dropout`. Each channel, of shape (H, W), is dropped or kept as a whole.
    p, training, inplace, rng, out, scale, return_key, num_threads
        As for `dropout`.
    offset : int, optional
        Position of the first channel's decision in the mask's stream, 0 or more.

    Returns
    -------
    y : ndarray
        As from `dropout`.
    key : Key or None
        Only with ``return_key=True``.

    Raises
    ------
    ValueError
        If x has another number of axes; and as for `dropout`.
    TypeError
        As for `dropout`.

    Notes
    -----
    The same as `dropout` with a `noise_shape` that is 1 in the last two axes; of Tompson et al.
    (2015), arXiv:1411.4280, and `torch.nn.functional.dropout2d`, but for 3-D input, which that
    takes as (N, C, L).

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> y = fastdrop.dropout2d(np.ones((2, 4, 5, 5)), 0.5, rng=10)
    >>> y.max(axis=(2, 3))
    array([[2., 0., 2., 0.],
           [2., 2., 0., 0.]])
    """
    x = _core.as_array(x, inplace)
    noise_shape = _channels(x, "dropout2d", "H, W")
    return _core.dropout(
        x, p, training, inplace, rng, out, noise_shape, scale, offset, return_key, num_threads
    )


def dropout3d(
    x,
    p=0.5,
    training=True,
    inplace=False,
    *,
    rng=None,
    out=None,
    scale=True,
    offset=0,
    return_key=False,
    num_threads=None,
):
    """Zero whole channels of volumes with probability p and scale the others by 1/(1-p).

    Parameters
    ----------
    x : array_like
        Of shape (N, C, D, H, W) or (C, D, H, W), and of a dtype as for
        `dropout`. Each channel, of shape (D, H, W), is dropped or kept as a whole.
    p, training, inplace, rng, out, scale, return_key, num_threads
        As for `dropout`.
    offset : int, optional
        Position of the first channel's decision in the mask's stream, 0 or more.

    Returns
    -------
    y : ndarray
        As from `dropout`.
    key : Key or None
        Only with ``return_key=True``.

    Raises
    ------
    ValueError
        If x has another number of axes; and as for `dropout`.
    TypeError
        As for `dropout`.

    Notes
    -----
    The same as `dropout` with a `noise_shape` that is 1 in the last three axes; of Tompson et al.
    (2015), arXiv:1411.4280, and `torch.nn.functional.dropout3d`.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> y = fastdrop.dropout3d(np.ones((2, 4, 2, 5, 5)), 0.5, rng=10)
    >>> y.max(axis=(2, 3, 4))
    array([[2., 0., 2., 0.],
           [2., 2., 0., 0.]])
    """
    x = _core.as_array(x, inplace)
    noise_shape = _channels(x, "dropout3d", "D, H, W")
    return _core.dropout(
        x, p, training, inplace, rng, out, noise_shape, scale, offset, return_key, num_threads
    )


def alpha_dropout(
    x,
    p=0.5,
    training=False,
    inplace=False,
    *,
    rng=None,
    out=None,
    noise_shape=None,
    offset=0,
    return_key=False,
    num_threads=None,
):
    """Drop elements to the negative limit of SELU, and keep mean 0 and variance 1.

    Parameters
    ----------
    x : array_like
        Of any shape; float16, bfloat16, float32 or float64.
    p : float, optional
        Probability of an element to be dropped, in [0, 1].
    training : bool, optional
        If false, as it is by default, x itself is returned, as in PyTorch.
    inplace, rng, out, noise_shape, offset, return_key, num_threads
        As for `dropout`.

    Returns
    -------
    y : ndarray
        x, `out`, or a fresh array. With ``A = 1.7580993408473766`` and
        ``a = 1 / sqrt((A**2 * p + 1) * (1 - p))`` a kept element is ``a * x + a * A * p`` and a
        dropped one ``a * A * p - a * A``; for p = 1 all are 0. The numbers are computed in double
        precision and rounded once to x's dtype, or to float32 for float16 and bfloat16, which
        are computed in float32 and rounded once.
    key : Key or None
        Only with ``return_key=True``. A gradient passes as
        ``a * dropout(grad, p, rng=key, scale=False)``; `AlphaDropout` does that.

    Raises
    ------
    ValueError
        As for `dropout`.
    TypeError
        As for `dropout`; and if x has a dtype other than those above.

    Notes
    -----
    For self-normalizing networks: Klambauer et al. (2017), arXiv:1706.02515, in the form of
    `torch.nn.functional.alpha_dropout`. The mask is that of `dropout` with the same key and p.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> x = np.random.default_rng(0).standard_normal(100_000)
    >>> y = fastdrop.alpha_dropout(x, 0.2, training=True, rng=1)
    >>> bool(abs(y.mean()) < 0.02), bool(abs(y.var() - 1) < 0.02)
    (True, True)
    """
    return _core.alpha_dropout(
        x, p, training, inplace, rng, out, noise_shape, False, offset, return_key, num_threads
    )


def feature_alpha_dropout(
    x,
    p=0.5,
    training=False,
    inplace=False,
    *,
    rng=None,
    out=None,
    offset=0,
    return_key=False,
    num_threads=None,
):
    """Drop whole channels as `alpha_dropout` does elements.

    Parameters
    ----------
    x : array_like
        Of shape (N, C, ...), with two axes or more; the dtypes are those of `alpha_dropout`.
    p, training, inplace, rng, out, return_key, num_threads
        As for `alpha_dropout`.
    offset : int, optional
        Position of the first channel's decision in the mask's stream, 0 or more.

    Returns
    -------
    y : ndarray
        As from `alpha_dropout`.
    key : Key or None
        Only with ``return_key=True``.

    Raises
    ------
    ValueError
        If x has fewer than two axes; and as for `dropout`.
    TypeError
        As for `alpha_dropout`.

    Notes
    -----
    The operation of `torch.nn.functional.feature_alpha_dropout`.

    Examples
    --------
    >>> import numpy as np, fastdrop
    >>> y = fastdrop.feature_alpha_dropout(np.zeros((2, 3, 4)), 0.5, training=True, rng=10)
    >>> y.max(axis=2).round(3)
    array([[ 0.779, -0.779,  0.779],
           [-0.779,  0.779,  0.779]])
    """
    x = _core.as_array(x, inplace)
    return _core.alpha_dropout(
        x,
        p,
        training,
        inplace,
        rng,
        out,
        feature_noise(x),
        False,
        offset,
        return_key,
        num_threads,
    )


def feature_noise(x):
    """The noise shape of an array (N, C, ...) whose channels are decided as wholes."""
    shape = _core.as_base_array(x).shape
    if len(shape) < 2:
        raise ValueError(
            f"feature_alpha_dropout takes x of shape (N, C, ...), but its shape is {shape}"
        )
    return shape[:2] + (1,) * (len(shape) - 2)


def _channels(x, name, axes):
    """The noise shape of an array whose last axes, so named, belong to its channels."""
    shape, inner = _core.as_base_array(x).shape, len(axes.split())
    if len(shape) not in (inner + 1, inner + 2):
        raise ValueError(
            f"{name} takes x of shape (N, C, {axes}) or (C, {axes}), but its shape is {shape}"
        )
    return shape[: len(shape) - inner] + (1,) * inner
