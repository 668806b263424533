"""`python -m doubletime` is the command line."""

import sys

from doubletime.cli import main

sys.exit(main())
