"""`lava-dt bench slayer`: lava_dt beside lava-dl and a plain torch loop."""
