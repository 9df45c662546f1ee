"""Data sets as arrays: MNIST's images and N-MNIST's event recordings, from files, shipped or fetched."""

from runs.data.download import download_dataset, download_mnist, download_nmnist
from runs.data.encodings import Latency, Rate
from runs.data.events import EventSet
from runs.data.images import Images
from runs.data.latency import latency_times
from runs.data.load import load_events
from runs.data.mnist import load_images, load_mnist
from runs.data.nmnist import load_nmnist
from runs.data.progress import transfer_bars
from runs.data.recordings import Recordings
from runs.data.saccade import Saccade

__all__ = [
    "EventSet",
    "Images",
    "Latency",
    "Rate",
    "Recordings",
    "Saccade",
    "download_dataset",
    "download_mnist",
    "download_nmnist",
    "latency_times",
    "load_events",
    "load_images",
    "load_mnist",
    "load_nmnist",
    "transfer_bars",
]
