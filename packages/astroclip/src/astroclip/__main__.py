"""Entry point of ``python -m astroclip``, as torchrun needs it."""

from astroclip.cli import main

if __name__ == "__main__":
    main()
