"""Special tokens: padding, mask, end and number; the same ids in every encoding."""

SPECIAL = ("[PAD]", "[MASK]", "[END]", "[NUM]")
PAD, MASK, END, NUM = range(len(SPECIAL))
