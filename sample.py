"""Audio out: generated, or your own song separated, vocoded, transformed: see zoo/cli/sample.py."""

import sys

from zoo.cli.sample import main

if __name__ == "__main__":
    sys.exit(main())
