"""`lava-dt bench data`: simulated recordings beside real ones, and the loaders beside the training that they feed."""
