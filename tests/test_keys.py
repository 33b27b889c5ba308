"""Key, fold_in, spawn, and the process's own stream."""

import copy
import inspect
import pickle

import numpy as np
import pytest
import reference
import vectors

import fastdrop
from fastdrop import Key
from fastdrop.keys import KeyStream


@pytest.mark.parametrize("seed", [0, 42, 2**64, 2**200, np.uint8(7)])
def test_a_key_is_its_seed_sequence(seed):
    words = reference.seed_key(int(seed))
    assert Key(seed).words == words
    assert Key(np.random.SeedSequence(int(seed))).words == words


def test_the_keys_of_the_format():
    for seed, words in vectors.SEEDED:
        assert Key(seed).words == words
    for n, words in vectors.FOLDED:
        assert Key.from_words(*vectors.KEY).fold_in(n).words == words


def test_none_takes_new_entropy():
    assert Key(None) != Key(None)
    assert Key() != Key()


def test_the_signature_shows():
    assert str(inspect.signature(Key)) == "(seed=None)"
    assert (inspect.getdoc(Key) or "").startswith("A 128-bit key")
    assert str(inspect.signature(Key.fold_in)) == "(self, n, *more)"


def test_several_numbers_are_folded_in_in_turn():
    key = Key(7)
    assert key.fold_in(1, 2, 3) == key.fold_in(1).fold_in(2).fold_in(3) != key.fold_in(3, 2, 1)
    with pytest.raises(TypeError):
        key.fold_in()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"n must be an integer, but got 1\.5"):
        key.fold_in(3, 1.5)
    with pytest.raises(ValueError, match=r"n must be in .* but got -1"):
        key.fold_in(3, -1)


@pytest.mark.parametrize("flag", [True, False, np.True_])
def test_a_bool_is_no_number(flag):
    for call in (
        Key,
        fastdrop.manual_seed,
        lambda n: Key.from_words(n, 0),
        lambda n: Key.from_words(0, n),
        Key(0).fold_in,
        lambda n: Key(0).fold_in(1, n),
        Key(0).spawn,
        lambda n: KeyStream(Key(0), n),
    ):
        with pytest.raises(TypeError, match=f"must be an integer.*, but got .*{flag}"):
            call(flag)


@pytest.mark.parametrize("n", [0, 1, 2, 1000, 2**31, 2**62, 2**63 - 1, np.int64(3)])
def test_fold_in_is_that_of_the_reference(n):
    words = (2**64 - 1, 2**63)
    assert Key.from_words(*words).fold_in(n).words == reference.fold_in(words, int(n))


def test_spawn_gives_the_same_children_apart_from_the_calls_of_a_layer():
    key = Key(3)
    assert key.spawn(4) == [key.fold_in(2**62 + n) for n in range(4)]
    assert not set(key.spawn(1000)) & {key.fold_in(n) for n in range(1000)}
    assert key.spawn(0) == []
    assert len({key, *key.spawn(1000), *key.fold_in(0).spawn(1000)}) == 2001


def test_keys_are_values():
    key = Key.from_words(2**64 - 1, 0)
    same = Key.from_words(2**64 - 1, 0)
    assert key == same
    assert hash(key) == hash(same)
    assert key != Key.from_words(0, 2**64 - 1)
    assert key != key.words
    assert repr(key) == "Key.from_words(0xffffffffffffffff, 0x0000000000000000)"
    assert eval(repr(key), {"Key": Key}) == key
    for twin in (copy.copy(key), copy.deepcopy(key), pickle.loads(pickle.dumps(key))):
        assert twin == key
    assert b"fastdrop.keys" in pickle.dumps(key, 2)
    assert b"_keys" not in pickle.dumps(key)


def test_pickles_of_the_first_version_load():
    text = b"cfastdrop.keys\nkey_from_words\n(I1\nI2\ntR."
    assert pickle.loads(text) == Key.from_words(1, 2)
    stream = pickle.loads(b"cfastdrop.keys\nKeyStream\n(" + text[:-1] + b"I7\ntR.")
    assert stream.state == {"key": (1, 2), "calls": 7}


@pytest.mark.parametrize("name", ["k0", "words", "seed"])
def test_keys_cannot_be_changed(name):
    key = Key(0)
    key.__init__(1)  # type: ignore[call-arg]
    assert key == Key(0)
    with pytest.raises(AttributeError):
        setattr(Key(0), name, 1)


@pytest.mark.parametrize("seed", [1.5, "1", [1.0], b"1"])
def test_seeds_of_another_type(seed):
    with pytest.raises(TypeError, match=r"seed must be an integer, .*SeedSequence or None"):
        Key(seed)
    with pytest.raises(TypeError, match=r"seed must be an integer, .*SeedSequence or None"):
        fastdrop.manual_seed(seed)


def test_values_out_of_range():
    with pytest.raises(ValueError, match="seed must be 0 or more, but got -1"):
        Key(-1)
    for words in ((-1, 0), (0, 2**64)):
        with pytest.raises(ValueError, match=r"k[01] must be in"):
            Key.from_words(*words)
    with pytest.raises(TypeError, match="k0 must be an integer"):
        Key.from_words(1.0, 0)
    for n in (-1, 2**63):
        with pytest.raises(ValueError, match=f"n must be in .* but got {n}"):
            Key(0).fold_in(n)
    for n in (-1, 2**20 + 1, 10**9, 2**62):
        with pytest.raises(ValueError, match=f"n must be in .* but got {n}"):
            Key(0).spawn(n)
    with pytest.raises(TypeError, match="n must be an integer"):
        Key(0).fold_in(0.5)


def test_a_refused_seed_leaves_the_process_stream_alone():
    fastdrop.manual_seed(5)
    with pytest.raises(ValueError, match="seed"):
        fastdrop.manual_seed(-5)
    first = Key(5).fold_in(2**63 - 1).fold_in(0)
    assert fastdrop.dropout(np.ones(2), return_key=True)[1] == first


def test_a_stream_counts_and_pickles():
    stream = KeyStream(Key(1), 7)
    assert fastdrop.dropout(np.ones(2), rng=stream, return_key=True)[1] == Key(1).fold_in(7)
    assert stream.calls == 8
    twin = pickle.loads(pickle.dumps(stream))
    assert (twin.key, twin.calls) == (Key(1), 8)
    assert copy.deepcopy(stream).state == stream.state == {"key": Key(1).words, "calls": 8}
    assert b"fastdrop.keys" in pickle.dumps(stream, 2)
    assert b"_keys" not in pickle.dumps(stream)
    for calls in (-1, 2**63 + 1):
        with pytest.raises(ValueError, match="calls must be in"):
            stream.restart(Key(2), calls)
    assert (stream.key, stream.calls) == (Key(1), 8)


def test_a_stream_ends_and_does_not_start_again():
    stream = KeyStream(Key(1), 2**63 - 1)
    last = fastdrop.dropout(np.ones(2), rng=stream, return_key=True)[1]
    assert last == Key(1).fold_in(2**63 - 1)
    assert pickle.loads(pickle.dumps(stream)).calls == 2**63
    x = np.ones(2)
    with pytest.raises(OverflowError, match="no more than"):
        fastdrop.dropout(x, inplace=True, rng=stream)
    assert x.all()


def test_the_process_and_a_layer_of_one_seed_share_no_key():
    fastdrop.manual_seed(5)
    _, key = fastdrop.dropout(np.ones(2), return_key=True)
    assert key not in (Key(5).fold_in(0), *Key(5).spawn(1))


def test_masks_of_adjacent_keys_are_unrelated():
    """Agreement of 2^20 decisions at p = 0.5, for neighbours of a key.

    Ten pairs within 6 standard errors: a false alarm in 50 million runs.
    """
    n = 2**20
    x = np.ones(n, np.float32)
    base = Key.from_words(1, 2)
    masks = [
        fastdrop.dropout(x, 0.5, rng=key) != 0
        for key in (base, Key.from_words(2, 2), Key.from_words(1, 3), *base.spawn(2))
    ]
    for i, mask in enumerate(masks):
        for other in masks[:i]:
            assert abs(int((mask == other).sum()) - n / 2) < 6 * np.sqrt(n / 4)
