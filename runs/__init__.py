"""The experiment driver: configuration, run directories, training, comparison, report and command line.

    lava-dt train bats --data DIR --dt 0.01 --epochs 3      # or: python -m runs ...
    lava-dt demo

Importing this package imports nothing else.
"""
