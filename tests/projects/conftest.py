import pytest

from tests.cast import Cast, build_cast
from tests.projects.doors import DOORS


@pytest.fixture
def cast(db) -> Cast:
    return build_cast()


@pytest.fixture(params=DOORS)
def door(request):
    """Each door in turn, streamed and not: `door(cast, user, text) -> Said`."""
    return DOORS[request.param]
