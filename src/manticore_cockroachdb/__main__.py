"""``python -m manticore_cockroachdb`` is ``manticore``."""

import sys

from .cli import main

sys.exit(main())
