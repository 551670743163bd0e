"""What has to be set before scipy and matplotlib are imported."""

import os

# Without it scikit-learn skips its array API checks and says nothing.
os.environ["SCIPY_ARRAY_API"] = "1"
os.environ["MPLBACKEND"] = "agg"
