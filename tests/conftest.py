"""What has to be set before scipy, scikit-learn and matplotlib are imported."""

import os

# Without it scikit-learn skips its array API checks and says nothing.
os.environ["SCIPY_ARRAY_API"] = "1"
os.environ["MPLBACKEND"] = "agg"
# The boosters of these tests fit a few hundred rows: a second thread only waits, and on
# a busy machine it waits for long.
os.environ.setdefault("OMP_NUM_THREADS", "1")
