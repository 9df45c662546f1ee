"""`lava-dt bench`: bats, slayer and conversion, a folder each; beside them what they share.

Importing this package imports nothing else.
"""
