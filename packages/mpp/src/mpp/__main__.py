"""Entry point of ``python -m mpp``, as torchrun needs it."""

from mpp.cli import main

if __name__ == "__main__":
    main()
