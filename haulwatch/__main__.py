"""`python -m haulwatch` is the `haulwatch` command."""

from haulwatch.cli import main

if __name__ == "__main__":
    main()
