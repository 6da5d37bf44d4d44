"""Files of weights of any content, and the price of their refusal."""

import json
import resource
import time

import pytest
from safetensors.torch import save


def file_of(weights, entry, header):
    """The bytes of a safetensors file with this header."""
    weights = {name: value.contiguous() for name, value in weights.items()}
    return save(weights, {entry: json.dumps(header)})


def refused_cheaply(action, error):
    """What an action is refused with, in two seconds of processor time and without much memory."""
    begin, memory = time.process_time(), _peak()
    with pytest.raises(error) as caught:
        action()
    assert time.process_time() - begin < 2
    assert _peak() - memory < 256 << 20
    return str(caught.value)


def _peak():
    """Bytes that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
