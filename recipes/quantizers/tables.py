"""The study's results: a markdown table, one row per variant, and a figure.

Rows have means and standard deviations over seeds.
"""

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from recipes import script

COLUMNS = (
    "variant",
    "seeds",
    "bit/s, nominal",
    "bit/s, entropy",
    "RMSE dB",
    "hard - soft dB",
    "bits/dim, hard codes",
    "bits/dim, samples",
    "perplexity per codebook",
    "used %",
    "dimensions",
)


CHAINS = (
    ("rq4-plain", "rq8-plain"),
    ("rq4-committed", "rq8-committed"),
    ("sq", "rsq4", "rsq8"),
    ("vq", "rq4", "rq8"),
)
"""Variants that differ in the number of codebooks alone."""


def rows(results: Iterable[dict[str, Any]]) -> list[list[str]]:
    """A row of text a variant, in the order of their nominal rates and errors."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        groups.setdefault(result["variant"], []).append(result)
    ordered = sorted(
        groups.items(), key=lambda item: (item[1][0]["nominal"], -item[1][0]["hard"]["rmse"])
    )
    return [_row(name, group) for name, group in ordered]


def _row(name: str, group: Sequence[dict[str, Any]]) -> list[str]:
    codebooks = range(len(group[0]["sizes"]))
    perplexities = [
        statistics.mean(result["usage"][f"codebook{i}/perplexity"] for result in group)
        for i in codebooks
    ]
    used = [
        statistics.mean(100 * result["usage"][f"codebook{i}/utilization"] for result in group)
        for i in codebooks
    ]
    return [
        name,
        str(len(group)),
        f"{group[0]['nominal']:.0f}" if group[0]["decodes"] else "-",
        _spread([result["entropy"] for result in group if result["decodes"]], 0),
        _spread([result["hard"]["rmse"] for result in group], 3),
        _spread(
            [result["hard"]["rmse"] - result["soft"] for result in group if "soft" in result], 3
        ),
        _spread(
            [
                result["hard"]["bits_per_dimension"]
                for result in group
                if "bits_per_dimension" in result["hard"]
            ],
            4,
        ),
        _spread(
            [
                result["drawn"].get("several_draws", result["drawn"]["bits_per_dimension"])
                for result in group
                if "drawn" in result
            ],
            4,
        ),
        " ".join(f"{value:.0f}" for value in perplexities) or "-",
        " ".join(f"{value:.0f}" for value in used) or "-",
        " ".join(
            f"{statistics.mean(codebook):.1f}"
            for codebook in zip(*(result["dimensions"] for result in group), strict=True)
        )
        or "-",
    ]


def _spread(values: Sequence[float], digits: int) -> str:
    """Mean, and standard deviation where there are several."""
    if not values:
        return "-"
    mean = f"{statistics.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.{digits}f}"


def table(body: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def picture(results: Sequence[dict[str, Any]], path: Path) -> None:
    """A figure of the error of hard codes against nominal bits per second.

    Variants that differ in the number of codebooks alone are joined by a line.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5))
    floor = [result["hard"]["rmse"] for result in results if result["variant"] == "none"]
    if floor:
        axes.axhline(statistics.mean(floor), color="grey", linestyle=":", label="no quantization")
    groups: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        if result["decodes"]:
            groups.setdefault(result["variant"], []).append(result)
    points = {
        name: (group[0]["nominal"], statistics.mean(result["hard"]["rmse"] for result in group))
        for name, group in groups.items()
    }
    for name, group in groups.items():
        bits, error = points[name]
        spread = (
            statistics.stdev(result["hard"]["rmse"] for result in group) if len(group) > 1 else 0.0
        )
        axes.errorbar(bits, error, spread, fmt="o", capsize=3, color=_color(group[0]))
        axes.annotate(name, (bits, error), textcoords="offset points", xytext=(5, 4), fontsize=8)
    for chain in CHAINS:
        there = [name for name in chain if name in points]
        if there:
            bits, errors = zip(*(points[name] for name in there), strict=True)
            axes.plot(bits, errors, label=" - ".join(there), color=_color(groups[there[0]][0]))
    axes.set(xlabel="bit/s (nominal)", ylabel="RMSE of the log-mel spectrogram in dB, hard codes")
    axes.margins(x=0.12)
    axes.legend()
    figure.tight_layout()
    script.save_figure(figure, path, 120)
    plt.close(figure)


def _color(result: dict[str, Any]) -> str:
    """Vector quantizers as in the papers, with reset, and tuned; stochastic ones; all others."""
    config = result["made_with"]["config"]
    kind = config["levels"][0]["quantizer"]["kind"]
    if kind == "vq" and not config["reset_every"]:
        return "tab:red"
    if kind == "vq":
        return "tab:purple" if config["commitment"] >= 0.25 else "tab:blue"
    return "tab:orange" if kind == "sq" else "grey"
