import pytest

from tests.projects.doors import DOORS


@pytest.fixture(params=DOORS)
def door(request):
    """Each door in turn, streamed and not: `door(cast, user, text) -> Said`."""
    return DOORS[request.param]
