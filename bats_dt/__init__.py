"""bats_dt."""
