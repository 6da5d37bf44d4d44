"""Manifests that are refused."""

import pytest

from speechvq.data.manifest import read_manifest
from speechvq.errors import ManifestError


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1: it is not JSON"),
        ("[]", 'needs a table with "audio"'),
        ('{"audio": "x", "seconds": -1}', '"seconds" must be'),
        ('{"audio": "x", "seconds": 1, "speaker": 3}', '"speaker" must be a text'),
        ("", "lists no audio"),
    ],
)
def test_bad_manifests_are_refused_by_line(line, message, tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text(line)
    with pytest.raises(ManifestError, match=message):
        read_manifest(path)


def test_a_missing_manifest_is_said_to_be_missing(tmp_path):
    with pytest.raises(ManifestError, match=r"there is no manifest .*; make one with `speechvq"):
        read_manifest(tmp_path / "m.jsonl")
