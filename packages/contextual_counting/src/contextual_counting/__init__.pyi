from .data import Batch as Batch
from .data import CountingData as CountingData
from .model import CountingTransformer as CountingTransformer
from .module import CountingModule as CountingModule
from .simulate import simulate as simulate
