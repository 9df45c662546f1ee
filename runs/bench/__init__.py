"""`lava-dt bench`: lava_dt against upstream lava-dl, side by side, and what a conversion to a coarser step costs.

Importing this package imports nothing else.
"""
