"""A trained network in use: opened from a run, a file or a graph, fed from event files, run in Lava and scored."""
