"""The numbers that an evaluation of units gives: their keys, titles and units, in the order in which tables show them."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One number.

    key: its name in results
    title: its name for people
    unit: "%" for numbers from 0 to 100, "bit/s", "ms", or "" for a count or a plain number
    better: which way it gets better; None where it is a fact
    beside: keys of what it must be read beside, floors and priors, which tables put in brackets
      behind it
    """

    key: str
    title: str
    unit: Literal["%", "bit/s", "ms", ""] = "%"
    better: Literal["higher", "lower"] | None = None
    beside: tuple[str, ...] = ()


METRICS: tuple[Metric, ...] = (
    Metric(
        "accuracy",
        "held-out frame accuracy",
        "%",
        "higher",
        ("accuracy_shuffled", "accuracy_majority"),
    ),
    Metric("accuracy_shuffled", "frame accuracy of shuffled codes"),
    Metric("accuracy_majority", "frame accuracy of the most frequent phone"),
    Metric(
        "accuracy_speech",
        "held-out frame accuracy without silence",
        "%",
        "higher",
        ("accuracy_speech_majority",),
    ),
    Metric(
        "accuracy_speech_majority", "frame accuracy of the most frequent phone, without silence"
    ),
    Metric("ceiling", "share of time that a perfect labeller gets right"),
    Metric("phone_purity", "phone purity", "%", "higher", ("phone_purity_shuffled",)),
    Metric("phone_purity_shuffled", "phone purity of shuffled codes"),
    Metric("cluster_purity", "cluster purity", "%", "higher", ("cluster_purity_shuffled",)),
    Metric("cluster_purity_shuffled", "cluster purity of shuffled codes"),
    Metric("pnmi", "PNMI", "%", "higher", ("pnmi_shuffled",)),
    Metric("pnmi_shuffled", "PNMI of shuffled codes"),
    Metric("v_measure", "V-measure", "%", "higher", ("v_measure_shuffled",)),
    Metric("v_measure_shuffled", "V-measure of shuffled codes"),
    Metric("abx_features_within", "ABX error of features, within speakers", "%", "lower"),
    Metric("abx_features_across", "ABX error of features, across speakers", "%", "lower"),
    Metric("abx_vectors_within", "ABX error of code vectors, within speakers", "%", "lower"),
    Metric("abx_vectors_across", "ABX error of code vectors, across speakers", "%", "lower"),
    Metric("abx_codes_within", "ABX error of codes, within speakers", "%", "lower"),
    Metric("abx_codes_across", "ABX error of codes, across speakers", "%", "lower"),
    Metric("abx_items", "triphones for ABX", ""),
    Metric("abx_group", "of one kind and speaker at most", ""),
    Metric("abx_x_speakers", "other speakers for each at most", ""),
    Metric("bits_frames", "bit rate of all codes", "bit/s", "lower"),
    Metric("bits_runs", "bit rate of runs", "bit/s", "lower"),
    Metric("bits_durations", "bit rate of runs and their lengths", "bit/s", "lower"),
    Metric("used", "codes in use", ""),
    Metric("perplexity", "perplexity of codes", ""),
    Metric("top", "share of the most frequent code"),
    Metric("run_ms", "mean length of runs", "ms", None, ("phone_ms",)),
    Metric("phone_ms", "mean length of phones", "ms"),
    Metric(
        "speaker_codes",
        "speakers named from codes",
        "%",
        "lower",
        ("speaker_majority", "speaker_chance"),
    ),
    Metric(
        "speaker_features",
        "speakers named from mean features",
        "%",
        "lower",
        ("speaker_majority", "speaker_chance"),
    ),
    Metric("speaker_majority", "the most frequent speaker"),
    Metric("speaker_chance", "one of all speakers"),
    Metric("leakage", "I(code; speaker) / H(speaker)", "%", "lower", ("leakage_shuffled",)),
    Metric("leakage_shuffled", "the same with speakers shuffled over recordings"),
    Metric(
        "phone_leakage",
        "I(code; speaker | phone) / H(speaker)",
        "%",
        "lower",
        ("phone_leakage_shuffled",),
    ),
    Metric(
        "phone_leakage_shuffled",
        "the same, given the phone, with speakers shuffled over recordings",
    ),
)
"""All of them. Those that others stand beside are floors, priors or facts."""


def by_key() -> dict[str, Metric]:
    """Each by its key, in order."""
    return {metric.key: metric for metric in METRICS}
