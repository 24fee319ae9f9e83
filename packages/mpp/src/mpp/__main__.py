"""The command as a module, for torchrun: ``python -m mpp``."""

from mpp.cli import main

if __name__ == "__main__":
    main()
