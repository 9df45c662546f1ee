class InputLayer:
    """Holds the spikes given to it."""

    trainable = False

    def __init__(self, n_neurons, name=""):
        self.n_neurons = n_neurons

    def set_spike_trains(self, times, counts):
        self.spike_trains = times, counts
