"""Worker processes of `torch.utils.data.DataLoader`."""

from __future__ import annotations

import torch

import fastdrop


def seed_worker(worker_id: int) -> None:
    """Seed a worker's stream of keys from the seed that its DataLoader gave it.

    With ``DataLoader(..., worker_init_fn=fastdrop.torch.seed_worker)`` the functions and layers of
    fastdrop that are called without ``rng=`` in a data set have other masks in each worker and
    epoch, and the same ones in each run after `torch.manual_seed` (or with a seeded ``generator=``
    of the DataLoader). The functions of `fastdrop.torch` need it not: they draw from PyTorch's own
    generator, which the DataLoader seeds.

    Parameters
    ----------
    worker_id : int
        Number of the worker. It is not used: the seed that PyTorch gives a worker contains it.

    Notes
    -----
    The masks depend on which worker loads which item, so on the number of workers. Masks that do
    not are made with ``rng=key.fold_in(epoch, item)``; see `fastdrop.Key.fold_in`.

    Examples
    --------
    >>> import torch, fastdrop.torch
    >>> data = torch.utils.data.TensorDataset(torch.ones(8, 3))
    >>> loader = torch.utils.data.DataLoader(data, worker_init_fn=fastdrop.torch.seed_worker)
    """
    fastdrop.manual_seed(torch.initial_seed() % 2**64)
