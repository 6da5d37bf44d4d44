"""What must be said whatever the options: sound that is missing, left out or clipped."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from speechvq.cli.streams import say
from speechvq.errors import AudioWarning


@contextmanager
def audio_warnings() -> Iterator[None]:
    """Each `AudioWarning` is said once, on stderr, also with --quiet."""
    messages: set[str] = set()
    with warnings.catch_warnings():
        show_other = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place, **options) -> None:  # noqa: ANN002, ANN003 - see `warnings.showwarning`
            text = str(message)
            if not issubclass(category, AudioWarning):
                show_other(message, category, *place, **options)
            elif text not in messages:
                messages.add(text)
                say(f"warning: {text}")

        warnings.simplefilter("always", AudioWarning)
        warnings.showwarning = show
        yield
