"""Writes the table of values into the chart's README: python tests/helm/write.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from helm import charts

if __name__ == "__main__":
    (charts.CHART / "README.md").write_text(charts.readme()[1], encoding="utf-8")
