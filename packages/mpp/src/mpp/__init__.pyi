from .convert import from_reference as from_reference
from .data.module import PhysicsData as PhysicsData
from .grow import grow as grow
from .model import AViT as AViT
from .module import PhysicsModule as PhysicsModule
from .vocabulary import Vocabulary as Vocabulary
