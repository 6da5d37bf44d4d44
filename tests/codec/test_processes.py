"""A codec in other processes, however these are started."""

import multiprocessing
import os
import pickle
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

import speechvq
from tests.audio.test_reading import noise

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")


class Recordings(Dataset):
    """Codes of noise, made where they are asked for."""

    def __init__(self, codec):
        self.codec = codec

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.codec.encode(noise(4000 + index))


def first(items):
    return items[0]


def generated(codec, prior):
    return speechvq.generate(codec, prior, seconds=0.1)


def expected(codec):
    return [codec.encode(noise(4000 + index)) for index in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_workers_of_a_data_loader(tiny, start):
    loader = DataLoader(
        Recordings(tiny), num_workers=1, multiprocessing_context=start, collate_fn=first
    )
    assert list(loader) == expected(tiny)


@pytest.mark.slow
def test_a_pool_gets_the_default_model_under_a_low_limit_of_open_files(codec):
    """Its tensors do not travel through one open file each."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, limits[1]))
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            assert pool.submit(codec.encode, noise(4000)).result() == codec.encode(noise(4000))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def forked(function):
    """What a forked process says of a function; fails if it takes longer than a minute."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:  # no assert, no coverage: only an answer, and the end
        try:
            os.write(writer, b"1" if function() else b"0")
        finally:
            os._exit(0)
    os.close(writer)
    for _ in range(600):
        if os.waitpid(child, os.WNOHANG)[0]:
            return os.read(reader, 1) == b"1"
        time.sleep(0.1)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return pytest.fail("the forked process hangs")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_after_use_with_two_threads(codec, speech):
    """OpenMP's threads do not survive a fork; the codec then computes with one thread."""
    wave, threads = speech[:16_000], torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        codes = codec.encode(wave)
        assert forked(lambda: codec.encode(wave) == codes and torch.get_num_threads() == 1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def sent(value):
    """What arrives in another process."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own


def test_a_pickled_codec_and_prior_are_the_same(tiny, prior_file):
    codec, prior = sent((tiny, speechvq.load_prior(prior_file)))
    assert codec.encode(noise(4000)) == tiny.encode(noise(4000))
    assert generated(codec, prior) == generated(tiny, speechvq.load_prior(prior_file))
    assert (codec.model, codec.voices) == (tiny.model, tiny.voices)
    assert not any(weight.requires_grad for weight in codec.network.parameters())


def test_a_codec_that_learns_is_pickled_as_one(model):
    codec = speechvq.load(model)
    codec.network.decoder.requires_grad_()
    copy = sent(codec)
    learning = {name for name, value in copy.network.named_parameters() if value.requires_grad}
    assert learning
    assert all(name.startswith("decoder.") for name in learning)
