"""lava_dt."""
