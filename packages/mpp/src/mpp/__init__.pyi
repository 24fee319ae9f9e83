from .convert.convert import from_reference as from_reference
from .data.datamodule import PhysicsData as PhysicsData
from .module import Network as Network
from .module import PhysicsModule as PhysicsModule
from .nn.add_fields import grow as grow
from .nn.field_vocabulary import Vocabulary as Vocabulary
from .nn.model import AViT as AViT
