"""`lava-dt explain`: what a step does to one's own neuron, in a table, sentences and figures."""
