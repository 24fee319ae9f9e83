from .convert import from_reference as from_reference
from .model import AViT as AViT
from .vocabulary import Vocabulary as Vocabulary
from .vocabulary import grow as grow
