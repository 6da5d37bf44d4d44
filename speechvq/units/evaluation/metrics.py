"""The metrics of an evaluation of units: keys, titles and units, in the order of tables."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """A metric.

    key: its name in results
    title: its name in tables
    unit: "%" for numbers from 0 to 100, "bit/s", "ms", or "" for counts and plain numbers
    better: the direction of improvement; None if there is none
    beside: keys of its baselines, which tables show in brackets behind it
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
    Metric("accuracy_shuffled", "frame accuracy, shuffled baseline"),
    Metric("accuracy_majority", "frame accuracy, majority-class baseline"),
    Metric(
        "accuracy_speech",
        "held-out frame accuracy without silence",
        "%",
        "higher",
        ("accuracy_speech_majority",),
    ),
    Metric("accuracy_speech_majority", "frame accuracy without silence, majority-class baseline"),
    Metric("ceiling", "frame accuracy of a perfect labeler"),
    Metric("phone_purity", "phone purity", "%", "higher", ("phone_purity_shuffled",)),
    Metric("phone_purity_shuffled", "phone purity, shuffled baseline"),
    Metric("cluster_purity", "cluster purity", "%", "higher", ("cluster_purity_shuffled",)),
    Metric("cluster_purity_shuffled", "cluster purity, shuffled baseline"),
    Metric("pnmi", "PNMI", "%", "higher", ("pnmi_shuffled",)),
    Metric("pnmi_shuffled", "PNMI, shuffled baseline"),
    Metric("v_measure", "V-measure", "%", "higher", ("v_measure_shuffled",)),
    Metric("v_measure_shuffled", "V-measure, shuffled baseline"),
    Metric("abx_features_within", "ABX error of features, within speakers", "%", "lower"),
    Metric("abx_features_across", "ABX error of features, across speakers", "%", "lower"),
    Metric("abx_vectors_within", "ABX error of code vectors, within speakers", "%", "lower"),
    Metric("abx_vectors_across", "ABX error of code vectors, across speakers", "%", "lower"),
    Metric("abx_codes_within", "ABX error of codes, within speakers", "%", "lower"),
    Metric("abx_codes_across", "ABX error of codes, across speakers", "%", "lower"),
    Metric("abx_items", "ABX items (triphones)", ""),
    Metric("abx_group", "ABX items per phone, context and speaker at most", ""),
    Metric("abx_x_speakers", "ABX speakers of X at most", ""),
    Metric("bits_frames", "bit rate of all frames", "bit/s", "lower"),
    Metric("bits_runs", "bit rate of runs", "bit/s", "lower"),
    Metric("bits_durations", "bit rate of runs with lengths", "bit/s", "lower"),
    Metric("used", "codes in use", ""),
    Metric("perplexity", "perplexity", ""),
    Metric("top", "share of the most frequent code"),
    Metric("run_ms", "mean length of runs", "ms", None, ("phone_ms",)),
    Metric("phone_ms", "mean length of phones", "ms"),
    Metric(
        "speaker_codes",
        "speaker identification from codes",
        "%",
        "lower",
        ("speaker_majority", "speaker_chance"),
    ),
    Metric(
        "speaker_features",
        "speaker identification from mean features",
        "%",
        "lower",
        ("speaker_majority", "speaker_chance"),
    ),
    Metric("speaker_majority", "speaker identification, majority-class baseline"),
    Metric("speaker_chance", "speaker identification, chance"),
    Metric("leakage", "I(code; speaker) / H(speaker)", "%", "lower", ("leakage_shuffled",)),
    Metric("leakage_shuffled", "I(code; speaker) / H(speaker), shuffled baseline"),
    Metric(
        "phone_leakage",
        "I(code; speaker | phone) / H(speaker)",
        "%",
        "lower",
        ("phone_leakage_shuffled",),
    ),
    Metric(
        "phone_leakage_shuffled",
        "I(code; speaker | phone) / H(speaker), shuffled baseline",
    ),
)
"""All metrics. Those that others have as `beside` are baselines or reference values."""


def by_key() -> dict[str, Metric]:
    """Each metric by its key, in order."""
    return {metric.key: metric for metric in METRICS}
