"""A NIR graph as the chain of layers that lava-dl's blocks are: anything else is refused by the nodes' names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import nir

from lava_dt.nir.cells import NEURONS, SPIKING
from lava_dt.nir.errors import NIRError

DEEPEST = 16
MOST_EDGES = 1_000_000
SYNAPSES = (nir.Linear, nir.Affine, nir.Conv2d, nir.SumPool2d, nir.AvgPool2d, nir.Scale)
KNOWN = (*NEURONS, *SYNAPSES, nir.Flatten, nir.Delay, nir.Input, nir.Output)


@dataclass
class Link:
    """One layer: a Flatten alone, or synapses with the neurons behind them, their feedback and their delay.

    Attributes:
        flatten: the node alone.
        synapses: (name, node) in the order in which spikes pass them.
        neurons: (name, node), or None for synapses at the end whose sums leave the network.
        feedback: (name, node) from the neurons to themselves, or None.
        delay: (name, node), or None.
    """

    flatten: tuple[str, Any] | None = None
    synapses: list[tuple[str, Any]] = field(default_factory=list)
    neurons: tuple[str, Any] | None = None
    feedback: tuple[str, Any] | None = None
    delay: tuple[str, Any] | None = None


def chain_of(graph: Any) -> tuple[tuple[str, Any], list[Link]]:
    """The input node, by name, and the layers.

    Raises:
        TypeError: no NIR graph.
        NIRError: nodes of another kind; several inputs or outputs; branches, loops other than of neurons to themselves,
            and nodes that the input does not reach; synapses or delays where a block has no place for them.
    """
    if not isinstance(graph, nir.NIRGraph):
        raise TypeError(f"the graph is a {type(graph).__name__}: pass a nir.NIRGraph, or the path of a .nir file")
    nodes, edges = _flat(graph, "", 0)
    for name, node in nodes.items():
        if not isinstance(node, KNOWN):
            raise NIRError(
                f"node {name!r} is a {type(node).__name__}, for which lava-dl has no block: "
                f"{', '.join(kind.__name__ for kind in KNOWN)} can be read"
            )
    inputs = [name for name, node in nodes.items() if isinstance(node, nir.Input)]
    if len(inputs) != 1:
        raise NIRError(f"the graph has {len(inputs)} inputs {sorted(inputs)}: one is needed")
    edges = list(dict.fromkeys(edges))
    feedback = _feedback(nodes, edges)
    inner = set(feedback.values())
    after: dict[str, str] = {}
    before: dict[str, str] = {}
    for start, end in edges:
        if start in inner or end in inner:
            continue
        if start in after:
            raise NIRError(f"node {start!r} leads to {after[start]!r} and {end!r}: lava-dl's blocks are a chain")
        if end in before:
            raise NIRError(f"node {end!r} takes input from {before[end]!r} and {start!r}: lava-dl's blocks are a chain")
        after[start], before[end] = end, start
    order = [inputs[0]]
    while order[-1] in after and after[order[-1]] != order[0]:
        order.append(after[order[-1]])  # ends: no node comes before two others
    unseen = sorted(set(nodes) - set(order) - inner)
    if unseen or order[0] in before:
        raise NIRError(
            f"the chain from the input does not reach {', '.join(map(repr, unseen)) or 'its end'}: only neurons can "
            "feed themselves back, through one Linear or Affine node, and nothing else may lie beside the chain"
        )
    named = [(name, nodes[name]) for name in order]
    return named[0], _layers(named[1:], {name: (loop, nodes[loop]) for name, loop in feedback.items()})


def _flat(graph: Any, prefix: str, depth: int) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Nodes and edges of a graph with those of its subgraphs, named path-like, in place of these."""
    if depth > DEEPEST:
        raise NIRError(f"the graph has subgraphs within subgraphs, more than {DEEPEST} deep")
    if not isinstance(graph.nodes, Mapping):
        raise NIRError(f"the graph's nodes are a {type(graph.nodes).__name__}: a dictionary by name is needed")
    nodes: dict[str, Any] = {}
    edges = []
    for pair in graph.edges:
        if len(pair) != 2 or any(name not in graph.nodes for name in pair):
            raise NIRError(f"the graph has an edge {tuple(pair)!r} from or to a node that is not there")
        edges.append((prefix + str(pair[0]), prefix + str(pair[1])))
    for key, node in graph.nodes.items():
        name = f"{prefix}{key}"
        if not isinstance(node, nir.NIRGraph):
            nodes[name] = node
            continue
        inner, inner_edges = _flat(node, f"{name}.", depth + 1)
        ports = {n: type(x) for n, x in inner.items() if isinstance(x, (nir.Input, nir.Output))}
        ways_in = [b for a, b in inner_edges if ports.get(a) is nir.Input]
        ways_out = [a for a, b in inner_edges if ports.get(b) is nir.Output]
        nodes |= {n: x for n, x in inner.items() if n not in ports}
        edges = [
            (x, y) for a, b in edges for x in (ways_out if a == name else [a]) for y in (ways_in if b == name else [b])
        ]
        edges += [(a, b) for a, b in inner_edges if a not in ports and b not in ports]
        if len(edges) > MOST_EDGES:
            raise NIRError(f"the graph has more than {MOST_EDGES} edges: lava-dl's blocks are a chain")
    return nodes, edges


def _feedback(nodes: dict[str, Any], edges: list[tuple[str, str]]) -> dict[str, str]:
    """The node through which each of the neurons feeds itself back, by the neurons' name."""
    found: dict[str, str] = {}
    pairs, degree = set(edges), Counter(name for edge in edges for name in set(edge))
    for start, end in edges:
        if not (isinstance(nodes[start], NEURONS) and isinstance(nodes[end], (nir.Linear, nir.Affine))):
            continue
        if (end, start) in pairs:
            if start in found or degree[end] != 2:
                raise NIRError(
                    f"node {start!r} feeds itself back in several ways: one Linear or Affine node can be read"
                )
            found[start] = end
    return found


def _layers(order: list[tuple[str, Any]], feedback: dict[str, tuple[str, Any]]) -> list[Link]:
    links: list[Link] = []
    synapses: list[tuple[str, Any]] = []
    for name, node in order:
        if isinstance(node, nir.Output):
            break
        if isinstance(node, NEURONS):
            links.append(Link(synapses=synapses, neurons=(name, node), feedback=feedback.get(name)))
            synapses = []
        elif isinstance(node, nir.Delay):
            spiking = links and links[-1].neurons is not None and isinstance(links[-1].neurons[1], SPIKING)
            if synapses or not spiking or links[-1].delay is not None:
                raise NIRError(f"node {name!r} delays something else than the spikes of neurons, as axons do: move it")
            links[-1].delay = (name, node)
        elif isinstance(node, nir.Flatten) and not synapses:
            links.append(Link(flatten=(name, node)))
        else:
            synapses.append((name, node))
    if synapses:
        links.append(Link(synapses=synapses))
    if not any(link.neurons or link.synapses for link in links):
        raise NIRError("the graph has neither neurons nor synapses: nothing is left to run")
    for link in links[:-1]:
        if link.neurons is not None and not isinstance(link.neurons[1], SPIKING):
            raise NIRError(f"node {link.neurons[0]!r} never spikes and is not the last: only a read-out can be so")
    return links
