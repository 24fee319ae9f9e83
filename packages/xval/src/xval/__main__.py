"""The command as a module, for torchrun: ``python -m xval``."""

from xval.cli import main

if __name__ == "__main__":
    main()
