"""Baselines without a neural network.

Gradient boosting of photometry, neighbors among principal components of spectra, and linear
canonical correlation for retrieval. All are functions of arrays; training galaxies come first.
"""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Float64
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.neighbors import KNeighborsRegressor

COMPONENTS = 20
NEIGHBORS = 16
MIN_SPREAD = 0.2  # of a spectrum; as the original's
SOFTENING = 0.3  # 1e-17 erg / s / cm2 / A; about the noise of a bin of 20 pixels in the blue
RIDGE = 1e-3  # of a direction's variance, against features that repeat one another

Spectra = Float[np.ndarray, "galaxies bins"]
Features = Float[np.ndarray, "galaxies features"]
Train = Float[np.ndarray, "train features"]
Known = Float[np.ndarray, " train"]
Test = Float[np.ndarray, "test features"]
Answers = Float[np.ndarray, " test"]
Metric = Literal["cosine", "euclidean"]


class Shapes(NamedTuple):
    """Normalized spectra, and their brightness.

    Args:
        flux: Flux minus its mean ``m``, divided by its standard deviation ``s``; 0 where not
            measured.
        stats: asinh m, asinh s, m / (s + |m|).
    """

    flux: Float64[np.ndarray, "galaxies bins"]
    stats: Float64[np.ndarray, "galaxies 3"]

    def softened(self) -> Float64[np.ndarray, "galaxies bins"]:
        """Return asinh(flux / 0.3) with the brightness: like magnitudes, but defined for noise."""
        mean, spread = np.sinh(self.stats[:, :1]), np.sinh(self.stats[:, 1:2])
        return np.arcsinh((self.flux * spread + mean) / SOFTENING)


class Correlation(NamedTuple):
    """Linear maps of two modalities to a shared space (CCA).

    Args:
        mean: Mean of the features of each modality.
        projection: Projection of the features of each modality.
    """

    mean: tuple[np.ndarray, np.ndarray]
    projection: tuple[np.ndarray, np.ndarray]

    def embed(self, side: int, features: Features) -> Float64[np.ndarray, "galaxies directions"]:
        """Map features of side 0 or 1."""
        return (features - self.mean[side]) @ self.projection[side]


def shapes(flux: Spectra, ivar: Spectra, width: int = 20) -> Shapes:
    """Average spectra in bins and normalize them, weighted by ``ivar``.

    Args:
        flux: Flux of the pixels.
        ivar: Inverse variance of ``flux``; 0 where not measured.
        width: Pixels per bin; pixels left over at the end are ignored.

    Returns:
        Normalized spectra in bins.
    """
    bins = flux.shape[1] // width
    weight = ivar[:, : bins * width].astype(np.float64).reshape(len(flux), bins, width)
    weighted = weight * flux[:, : bins * width].reshape(len(flux), bins, width)
    total = weight.sum(-1)
    mean = weighted.sum(-1) / np.where(total > 0, total, 1.0)
    whole = np.maximum(total.sum(1, keepdims=True), 1e-12)
    m = (mean * total).sum(1, keepdims=True) / whole
    s = np.sqrt(((mean - m) ** 2 * total).sum(1, keepdims=True) / whole)
    s = np.maximum(s, MIN_SPREAD)
    stats = np.concatenate([np.arcsinh(m), np.arcsinh(s), m / (s + np.abs(m))], axis=1)
    return Shapes(np.where(total > 0, (mean - m) / s, 0.0), stats)


def principal_components(
    train: Train, test: Test, components: int = COMPONENTS
) -> tuple[Float64[np.ndarray, "train components"], Float64[np.ndarray, "test components"]]:
    """Project spectra on their principal components.

    Args:
        train: Spectra to fit the components to.
        test: Spectra to project too.
        components: Number of components.

    Returns:
        Components of both sets.
    """
    pca = PCA(components, svd_solver="covariance_eigh").fit(train)
    return pca.transform(train), pca.transform(test)


def boosted(train: Train, values: Known, test: Test) -> Answers:
    """Regression by gradient boosting.

    Args:
        train: Training features.
        values: Training targets.
        test: Test features.

    Returns:
        Test predictions.
    """
    return HistGradientBoostingRegressor(random_state=0).fit(train, values).predict(test)


def neighbors(
    train: Train,
    values: Known,
    test: Test,
    metric: Metric = "euclidean",
    k: int = NEIGHBORS,
) -> Answers:
    """k-NN regression.

    Args:
        train: Training features or embeddings.
        values: Training targets.
        test: Test features or embeddings.
        metric: Distance metric; cosine for aligned embeddings.
        k: Number of neighbors.

    Returns:
        Test predictions.
    """
    model = KNeighborsRegressor(k, metric=metric, algorithm="brute")
    return model.fit(train, values).predict(test)


def canonical_correlation(
    first: Float[np.ndarray, "galaxies first_features"],
    second: Float[np.ndarray, "galaxies second_features"],
) -> Correlation:
    """Canonical correlation: linear maps under which two views correlate the most.

    Directions are scaled by sqrt(r / (1 - r^2)), with r their correlation. For Gaussian features,
    distances in this space then rank pairs by the likelihood ratio p(u, v) / (p(u) p(v)), up to
    terms that vanish at r = 1.

    Args:
        first: Features of one modality.
        second: Features of the other modality.

    Returns:
        The maps.
    """
    white = _whitening(first), _whitening(second)
    means = first.mean(0), second.mean(0)
    cross = ((first - means[0]) @ white[0]).T @ ((second - means[1]) @ white[1]) / len(first)
    left, correlation, right = np.linalg.svd(cross, full_matrices=False)
    r = np.minimum(correlation, 1 - RIDGE)
    scale = np.sqrt(r / (1 - r**2))
    return Correlation(means, (white[0] @ left * scale, white[1] @ right.T * scale))


def _whitening(features: Features) -> Float64[np.ndarray, "features directions"]:
    """Regularized whitening matrix; weak directions are damped."""
    centered = features - features.mean(0)
    scale = np.maximum(centered.std(0), 1e-12)
    centered = centered / scale
    variance, axes = np.linalg.eigh(centered.T @ centered / len(centered))
    return axes / np.sqrt(np.maximum(variance, 0) + RIDGE) / scale[:, None]
