"""How text and its numbers become tokens: the paper's five encodings."""
