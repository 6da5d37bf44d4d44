"""What is told of held-out speech, and validations with their standard errors."""

import math

from speechvq.cli.training_progress import codec_line, prior_line

HELD_OUT = {
    "minutes": 20.04,
    "speakers": 48.0,
    "an4/minutes": 2.8,
    "an4/speakers": 5.0,
    "left_out/minutes": 4.6,
}


def test_what_is_held_out_is_said_by_corpus():
    said = "held out: 20.0 minutes of 48 speakers (an4 2.8 of 5); 4.6 minutes on neither side"
    assert codec_line("held out", HELD_OUT, seconds_per_step=1.0) == said
    assert prior_line("held out", HELD_OUT) == said
    one = {"minutes": 0.5, "speakers": 1.0, "left_out/minutes": 0.0}
    assert prior_line("held out", one) == "held out: 0.5 minutes of 1 speaker"
    none = {"minutes": 0.0, "speakers": 0.0, "left_out/minutes": 0.0}
    assert prior_line("held out", none) == "held out: nothing, so nothing is validated"


def test_every_validation_has_its_duration_and_standard_errors():
    errors = {"prefix1/mel": 0.5, "prefix1/mel_standard_error": 0.0123}
    numbers = {**errors, "codebook0/perplexity": 300.0, "minutes": 20.0, "speakers": 48.0}
    line = codec_line("validation", numbers, seconds_per_step=1.0)
    assert line == "validation on 20.0 minutes of 48 speakers: mel 0.500 ± 0.012  perplexity 300"
    bits = {"codebook0/bits": 8.0, "codebook0/bits_standard_error": math.nan, "bits": 8.25}
    numbers = {**bits, "bits_standard_error": 0.01, "minutes": 20.0, "speakers": 48.0}
    line = prior_line("validation", numbers)
    assert line == "held out, 20.0 minutes of 48 speakers: 8.000 8.250 ± 0.010 bits per code"
    assert prior_line("train", {"bits": 8.0, "loss": 5.5}) == "8.000 bits per code"
