"""Trained networks to coarser steps without training: rules, each a file with its equations, and `convert`.

responses = record(net, batches)                    # for rules that match thresholds: what the network does at dt = 1
conversion = convert(net, 8, "backward-euler+matched", responses)
print(conversion)
"""

from lava_dt.conversion.conversion import Conversion, LayerConversion, convert
from lava_dt.conversion.responses import Responses, record
from lava_dt.conversion.rule import Rule
from lava_dt.conversion.rules import RULES

__all__ = ["RULES", "Conversion", "LayerConversion", "Responses", "Rule", "convert", "record"]
