"""Generated speech and anomaly scores."""

import numpy as np
import pytest

import speechvq
from speechvq.errors import ConfigError, WrongModel
from speechvq.prior.file import Prior, load_prior, save_prior
from speechvq.prior.generate import generate
from speechvq.prior.network import PriorConfig, PriorNetwork
from speechvq.prior.score import score


@pytest.fixture(scope="module")
def prior(prior_file):
    return load_prior(prior_file)


def test_generated_speech_depends_on_the_seed_and_decodes(tiny, prior):
    first, again, other = (generate(tiny, prior, seconds=0.5, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert first.seconds == pytest.approx(0.5, abs=0.04)
    wave = tiny.decode(first)
    assert len(wave) == first.samples
    assert np.isfinite(wave).all()
    assert (
        generate(tiny, prior, seconds=0.5, speaker="slt").speaker_embedding
        == tiny.voices[1].embedding
    )


def test_a_prompt_is_kept_with_its_voice(tiny, prior, speech):
    prompt = tiny.encode(speech[:16_000], 16_000)
    codes = generate(tiny, prior, seconds=0.5, prompt=prompt)
    assert codes.speaker_embedding == prompt.speaker_embedding
    assert all(
        np.array_equal(codebook[: len(own)], own)
        for codebook, own in zip(codes.codebooks, prompt.codebooks, strict=True)
    )
    assert codes.seconds == pytest.approx(1.5, abs=0.04)


def test_scores_add_up_to_the_bits_of_all_codes(tiny, prior, speech):
    codes = tiny.encode(speech[: 16_000 * 2 + 777], 16_000)
    scores = score(tiny, prior, codes)
    assert scores.nominal == codes.bits_per_second
    assert len(scores.bits) == 3
    total = sum(
        bits * len(codebook)
        for bits, codebook in zip(scores.bits_per_code, codes.codebooks, strict=True)
    )
    lengths = (
        np.bincount(np.arange(codes.frames[0]) * codes.shapes[0].hop // 16_000)
        * codes.shapes[0].hop
        / 16_000
    )
    assert total == pytest.approx(float((scores.bits * lengths).sum()), rel=1e-3)
    assert scores.mean == pytest.approx(
        total / lengths.sum()
    )  # a short last second counts for what it is
    likely = generate(tiny, prior, seconds=2.0, temperature=0)
    assert score(tiny, prior, likely).mean < scores.mean


def test_a_prior_of_fewer_codebooks_scores_those_and_no_more(tiny, speech, tmp_path):
    codebook, config = tiny.shapes[0], PriorConfig(width=8, skip=8, layers=2, cycle=2)
    network = PriorNetwork(
        config, [(codebook.hop, codebook.size)], tiny.network.config.speaker.size
    )
    save_prior(tmp_path / "p", Prior(network, "p", tiny.model))
    few, codes = load_prior(tmp_path / "p"), tiny.encode(speech[:16_000], 16_000)
    assert score(tiny, few, codes.prefix(1)).mean > 0
    for attempt in (lambda: score(tiny, few, codes), lambda: generate(tiny, few, seconds=1)):
        with pytest.raises(WrongModel, match="the prior p has 1 codebooks, the codes have"):
            attempt()


def test_arguments_that_do_not_fit_are_refused(tiny, prior, speech, other_model):
    with pytest.raises(ConfigError, match="above 0 and at most 3600"):
        generate(tiny, prior, seconds=0)
    with pytest.raises(ConfigError, match="the prompt must have all 4 codebooks"):
        generate(tiny, prior, seconds=1, prompt=tiny.encode(speech[:8000], 16_000, codebooks=2))
    with pytest.raises(WrongModel, match="the prior p describes the codes of tiny@"):
        generate(speechvq.load(other_model), prior, seconds=1)
