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
MOST_EDGES = 100_000
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


def chain_of(graph: Any) -> tuple[tuple[str, Any], list[Link], tuple[str, Any] | None]:
    """The input node, by name, the layers, and the output node, by name; None where the graph has none.

    Raises:
        TypeError: no NIR graph.
        NIRError: nodes of another kind; several inputs or outputs; branches, loops other than of neurons to themselves,
            and nodes that the input does not reach; synapses or delays where a block has no place for them.
    """
    if not isinstance(graph, nir.NIRGraph):
        raise TypeError(f"the graph is a {type(graph).__name__}: pass a nir.NIRGraph, or the path of a .nir file")
    nodes, edges = _flat(graph)
    for name, node in nodes.items():
        if not isinstance(node, KNOWN):
            raise NIRError(
                f"node {name!r} is a {type(node).__name__}, for which lava-dl has no block: "
                f"{', '.join(kind.__name__ for kind in KNOWN)} can be read"
            )
    inputs = [name for name, node in nodes.items() if isinstance(node, nir.Input)]
    if len(inputs) != 1:
        raise NIRError(f"the graph has {len(inputs)} inputs ({_listed(sorted(inputs))}): one is needed")
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
            f"the chain from the input does not reach {_listed(unseen) or 'its end'}: only neurons can "
            "feed themselves back, through one Linear or Affine node, and nothing else may lie beside the chain"
        )
    named = [(name, nodes[name]) for name in order]
    for name, node in named[:-1]:
        if isinstance(node, nir.Output):
            raise NIRError(f"node {name!r} is an Output and leads to {after[name]!r}: an output ends the chain")
    output = named[-1] if isinstance(named[-1][1], nir.Output) else None
    return named[0], _layers(named[1:], {name: (loop, nodes[loop]) for name, loop in feedback.items()}), output


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(repr, names[:5])) + more


def _flat(graph: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Nodes and edges of a graph with those of its subgraphs, named path-like, in place of these."""
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str]] = []
    ports: list[str] = []
    _open(graph, "", 0, nodes, edges, ports)
    after: dict[str, dict[str, None]] = {name: {} for name in nodes}
    before: dict[str, dict[str, None]] = {name: {} for name in nodes}
    for start, end in edges:
        after[start][end] = before[end][start] = None
    count = len(edges)
    for port in ports:  # inputs and outputs of subgraphs are where edges pass through
        ways_in, ways_out = before.pop(port), after.pop(port)
        del nodes[port]
        for start in ways_in:
            after.get(start, {}).pop(port, None)
        for end in ways_out:
            before.get(end, {}).pop(port, None)
        ways_in.pop(port, None)
        ways_out.pop(port, None)
        count += len(ways_in) * len(ways_out)
        if count > MOST_EDGES:
            raise NIRError(f"the graph has more than {MOST_EDGES} edges: lava-dl's blocks are a chain")
        for start in ways_in:
            for end in ways_out:
                after[start][end] = before[end][start] = None
    return nodes, [(start, end) for start, ends in after.items() for end in ends]


def _open(
    graph: Any, prefix: str, depth: int, nodes: dict[str, Any], edges: list[tuple[str, str]], ports: list[str]
) -> tuple[list[str], list[str]]:
    """Adds a graph's nodes and edges, and its inputs and outputs to ``ports`` if it lies in another; returns both."""
    if depth > DEEPEST:
        raise NIRError(f"the graph has subgraphs within subgraphs, more than {DEEPEST} deep")
    if not isinstance(graph.nodes, Mapping):
        raise NIRError(f"the graph's nodes are a {type(graph.nodes).__name__}: a dictionary by name is needed")
    ways: dict[str, tuple[list[str], list[str]]] = {}  # into a node and out of it
    for key, node in graph.nodes.items():
        name = f"{prefix}{key}"
        if isinstance(node, nir.NIRGraph):
            ways[key] = _open(node, f"{name}.", depth + 1, nodes, edges, ports)
            continue
        if name in nodes:
            raise NIRError(f"the graph has two nodes named {name!r} once its subgraphs are opened: rename one")
        nodes[name] = node
        ways[key] = [name], [name]
    for pair in graph.edges:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or any(name not in graph.nodes for name in pair):
            raise NIRError(f"the graph has an edge {pair!r} from or to a node that is not there")
        edges += [(start, end) for start in ways[pair[0]][1] for end in ways[pair[1]][0]]
        if len(edges) > MOST_EDGES:
            raise NIRError(f"the graph has more than {MOST_EDGES} edges: lava-dl's blocks are a chain")
    inputs, outputs = (
        [f"{prefix}{key}" for key, node in graph.nodes.items() if isinstance(node, kind)]
        for kind in (nir.Input, nir.Output)
    )
    if depth:
        ports += inputs + outputs
    return inputs, outputs


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
