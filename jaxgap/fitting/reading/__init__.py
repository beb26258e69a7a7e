"""Files of measurements as people have them."""

from jaxgap.fitting.reading.config import FileConfig as FileConfig
from jaxgap.fitting.reading.curve import MeasuredCurve as MeasuredCurve
from jaxgap.fitting.reading.curve import read_curve as read_curve
