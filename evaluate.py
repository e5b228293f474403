"""Numbers out: scores on a data set, or predictions for your own files: see zoo/cli/evaluate.py."""

import sys

from zoo.cli.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
