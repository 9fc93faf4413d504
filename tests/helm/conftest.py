"""What the chart's tests run with."""

import pytest

from helm.charts import Helm, found
from helm.sites import new_site


@pytest.fixture(scope="session", params=["helm", "helm4"])
def helm(request) -> Helm:
    """Helm 3, then Helm 4."""
    return found(request.param)


@pytest.fixture
def site(cluster, helm, s3_for_pods, load_image, job_image):
    """A place for the chart, of one test's own."""
    with new_site(cluster, helm, s3_for_pods, load_image(job_image)) as place:
        yield place
