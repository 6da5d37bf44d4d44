"""k-means: where codebooks may start, and the oldest baseline of all."""

import torch
from torch import Tensor


def kmeans(vectors: Tensor, size: int, *, seed: int = 0) -> Tensor:
    """The centers (size, d) of vectors (n, d), in the vectors' type.

    Lloyd's algorithm from a k-means++ start.

    With fewer vectors than centers the rest are copies with a little noise. Needs scikit-learn.
    """
    from sklearn.cluster import KMeans

    generator = torch.Generator().manual_seed(seed)
    points = vectors.detach().double().cpu()
    if len(points) < size:
        more = points[torch.randint(len(points), (size - len(points),), generator=generator)]
        noise = torch.randn(more.shape, generator=generator, dtype=more.dtype)
        return torch.cat([points, more + 0.01 * points.std() * noise]).to(vectors)
    fitted = KMeans(size, n_init="auto", max_iter=50, random_state=seed).fit(points.numpy())
    return torch.from_numpy(fitted.cluster_centers_).to(vectors)
