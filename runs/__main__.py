"""`python -m runs` is `lava-dt`."""

from runs.cli import main

if __name__ == "__main__":
    main()
