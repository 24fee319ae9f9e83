from .survey import BANDS as BANDS
from .survey import PIXELS as PIXELS
from .survey import wavelengths as wavelengths
