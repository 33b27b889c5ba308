"""Worker processes: the code of docs/workers.md, with every number of workers and start method."""

import re
from pathlib import Path

import numpy as np
import pytest
from arrays import assert_same_bytes

import fastdrop
from fastdrop import Key

PAGE = Path(__file__).parent.parent / "docs" / "workers.md"
EPOCHS, ITEMS = 2, 16
METHODS = ["fork", "forkserver", "spawn"]


@pytest.fixture
def blocks():
    """The page's blocks of code."""
    if not PAGE.exists():
        pytest.skip("no docs here")
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def run_file(tmp_path, run_python):
    """Run code as a program, which has to be a file: a spawned worker imports it anew."""

    def run(code, *arguments):
        (tmp_path / "program.py").write_text(code)
        script = (
            "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]], check=True)"
        )
        run_python(script, "program.py", *arguments, cwd=tmp_path)

    return run


LOADER = """
import sys, warnings
import numpy as np, torch
from images import Images
warnings.simplefilter("ignore")  # that a process with threads is forked
if __name__ == "__main__":
    method, workers, persistent = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "True"
    images = np.arange(1, 16 * 8 * 8 * 3 + 1, dtype=np.float32).reshape(16, 8, 8, 3)
    dataset = Images(images, seed=7)
    options = {"multiprocessing_context": method, "persistent_workers": persistent}
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=3, num_workers=workers, **(options if workers else {})
    )
    for epoch in range(2):
        dataset.set_epoch(epoch)
        batches = torch.cat(list(loader)).numpy()
        np.save(f"{epoch}.npy", batches)
"""


@pytest.mark.parametrize(
    ("method", "workers", "persistent"),
    [
        ("none", 0, False),
        *[(method, n, on) for method in METHODS for n, on in ((2, False), (3, False), (2, True))],
    ],
)
def test_a_data_loader_gives_each_item_and_epoch_its_mask(
    method, workers, persistent, blocks, tmp_path, run_file
):
    pytest.importorskip("torch")
    (tmp_path / "images.py").write_text(blocks[0])
    run_file(LOADER, method, str(workers), str(persistent))
    images = np.arange(1, ITEMS * 8 * 8 * 3 + 1, dtype=np.float32).reshape(ITEMS, 8, 8, 3)
    masks = set()
    for epoch in range(EPOCHS):
        result = np.load(tmp_path / f"{epoch}.npy")
        for item in range(ITEMS):
            key = Key(7).fold_in(epoch).fold_in(item)
            expected = fastdrop.dropout(images[item], 0.1, rng=key, noise_shape=(8, 8, 1))
            assert_same_bytes(result[item], expected)
            masks.add((result[item] == 0).tobytes())
    assert len(masks) == EPOCHS * ITEMS


def test_the_pages_loader_runs(blocks, run_file):
    pytest.importorskip("torch")
    run_file(blocks[0] + blocks[1])


POOL = """
import multiprocessing, sys, warnings
from concurrent.futures import ProcessPoolExecutor
import numpy as np
from rows import dropped
warnings.simplefilter("ignore")  # that a process with threads is forked
if __name__ == "__main__":
    context, workers = multiprocessing.get_context(sys.argv[1]), int(sys.argv[2])
    with ProcessPoolExecutor(workers, context) as pool:
        for epoch in range(2):
            np.save(f"{epoch}.npy", list(pool.map(dropped, [epoch] * 16, range(16))))
"""


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("workers", [2, 3])
def test_a_pool_gives_each_item_and_epoch_its_mask(method, workers, blocks, tmp_path, run_file):
    (tmp_path / "rows.py").write_text(blocks[2])
    run_file(POOL, method, str(workers))
    for epoch in range(EPOCHS):
        rows = np.load(tmp_path / f"{epoch}.npy")
        for item in range(ITEMS):
            key = Key(7).fold_in(epoch, item)
            assert_same_bytes(rows[item], fastdrop.dropout(np.ones(1000), 0.1, rng=key))


def test_the_pages_pool_runs(blocks, run_file):
    run_file(blocks[2])
