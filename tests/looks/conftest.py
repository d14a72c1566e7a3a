import pytest

from tests.looks.house import furnished


@pytest.fixture(scope="session")
def house(tmp_path_factory, chromium):
    with furnished(tmp_path_factory.mktemp("furnished"), chromium) as found:
        yield found
