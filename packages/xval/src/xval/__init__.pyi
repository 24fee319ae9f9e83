from .encodings.encoding import Encoding as Encoding
from .encodings.encoding import encoding as encoding
from .encodings.words import frequent_words as frequent_words
