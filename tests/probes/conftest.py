import pytest

from tests.probes.conversation import Impatient


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch) -> Impatient:
    """Asks services that stand on loopback."""
    return Impatient(monkeypatch)
