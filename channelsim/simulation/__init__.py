"""A run as an object: stepped, looked into, stopped and resumed (`Simulation`).

`_beginning` has all that is settled before the first frame, `_course` the engine between two chunks and what is counted
of its epochs, `_recorder` what goes into a trace, `_values` what layers and channels had of the last frame.
"""

from channelsim.simulation._course import ROW
from channelsim.simulation._metrics import Metrics
from channelsim.simulation._simulation import CHUNK_SECONDS, FIRST_CHUNK, Event, Simulation
from channelsim.simulation._values import Synapses, Values

__all__ = ["CHUNK_SECONDS", "FIRST_CHUNK", "ROW", "Event", "Metrics", "Simulation", "Synapses", "Values"]
