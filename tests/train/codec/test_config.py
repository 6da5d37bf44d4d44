"""Experiments: read, written, and refused by name."""

from dataclasses import replace

import pytest

from speechvq.errors import ConfigError
from speechvq.quantize.config import LevelConfig
from speechvq.quantize.vimco import VimcoConfig
from speechvq.train.codec.config import read_experiment, write_experiment
from tests.helpers.networks import tiny_config
from tests.helpers.training import stochastic, tiny_experiment


def test_experiments_survive_toml(manifest, tmp_path):
    experiment = tiny_experiment(manifest, tmp_path)
    write_experiment(tmp_path / "e.toml", experiment)
    assert read_experiment(tmp_path / "e.toml") == experiment


BAD = {
    "[optim]\nsteps = 5\nstep = 3": r"optim\.step is not a known key",
    "[optim]\nsteps = 'many'": r"optim\.steps must be a whole number",
    "[optim]\nsteps = true": r"optim\.steps must be a whole number",
    "[optim]\nsteps = 0": r"optim\.steps must be positive",
    "[optim]\nsteps = 5\ncodebook_learning_rate = -1": r"optim\.codebook_learning_rate must be",
    "[optim]\nsteps = 5\nbypass = 2": r"optim\.bypass must be between 0 and 1",
    "[optim]\nsteps = 5\nwarmup = -1": r"optim\.warmup must not be negative",
    "[optim]\nsteps = 5\nfrozen = ['encoder', 'topdown', 'decoder', 'reference']": "must leave",
    "[optim]\nsteps = 5\n[run]\nseed = 4294967296": r"run: seed must be|run\.seed must be",
    "[optim]": r"optim\.steps is missing",
    "[optim]\nsteps = 5\n[codec]\nlevels = 3": r"codec\.levels must be a list",
    "not toml": "cannot read the configuration",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_configurations_are_refused_by_name(text, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    if "[codec]\nlevels" in text:
        path.write_text(
            'name = "x"\n[data]\nmanifest = "m"\n' + text + "\nencoder = []\ndecoder = []"
        )
    elif "not" not in text:
        path.write_text(
            'name = "x"\n[data]\nmanifest = "m"\n[codec]\n'
            "encoder = [{width = 2, lookahead = [0]}]\n"
            'levels = [{stage = 0, codebooks = 1, quantizer = {kind = "vq"}}]\n'
            "decoder = [{width = 2, lookahead = [0]}]\n" + text
        )
    with pytest.raises(ConfigError, match=BAD[text]):
        read_experiment(path)


def test_weights_follow_the_quantizers(manifest, tmp_path):
    """One line swaps a quantizer: its terms have weights; those given must be of terms that are
    there."""
    plain = tiny_experiment(manifest, tmp_path)
    always = {
        "distortion",
        "phase",
        "pesq_like",
        "stoi_like",
        "adversarial",
        "feature_matching",
        "rate",
    }
    assert plain.weights.keys() == always | {"commitment"}
    assert stochastic(plain).weights.keys() == always | {"quadratic"}
    assert replace(plain, weights={"phase": 2.0}).weights == plain.weights | {"phase": 2.0}
    with pytest.raises(
        ConfigError,
        match=r"weights\.quadratic belongs to no term of this experiment; "
        r"its terms are adversarial, commitment, distortion",
    ):
        replace(plain, weights={"quadratic": 1.0})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hop": 40}, "window must be even"),
        ({"levels": ()}, "levels must not be empty"),
        ({"content_codebooks": 9}, "content_codebooks must be between 1 and 4"),
        ({"decoder": tiny_config().decoder[:1]}, "decoder: strides must multiply"),
        ({"levels": tiny_config().levels[::-1]}, r"levels: stages must be"),
        (
            {"levels": (tiny_config().levels[0], LevelConfig(1, 1, VimcoConfig()))},
            r"levels\[1\]\.quantizer\.kind of a codec must be one of vq, .*, not vimco",
        ),
    ],
)
def test_networks_that_cannot_exist_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        tiny_config(**changes)
