"""The command as a module, for torchrun: ``python -m astroclip``."""

from astroclip.cli import main

if __name__ == "__main__":
    main()
