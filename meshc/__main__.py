"""`python -m meshc`: the command line, for where no script is on the path."""

from meshc.cli import main

if __name__ == "__main__":
    main()
