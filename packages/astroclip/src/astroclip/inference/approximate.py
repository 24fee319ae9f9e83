"""Approximate nearest neighbors: a scan of compressed vectors, then exact cosines of the best."""

import time
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32
from threadpoolctl import threadpool_limits

from astroclip.inference.bank import Bank
from astroclip.inference.blockwise import Neighbors, search_blocks
from astroclip.inference.query import unit

LEARN = 65_536  # vectors that the code is learned from
REFINED = 200  # candidates for each neighbor, whose cosines are computed from fp16 vectors
CHECKED = 100  # queries whose exact neighbors are searched too, for the recall
RECALL = 10  # neighbors of that recall
FEWEST = 1024  # vectors; fewer are searched exactly


class Quality(NamedTuple):
    """What an index costs, and how good it is.

    Args:
        build_s: CPU time to build it.
        query_ms: CPU time of a query.
        recall: Share of the exact nearest neighbors that it finds.
        k: Number of neighbors of the recall.
    """

    build_s: float
    query_ms: float
    recall: float
    k: int

    def __str__(self) -> str:
        return (
            f"approximate: recall@{self.k} {self.recall:.3f} of exact neighbors, "
            f"{self.query_ms:.2f} ms a query after {self.build_s:.1f} s to build the index"
        )


class Index:
    """Product quantization to 4 bits for two dimensions, scanned whole; the best are refined.

    The recall does not depend on how the vectors are distributed, unlike that of a graph, and the
    index is built in seconds, so that none is read from a file. Andre, Kermarrec, Le Scouarnec 2017
    (the scan, arXiv 1704.07355); Douze et al. 2024 (``faiss``, arXiv 2401.08281).

    Args:
        bank: Bank of embeddings.
        name: Name of the embeddings, of an even number of dimensions.

    Raises:
        ValueError: If ``faiss`` is not installed, or if the bank has too few vectors.
    """

    def __init__(self, bank: Bank, name: str) -> None:
        faiss = _faiss()
        dim, size = bank.vectors[name], len(bank)
        if size < FEWEST or dim % 2:
            said = f"{size} vectors of {dim} numbers; {FEWEST} of an even number are needed"
            raise ValueError(f"approximate: {said}")
        start = time.process_time()
        with threadpool_limits(1):
            kind = f"PQ{dim // 2}x4fs,Refine(SQfp16)"
            self.index = faiss.index_factory(dim, kind, faiss.METRIC_INNER_PRODUCT)
            blocks = bank.blocks(name)
            first: list[np.ndarray] = []
            while sum(map(len, first)) < min(LEARN, size):
                first.append(unit(next(blocks)))
            self.index.train(np.concatenate(first)[:LEARN])
            while first:
                self.index.add(first.pop(0))
            for block in blocks:
                self.index.add(unit(block))
        self.options: Any = faiss.IndexRefineSearchParameters
        self.size = size
        self.build_s = time.process_time() - start

    def search(self, queries: Float32[np.ndarray, "queries dim"], k: int) -> Neighbors:
        """Find the k nearest of each query.

        Args:
            queries: Unit vectors.
            k: Number of neighbors.

        Returns:
            The neighbors, nearest first.
        """
        options = self.options(k_factor=min(REFINED, self.size / k))
        with threadpool_limits(1):
            cosine, number = self.index.search(queries, k, params=options)
        return Neighbors(cosine, number)


def search_index(
    queries: Float32[np.ndarray, "queries dim"], bank: Bank, name: str, k: int
) -> tuple[Neighbors, Quality]:
    """Build an index, search it, and compare some of its answers with exact ones.

    Args:
        queries: Unit vectors.
        bank: Bank of embeddings.
        name: Name of the embeddings to search.
        k: Number of neighbors.

    Returns:
        The neighbors, and what they cost.

    Raises:
        ValueError: If ``faiss`` is not installed, or if the bank has too few vectors.
    """
    index = Index(bank, name)
    start = time.process_time()
    found = index.search(queries, k)
    query_ms = 1000 * (time.process_time() - start) / len(queries)
    few = min(RECALL, len(bank))
    some = np.linspace(0, len(queries) - 1, min(CHECKED, len(queries))).astype(int)
    exact = search_blocks(queries[some], bank.blocks(name), few).number
    ours = index.search(queries[some], few).number
    same = [len(set(a) & set(b)) for a, b in zip(ours.tolist(), exact.tolist(), strict=True)]
    return found, Quality(index.build_s, query_ms, float(np.mean(same)) / few, few)


def _faiss() -> ModuleType:
    try:
        import faiss  # an extra
    except ImportError as error:
        said = "approximate: needs faiss: pip install 'sciformer-astroclip[approximate]'"
        raise ValueError(f"{said}; without it the search is exact") from error
    return faiss
