import pytest

from tests.looks.house import furnished


@pytest.fixture(scope="session")
def house(tmp_path_factory, browser):
    with furnished(tmp_path_factory.mktemp("furnished"), browser) as found:
        yield found
