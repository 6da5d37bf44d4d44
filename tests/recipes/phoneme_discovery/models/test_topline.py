"""The context of the supervised topline."""

import numpy as np

from recipes.phoneme_discovery.models import topline


def test_context_of_rows():
    rows = np.array([[1.0], [2.0], [3.0]])
    assert topline.around(rows, 1).tolist() == [[1, 1, 2], [1, 2, 3], [2, 3, 3]]
    assert topline.around(rows[:0], 1).shape == (0, 3)
