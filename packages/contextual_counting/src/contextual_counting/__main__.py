"""Entry point of ``python -m contextual_counting``, as torchrun needs it."""

from contextual_counting.cli import main

if __name__ == "__main__":
    main()
