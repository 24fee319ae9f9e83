"""The command as a module, for torchrun: ``python -m contextual_counting``."""

from contextual_counting.cli import main

if __name__ == "__main__":
    main()
