"""Trains a config of the zoo, or goes on with a run: see zoo/cli/train.py."""

import sys

from zoo.cli.train import main

if __name__ == "__main__":
    sys.exit(main())
