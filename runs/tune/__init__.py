"""`lava-dt tune`: the coarsest timestep that keeps a trained network's accuracy.

    from runs.tune.tune import tune
    result = tune(Path("results/my-run"), tolerance="1%", out=Path("tuned"))
    print(result)

    from runs.tune.result import load_result
    result = load_result(Path("tuned"))

Importing this package imports nothing else: the command line starts without torch.
"""
