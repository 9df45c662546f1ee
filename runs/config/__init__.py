"""What one run is: pydantic models, read from TOML, overridden by name.

A configuration holds everything that decides a run's numbers, and nothing else. Unknown keys are refused. Where dt or
bins is given, the other is computed; both are stored.
"""

from runs.config.bats import BatsConfig
from runs.config.clocked import ClockedConfig
from runs.config.loading import MODELS, AnyConfig, load_config, make_config, saved_config, with_underscores
from runs.config.shared import ConfigError, shown
from runs.config.slayer import SlayerConfig

__all__ = [
    "MODELS",
    "AnyConfig",
    "BatsConfig",
    "ClockedConfig",
    "ConfigError",
    "SlayerConfig",
    "load_config",
    "make_config",
    "saved_config",
    "shown",
    "with_underscores",
]
