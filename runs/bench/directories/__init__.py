"""How long the results of many runs take to read, compare, query and report."""
