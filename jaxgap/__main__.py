"""`python -m jaxgap`: the command line."""

from jaxgap.cli import main

if __name__ == "__main__":
    main()
