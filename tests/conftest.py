"""What holds for every test, whichever file is run, in whatever order."""

from __future__ import annotations

import os

# As the program itself does, before the library is loaded: threads that spin while they wait take
# the processors from the other processes of a parallel run.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
