"""Entry point of ``python -m xval``, as torchrun needs it."""

from xval.cli import main

if __name__ == "__main__":
    main()
