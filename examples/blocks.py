"""Blocks: a photo that is dropped tile by tile, in any order and by two processes.

`origin` says where a tile lies in the whole, whose shape is `full_shape`. A tile gets what it would
get in one call on the whole, so nobody waits for anybody, and no tile needs to know of another.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from pathlib import Path

import numpy as np
from pictures import BLUE, ORANGE, frame, load_photo, make_figure, picture_path, save, show

import fastdrop

KEY = fastdrop.Key(7)
P, SIDE = 0.4, 64
OPTIONS = {"rng": KEY, "noise_shape": (None, None, 1), "scale": False}
SHARES = {BLUE: slice(0, None, 2), ORANGE: slice(1, None, 2)}


def shuffled_tiles(shape):
    """Return the first row and column of each tile, in an order of chance."""
    rows, columns = range(0, shape[0], SIDE), range(0, shape[1], SIDE)
    tiles = [(row, column) for row in rows for column in columns]
    return np.random.default_rng(1).permutation(tiles).tolist()


def drop_tiles(image, tiles):
    """Drop pixels of some tiles of an image, in place."""
    for row, column in tiles:
        fastdrop.dropout(
            image[row : row + SIDE, column : column + SIDE],
            P,
            inplace=True,
            origin=(row, column, 0),
            full_shape=image.shape,
            **OPTIONS,
        )


def drop_tiles_of_file(path, tiles):
    """Drop pixels of some tiles of a memory-mapped file: the work of one process."""
    image = np.load(path, mmap_mode="r+")
    drop_tiles(image, tiles)
    image.flush()


def drop_by_two_processes(photo, tiles):
    """Return what is in a file of the photo after two processes have worked on it at once."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.npy"
        np.save(path, photo)
        processes = [
            context.Process(target=drop_tiles_of_file, args=(path, tiles[share]))
            for share in SHARES.values()
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
            assert process.exitcode == 0
        return np.load(path)


def main():
    """Drop tiles, compare with the whole, print the differences and draw the picture."""
    path = picture_path(__doc__, "blocks.png")
    photo = load_photo()
    whole = fastdrop.dropout(photo, P, **OPTIONS)
    tiles = shuffled_tiles(photo.shape)
    some = photo.copy()
    drop_tiles(some, tiles[: len(tiles) // 2])
    shared = drop_by_two_processes(photo, tiles)

    figure = make_figure(9, 2.5)
    left, middle, right = figure.subplots(1, 3)
    show(left, some, f"{len(tiles) // 2} of {len(tiles)} tiles")
    show(middle, shared, "two processes, one file")
    for colour, share in SHARES.items():
        for row, column in tiles[share]:
            frame(middle, row, column, photo[row : row + SIDE, column : column + SIDE], colour)
    show(right, whole, f"the whole at once: {(shared != whole).sum()} bytes differ")
    drop_tiles(some, tiles[len(tiles) // 2 :])
    print(
        f"all {len(tiles)} tiles, one by one: {(some != whole).sum()} bytes differ of {some.size}"
    )
    print(f"two processes, one file: {(shared != whole).sum()} bytes differ of {whole.size}")
    save(figure, path)


if __name__ == "__main__":
    main()
