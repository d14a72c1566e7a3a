"""The house of the doors' tests, for the deeds that are held against the trail; built once a module."""

import pytest

from tests.audit.walk import Walker
from tests.doors.test_every_route import house  # noqa: F401 - the fixture


@pytest.fixture(scope="module")
def walker(house, django_db_blocker):  # noqa: F811
    with django_db_blocker.unblock():
        yield Walker(house)
