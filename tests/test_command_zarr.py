"""The command fastdrop apply on Zarr arrays."""

import json
import os
import shutil
import signal
import sys
from typing import Any

import numpy as np
import pytest
from arrays import assert_same_bytes, awkward_numbers
from commands import apply, at_piece, cut_small, refused, save, snapshot

import fastdrop
from fastdrop.__main__ import main

zarr = pytest.importorskip("zarr")
VERSION = int(zarr.__version__.partition(".")[0])
FORMATS = [2, 3] if VERSION > 2 else [2]


def create(path, x, chunks, zarr_format=FORMATS[-1], **options):
    """Write a Zarr array."""
    if VERSION > 2:
        options["zarr_format"] = zarr_format
        array = zarr.create_array(path, shape=x.shape, dtype=x.dtype, chunks=chunks, **options)
    else:
        array = zarr.open_array(
            str(path), mode="w-", shape=x.shape, dtype=x.dtype, chunks=chunks, **options
        )
    array[...] = x
    return path


def load(path):
    """Read a Zarr array."""
    return np.asarray(zarr.open_array(path, mode="r")[...])


def metadata(path):
    """Return everything that a Zarr array keeps beside its elements."""
    names = ("zarr.json", ".zarray", ".zattrs")
    return {n: json.loads((path / n).read_text()) for n in names if (path / n).exists()}


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize("nbytes", [8, 1000, 10**6])
@pytest.mark.parametrize(
    ("shape", "chunks"),
    [((17, 23), (5, 7)), ((17, 23), (20, 1)), ((1000,), (64,)), ((5, 7, 11), (2, 7, 3)), ((), ())],
    ids=str,
)
def test_chunks_give_the_bytes_of_the_whole(
    tmp_path, monkeypatch, zarr_format, nbytes, shape, chunks
):
    cut_small(monkeypatch, nbytes)
    x = awkward_numbers(shape)
    source = create(tmp_path / "x.zarr", x, chunks, zarr_format)
    before, target = snapshot(source), tmp_path / "y.zarr"
    apply(source, target, "-p", "0.3", "--seed", "7")
    expected = fastdrop.dropout(x, 0.3, rng=7)
    assert_same_bytes(load(target), expected)
    assert snapshot(source) == before
    assert metadata(target) == metadata(source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.zarr", "y.zarr"]

    apply(source, tmp_path / "y.npy", "-p", "0.3", "--seed", "7")
    assert_same_bytes(np.load(tmp_path / "y.npy"), expected)
    for order in "CF":
        save(tmp_path / "x.npy", np.asarray(x, order=order))
        apply(tmp_path / "x.npy", tmp_path / f"{order}.zarr", "-p", "0.3", "--seed", "7")
        assert_same_bytes(load(tmp_path / f"{order}.zarr"), expected)

    apply(source, "--inplace", "-p", "0.3", "--seed", "7")
    assert snapshot(source) == snapshot(target)


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_everything_beside_the_elements_is_kept(tmp_path, zarr_format):
    options: dict[str, Any] = {"fill_value": -1.5}
    if VERSION > 2:
        options["attributes"] = {"units": "K", "valid": [1, 2]}
    if zarr_format == 2:
        options["order"] = "F"
    else:
        options |= {"dimension_names": ["y", "x"], "shards": (10, 8)}
    x = awkward_numbers((23, 17), "<f4")
    source = create(tmp_path / "x.zarr", x, (5, 4), zarr_format, **options)
    apply(source, tmp_path / "y.zarr", "--seed", "7")
    assert metadata(tmp_path / "y.zarr") == metadata(source)
    assert_same_bytes(load(tmp_path / "y.zarr"), fastdrop.dropout(x, rng=7))


def test_the_options_are_those_of_dropout(tmp_path, monkeypatch, capsys):
    cut_small(monkeypatch, 200)
    x = np.arange(12 * 9 * 10, dtype=np.int16).reshape(12, 9, 10)
    source = create(tmp_path / "x.zarr", x, (5, 4, 3))
    options = ["--no-scale", "--fill", "-7", "--noise-shape", "None,None,1", "--offset", "99"]
    apply(source, tmp_path / "y.zarr", "-p", "0.3", "--seed", "7", *options)
    expected = fastdrop.dropout(
        x, 0.3, rng=7, scale=False, fill=-7, noise_shape=(None, None, 1), offset=99
    )
    assert_same_bytes(load(tmp_path / "y.zarr"), expected)
    repeat = capsys.readouterr().out.splitlines()[-1].partition(": ")[2].split()
    apply(source, tmp_path / "z.zarr", *repeat)
    assert_same_bytes(load(tmp_path / "z.zarr"), expected)


def test_chunks_that_were_never_written_hold_the_fill_value(tmp_path):
    x = np.full((20, 20), 3.0)
    source = create(tmp_path / "x.zarr", x, (5, 5), fill_value=3.0)
    for path in source.rglob("*"):  # as if zarr had not written them
        if path.is_file() and path.name not in ("zarr.json", ".zarray", ".zattrs"):
            path.unlink()
    apply(source, tmp_path / "y.zarr", "--seed", "7")
    assert_same_bytes(load(tmp_path / "y.zarr"), fastdrop.dropout(x, rng=7))


def test_negative_zeros_are_no_empty_chunks(tmp_path):
    x = np.full((20, 20), -0.0)
    apply(create(tmp_path / "x.zarr", x, (5, 5)), tmp_path / "y.zarr", "-p", "0.1", "--seed", "7")
    assert_same_bytes(load(tmp_path / "y.zarr"), fastdrop.dropout(x, 0.1, rng=7))


def test_a_byte_swapped_file_becomes_a_zarr_array_of_the_same_numbers(tmp_path):
    x = awkward_numbers((30, 4), ">f4")
    apply(save(tmp_path / "x.npy", x), tmp_path / "y.zarr", "--seed", "7")
    expected = fastdrop.dropout(x, rng=7)
    y = load(tmp_path / "y.zarr")
    assert_same_bytes(y.astype(">f4"), expected)


def test_the_kind_of_the_output_is_its_names_or_the_inputs(tmp_path):
    np.save(tmp_path / "x.npy", np.ones(5))
    create(tmp_path / "x.zarr", np.ones(5), (2,))
    for source, name, is_zarr in (
        ("x.npy", "a", False),
        ("x.zarr", "b", True),
        ("x.npy", "c.zarr", True),
        ("x.zarr", "d.npy", False),
    ):
        apply(tmp_path / source, tmp_path / name)
        assert (tmp_path / name).is_dir() == is_zarr


def test_an_array_of_a_group(tmp_path):
    group = zarr.open_group(tmp_path / "g.zarr", mode="w")
    x = awkward_numbers((30, 4))
    if VERSION > 2:
        group.create_array("a", data=x)
    else:
        group.create_dataset("a", data=x)
    apply(tmp_path / "g.zarr" / "a", tmp_path / "g.zarr" / "b", "--seed", "7")
    group = zarr.open_group(tmp_path / "g.zarr", mode="r")
    assert_same_bytes(np.asarray(group["b"][...]), fastdrop.dropout(x, rng=7))


def test_an_array_is_replaced_as_a_whole_and_may_be_the_input(tmp_path):
    x = awkward_numbers((30, 40))
    source = create(tmp_path / "x.zarr", x, (7, 7))
    target = create(tmp_path / "y.zarr", np.ones((100, 100)), (2, 100))
    apply(source, target, "--seed", "7")
    expected = fastdrop.dropout(x, rng=7)
    assert_same_bytes(load(target), expected)
    assert metadata(target) == metadata(source)
    apply(source, source, "--seed", "7")
    assert snapshot(source) == snapshot(target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.zarr", "y.zarr"]


def test_a_link_to_an_array_stays(tmp_path):
    x = awkward_numbers((30, 40))
    source = create(tmp_path / "x.zarr", x, (7, 7))
    (tmp_path / "link.zarr").symlink_to(source)
    apply(tmp_path / "link.zarr", tmp_path / "link.zarr", "--seed", "7")
    assert (tmp_path / "link.zarr").is_symlink()
    assert_same_bytes(load(source), fastdrop.dropout(x, rng=7))


def test_the_old_array_comes_back_if_the_new_one_cannot_take_its_place(
    tmp_path, monkeypatch, capsys
):
    source = create(tmp_path / "x.zarr", awkward_numbers((30, 40)), (7, 7))
    replace = os.replace

    def failing(old, new):
        if os.path.basename(old) == "part":
            raise OSError(5, os.strerror(5), old)
        replace(old, new)

    monkeypatch.setattr(os, "replace", failing)
    before = snapshot(tmp_path)
    assert main(["apply", str(source), str(source)]) == 1
    printed = capsys.readouterr().err
    assert printed == f"fastdrop: {source} cannot be written: {os.strerror(5)}\n"
    assert snapshot(tmp_path) == before


def test_a_signal_leaves_nothing(tmp_path, monkeypatch, capsys):
    cut_small(monkeypatch, 1000)
    source = create(tmp_path / "x.zarr", awkward_numbers((30, 40)), (7, 7))
    target = create(tmp_path / "y.zarr", np.ones(3), (2,))
    before = snapshot(tmp_path)
    at_piece(monkeypatch, 2, lambda: signal.raise_signal(signal.SIGINT))
    assert main(["apply", str(source), str(target)]) == 130
    assert capsys.readouterr().err == "fastdrop: interrupted\n"
    assert snapshot(tmp_path) == before


def test_in_place_goes_on_where_it_was_stopped(tmp_path, monkeypatch, capsys):
    cut_small(monkeypatch, 1000)
    x = awkward_numbers((30, 40))
    source = create(tmp_path / "x.zarr", x, (7, 7))
    with monkeypatch.context() as patch:
        at_piece(patch, 2, lambda: signal.raise_signal(signal.SIGINT))
        assert main(["apply", str(source), "--inplace", "--seed", "7"]) == 130
    command = capsys.readouterr().err.partition("to do the others: fastdrop ")[2].split()
    assert main(command) == 0
    assert_same_bytes(load(source), fastdrop.dropout(x, rng=7))


def damaged(tmp_path, name):
    """Return a folder that is no Zarr array that can be read."""
    path = tmp_path / name
    if name == "group.zarr":
        group = zarr.open_group(path, mode="w")
        for array in ("b", "a"):
            create(path / array, np.ones(3), (3,))
        assert group is not None
    elif name == "empty_group.zarr":
        zarr.open_group(path, mode="w")
    elif name == "folder.zarr":
        path.mkdir()
    elif name == "braces.zarr":
        path.mkdir()
        (path / "zarr.json").write_text("{{{{")
    elif name == "list.zarr":
        path.mkdir()
        (path / "zarr.json").write_text("[]")
    elif name == "chunk.zarr":
        create(path, np.arange(100.0), (50,))
        for file in path.rglob("*"):
            if file.is_file() and file.name not in ("zarr.json", ".zarray", ".zattrs"):
                file.write_bytes(b"garbage")
    elif name == "dates.zarr":
        create(path, np.array(["2020-01-01"], "M8[D]"), (1,))
    elif name == "integers.zarr":
        create(path, np.arange(5), (5,))
    return path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("group.zarr", "PATH is a Zarr group that holds the arrays a, b: name one array, such as "
         "PATH/a"),
        ("empty_group.zarr", "PATH is a Zarr group: name one array, such as PATH/NAME"),
        ("folder.zarr", "PATH is a folder, but not a Zarr array: name a .npy file or "
         "the folder of a Zarr array"),
        ("braces.zarr", "PATH cannot be read: "),
        ("list.zarr", "PATH cannot be read: "),
        ("chunk.zarr", "PATH cannot be read: "),
        ("dates.zarr", "PATH: cannot drop elements of dtype datetime64[D], which is not numeric"),
        ("integers.zarr", "or pass --no-scale to leave the others unchanged"),
        ("absent.zarr", "PATH: No such file or directory"),
    ],
)  # fmt: skip
def test_what_is_no_array_that_can_be_read(tmp_path, capsys, name, message):
    path = damaged(tmp_path, name)
    create(tmp_path / "y.zarr", np.ones(3), (3,))
    before = snapshot(tmp_path)
    assert main(["apply", str(path), str(tmp_path / "y.zarr")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message.replace("PATH", str(path)) in line
    assert snapshot(tmp_path) == before


def test_what_cannot_be_replaced(source, tmp_path, capsys):
    damaged(tmp_path, "group.zarr")
    damaged(tmp_path, "folder.zarr")
    (tmp_path / "file.zarr").write_bytes(b"no folder")
    create(tmp_path / "x.zarr", np.ones(3), (3,))
    for name, message in (
        ("group.zarr", "is a Zarr group that holds the arrays a, b: name one array, such as"),
        ("folder.zarr", "is a folder, but not a Zarr array: name a .npy file or"),
        ("file.zarr", "is no folder: name a .npy file or the folder of a Zarr array"),
        ("absent/y.zarr", f": there is no folder {tmp_path / 'absent'}: create it first"),
    ):
        for input_ in (source, tmp_path / "x.zarr"):
            assert message in refused(input_, tmp_path / name, capsys=capsys)
    (tmp_path / "folder.npy").mkdir()
    message = refused(tmp_path / "x.zarr", tmp_path / "folder.npy", capsys=capsys)
    assert message == f"{tmp_path / 'folder.npy'} is a folder: name a .npy file"


@pytest.mark.skipif(VERSION < 3, reason="zarr 2 has long doubles")
def test_a_dtype_that_zarr_does_not_have(tmp_path, capsys):
    if np.dtype("g").itemsize == 8:
        pytest.skip("long doubles are doubles here")
    source = save(tmp_path / "x.npy", np.ones(3, "g"))
    message = refused(source, tmp_path / "y.zarr", "--no-scale", capsys=capsys)
    assert message.startswith(f"{tmp_path / 'y.zarr'} cannot be written: ")


def test_without_zarr_the_message_says_what_to_install(source, tmp_path, monkeypatch, capsys):
    array = create(tmp_path / "x.zarr", np.ones(3), (3,))
    monkeypatch.setitem(sys.modules, "zarr", None)
    expected = "Zarr arrays need the package zarr: python -m pip install zarr"
    assert refused(array, tmp_path / "y.npy", capsys=capsys) == expected
    assert refused(source, tmp_path / "y.zarr", capsys=capsys) == expected
    assert refused(array, "--inplace", capsys=capsys) == expected
    shutil.rmtree(array)
    apply(source, tmp_path / "y.npy")


@pytest.mark.parametrize("field", ["compressor", "filters"])
def test_chunks_that_are_pickles_are_not_read(field, tmp_path, capsys):
    """They would run code when they are read, in zarr 2 for any dtype."""
    codec = {"id": "pickle", "protocol": 5}
    metadata: dict[str, Any] = {
        **{"zarr_format": 2, "shape": [4], "chunks": [4], "dtype": "<f4", "order": "C"},
        **{"fill_value": 0.0, "compressor": None, "filters": None},
    }
    metadata[field] = [codec] if field == "filters" else codec
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / ".zarray").write_text(json.dumps(metadata))
    for arguments in ([tmp_path / "y.zarr"], ["--inplace"]):
        message = refused(tmp_path / "x.zarr", *arguments, capsys=capsys)
        assert (
            message
            == f"{tmp_path / 'x.zarr'} has pickles as its chunks, which fastdrop does not read"
        )
