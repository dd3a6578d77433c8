"""``python -m azdeploy`` is the command line."""

from azdeploy.cli import main

if __name__ == "__main__":
    main()
