from .data.datamodule import Batch as Batch
from .data.datamodule import CountingData as CountingData
from .module import CountingModule as CountingModule
from .module import Network as Network
from .nn.model import CountingTransformer as CountingTransformer
from .simulate.sequences import simulate as simulate
