"""Parts of a graph that have nothing to do with each other."""

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Node = TypeVar("Node", bound=Hashable)


def knots(nodes: Sequence[Node], edges: Iterable[tuple[Node, Node]]) -> list[list[Node]]:
    """Return the connected parts of a graph, nodes in the order in which they were given.

    Raises:
        KeyError: an edge names a node that is not among the nodes.
    """
    if not nodes:
        return []
    place = {node: number for number, node in enumerate(nodes)}
    ends = np.array([(place[a], place[b]) for a, b in edges], dtype=np.int64).reshape(-1, 2)
    size = len(nodes)
    graph = coo_array((np.ones(len(ends), dtype=bool), (ends[:, 0], ends[:, 1])), shape=(size, size))
    count, part = connected_components(graph, directed=False)
    found: list[list[Node]] = [[] for _ in range(count)]
    for node, number in zip(nodes, part, strict=True):
        found[number].append(node)
    return found
