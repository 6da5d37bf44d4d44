"""What a caller has set in torch and NumPy changes no codes and no sound, and stays as it was."""

import contextlib
import copy
import itertools
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import speechvq
from speechvq.codec.session import DecodingSession, EncodingSession
from speechvq.errors import AudioError, ConfigError, ModelError
from speechvq.nn.isolation import isolated
from tests.audio.test_reading import noise


@contextlib.contextmanager
def setting(get, change, value):
    before = get()
    change(value)
    try:
        yield
    finally:
        change(before)


@contextlib.contextmanager
def default_device(name):
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextlib.contextmanager
def strict_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


class Halving(torch.overrides.TorchFunctionMode):
    """A mode that changes what functions give."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        return (
            result / 2
            if isinstance(result, torch.Tensor) and result.is_floating_point()
            else result
        )


def default_type(dtype):
    return setting(torch.get_default_dtype, torch.set_default_dtype, dtype)


SURROUNDINGS = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "autocast to float16": lambda: torch.autocast("cpu", torch.float16),
    "device": lambda: torch.device("meta"),
    "default device": lambda: default_device("meta"),
    "a device that is not there": lambda: default_device("cuda"),
    "float64": lambda: default_type(torch.float64),
    "bfloat16": lambda: default_type(torch.bfloat16),
    "float16": lambda: default_type(torch.float16),
    "inference mode": torch.inference_mode,
    "no gradients": torch.no_grad,
    "function mode": Halving,
    "NumPy's errors": lambda: np.errstate(all="raise"),
    "warnings": strict_warnings,
    "products in bfloat16": lambda: setting(
        torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "medium"
    ),
    "deterministic algorithms": lambda: setting(
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
        True,  # noqa: FBT003 - as torch takes it
    ),
}


def state():
    """What a caller can set and the library must leave alone."""
    return (
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
        torch.get_default_dtype(),
        torch.is_inference_mode_enabled(),
        torch.is_grad_enabled(),
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_num_threads(),
        tuple(np.geterr().items()),
        len(torch.overrides._get_current_function_mode_stack()),
    )


WAVE = noise(16_000)
WAVES = torch.from_numpy(WAVE)[None]
EMBEDDING = torch.full((1, 32), 0.0625)


def everything(codec, prior, path):
    """What each entry point gives for one second of noise."""
    wave = WAVE
    codes = codec.encode(wave, 22_050)
    search = speechvq.RateDistortion(prior, 2.0)
    generated = speechvq.generate(codec, prior, seconds=0.2, seed=3)
    records = [codes, *codec.encode_batch([wave, wave[:9000]]), codec.encode(wave, search=search)]
    session = EncodingSession(codec.network, 4)
    parts = [session.feed(wave[None]), session.finish()]
    decoding = DecodingSession(codec.network, EMBEDDING)
    speechvq.write_codes(path, codes, coders=[speechvq.PriorCoder(prior)], force=True)
    read = speechvq.read_codes(path, coders=[speechvq.PriorCoder(prior)])
    return [
        *(row for record in (*records, generated, read) for row in record.codebooks),
        *(np.frombuffer(record.speaker_embedding, np.uint8) for record in records),
        *itertools.chain(*parts),
        decoding.feed([np.arange(9) % 16], last=True),
        codec.decode(codes),
        codec.convert(wave, "slt"),
        codec.latents(codes),
        codec.reconstruct(WAVES).waves,
        speechvq.score(codec, prior, codes).bits,
    ]


def equal(first, second):
    """Whether two results are the same, to the last bit."""
    plain = [
        value.detach().numpy() if isinstance(value, torch.Tensor) else value
        for value in (first, second)
    ]
    return np.array_equal(*plain)


@pytest.fixture(scope="module")
def expected(model, prior_file, tmp_path_factory):
    path = tmp_path_factory.mktemp("codes") / "a.codes"
    return everything(speechvq.load(model), speechvq.load_prior(prior_file), path)


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_nothing_around_changes_what_comes_out(model, prior_file, tmp_path, expected, name):
    used_before = speechvq.load(model), speechvq.load_prior(prior_file)
    with SURROUNDINGS[name]():
        before = state()
        loaded = speechvq.load(model), speechvq.load_prior(prior_file)
        found = [everything(*pair, tmp_path / "a.codes") for pair in (used_before, loaded)]
        with pytest.raises(AudioError):
            used_before[0].encode(np.zeros((2, 3), np.float32))
        assert state() == before
    for arrays in found:
        assert all(map(equal, arrays, expected))
        assert len(arrays) == len(expected)


def test_a_model_that_was_loaded_in_inference_mode_can_be_tuned(model):
    with torch.inference_mode():
        codec = speechvq.load(model)
    codec.network.requires_grad_()
    codec.reconstruct(torch.zeros(1, 700)).waves.sum().backward()


def test_the_default_models_codes_do_not_depend_on_autocast(codec, speech):
    wave = speech[:16_000]
    codes = codec.encode(wave)
    with torch.autocast("cpu", torch.bfloat16):
        assert codec.encode(wave) == codes


def test_loading_draws_no_random_numbers(model, prior_file):
    before = torch.get_rng_state()
    speechvq.load(model)
    speechvq.load_prior(prior_file)
    assert torch.equal(torch.get_rng_state(), before)


def test_it_is_as_before_after_an_error():
    with torch.autocast("cpu", torch.bfloat16), np.errstate(all="raise"):
        before, within = state(), []
        with pytest.raises(ZeroDivisionError), isolated():
            within.append(torch.is_autocast_enabled("cpu") or 1 / 0)
        assert state() == before


def test_gradients_pass_under_autocast(tiny):
    waves = torch.from_numpy(noise(4000))[None].bfloat16().requires_grad_()
    expected = tiny.reconstruct(waves.detach().float())
    with torch.autocast("cpu", torch.bfloat16):
        result = tiny.reconstruct(waves)
        result.waves.square().mean().backward()
    assert torch.equal(result.waves.detach(), expected.waves)
    assert waves.grad.abs().max() > 0


@pytest.mark.parametrize("change", ["half", "double", "bfloat16"])
def test_a_network_in_another_precision_is_refused(model, prior_file, change):
    codec, prior = speechvq.load(model), speechvq.load_prior(prior_file)
    codes = codec.encode(noise(4000))
    getattr(codec.network, change)()
    getattr(prior.network, change)()
    for use in (
        lambda: codec.encode(noise(4000)),
        lambda: codec.decode(codes),
        lambda: codec.latents(codes),
        lambda: codec.reconstruct(torch.zeros(1, 700)),
        lambda: EncodingSession(codec.network, 1),
        lambda: DecodingSession(codec.network, torch.zeros(1, 32)),
        lambda: speechvq.score(codec, prior, codes),
        lambda: speechvq.PriorCoder(prior),
    ):
        with pytest.raises(ModelError, match="computed in float32"):
            use()


def test_a_network_without_memory_is_refused(model):
    codec = speechvq.load(model)
    codec.network.to("meta")
    with pytest.raises(ModelError, match="on the device meta"):
        codec.encode(noise(4000))


def test_half_precision_and_back_changes_no_codes(model):
    """The weights of a model file have half precision; windows and phases are not rounded."""
    codec = speechvq.load(model)
    codes = codec.encode(noise(16_000))
    codec.network.half().float()
    assert codec.encode(noise(16_000)) == codes


def test_training_mode_and_gradients_of_the_weights_change_nothing(model, prior_file):
    codec, prior = speechvq.load(model), speechvq.load_prior(prior_file)
    codes, wave = codec.encode(noise(8000)), noise(8000)
    bits = speechvq.score(codec, prior, codes).bits
    codec.network.train().requires_grad_()
    prior.network.train().requires_grad_()
    assert codec.encode(wave) == codes
    assert np.array_equal(speechvq.score(codec, prior, codes).bits, bits)
    assert codec.network.training


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize("wrap", [torch.nn.DataParallel, torch.compile, copy.deepcopy])
def test_a_wrapped_or_copied_network_is_the_same(model, wrap):
    codec = speechvq.load(model)
    codes = codec.encode(noise(8000))
    codec.network = wrap(codec.network)
    assert codec.encode(noise(8000)) == codes


def test_what_is_no_network_is_refused(tiny):
    for wrong in (None, torch.nn.Linear(2, 2), "network"):
        with pytest.raises(ModelError, match="computes with a Network"):
            speechvq.Codec(wrong, tiny.model)


def test_ten_threads_share_a_codec(tiny):
    waves = [noise(5000 + 100 * index) for index in range(20)]
    expected = [tiny.encode(wave) for wave in waves]
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with ThreadPoolExecutor(10) as threads:
            assert list(threads.map(tiny.encode, waves)) == expected
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("device", ["foo", "meta", object(), 3.5, "cuda:99"])
def test_devices_that_are_not_there_are_refused(model, prior_file, device):
    for load in (
        lambda: speechvq.load(model, device=device),
        lambda: speechvq.load_prior(prior_file, device=device),
    ):
        with pytest.raises(ConfigError, match="cannot compute on the device"):
            load()
