"""`python -m jaxgap`: the command line."""

from jaxgap.commands.main import main

if __name__ == "__main__":
    main()
