from . import ConvLIFLayer as ConvLIFLayer
from .InputLayer import InputLayer as InputLayer
from .LIFLayer import LIFLayer as LIFLayer
