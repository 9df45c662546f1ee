"""`lava-dt bench bats`: bats_dt beside a literal CPU port of the published kernels."""
