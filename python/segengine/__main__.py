"""`python -m segengine …` is the command line, for where no script is on the path."""

import sys

from segengine.cli import main

sys.exit(main())
