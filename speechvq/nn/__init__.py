"""Layers. They know nothing of codecs; each can be fed piece by piece (see `streaming`).

Axes, the same everywhere: b batch, t samples, f frames, d width, k codebook codewords, l layers.
"""
