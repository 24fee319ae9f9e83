from .data import Batch as Batch
from .data import CountingData as CountingData
from .model import CountingTransformer as CountingTransformer
from .module import CountingModule as CountingModule
from .simulate import simulate as simulate
from .sites import run_with_cache as run_with_cache
from .sites import run_with_hooks as run_with_hooks
