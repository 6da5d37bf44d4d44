"""Layers. They know nothing of codecs; each can be fed chunk by chunk (see `streaming`).

Axes, the same everywhere: b batch, t samples, f frames, d width, k codewords, l codebooks.
"""
