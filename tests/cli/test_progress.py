"""Progress bars: drawn on a terminal and for long recordings only, and told how much is done."""

import io

import pytest
from rich.console import Console

from speechvq.cli import progress


@pytest.fixture
def terminal(monkeypatch):
    """Standard error as a terminal, whose text is kept."""
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=80)
    monkeypatch.setattr(progress, "console", lambda: console)
    return text


def test_long_recordings_have_a_bar(terminal):
    with progress.audio_progress("encoding", 100.0, quiet=False) as advance:
        assert advance is not None
        advance(50.0)
    assert "encoding" in terminal.getvalue()


def test_codes_count_as_the_seconds_they_stand_for(terminal):
    with progress.codes_progress("coding", 100.0, 400, quiet=False) as advance:
        assert advance is not None
        advance(200)
    assert "coding" in terminal.getvalue()
    assert "50%" in terminal.getvalue()


@pytest.mark.parametrize(("seconds", "quiet"), [(59.0, False), (100.0, True)])
def test_short_recordings_and_quiet_commands_have_none(terminal, seconds, quiet):
    with progress.audio_progress("encoding", seconds, quiet=quiet) as advance:
        assert advance is None
    with progress.codes_progress("coding", seconds, 10, quiet=quiet) as advance:
        assert advance is None
    assert terminal.getvalue() == ""


def test_pipes_have_none(monkeypatch):
    monkeypatch.setattr(progress, "console", lambda: Console(file=io.StringIO()))
    with progress.audio_progress("encoding", 100.0, quiet=False) as advance:
        assert advance is None
