"""How alike two networks answer: the correlation of their counts of output spikes, sample by sample.

    r = sum_c (a_c - a) (b_c - b) / sqrt(sum_c (a_c - a)^2 sum_c (b_c - b)^2)       a, b: means over the classes c

Samples that a network was trained on are nearly all classified rightly, at its own step and at a coarser one, whatever
the rule: their accuracy hardly tells rules apart. How much the counts of all classes have shifted does, with the same
samples, and does not mind that a coarse step counts fewer spikes.

What a network counts in exact time, where neurons stop at a limit that steps do not know, is no such reference: there
it is 1 for a sample that is named alike, and 0 for others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def likeness(counts: npt.NDArray[np.float32], reference: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Of each sample, -1 to 1; 0 where one of both counts the same of all classes.

    Args:
        counts, reference: spikes of each output neuron, (n, classes).
    """
    a, b = (np.asarray(one, np.float64) for one in (counts, reference))
    a, b = (one - one.mean(1, keepdims=True) for one in (a, b))
    size = np.sqrt((a * a).sum(1) * (b * b).sum(1))
    found: npt.NDArray[np.float64] = np.divide((a * b).sum(1), size, out=np.zeros(len(a)), where=size > 0)
    return found
