"""The contract of `RegistryStore`: subclass `RegistryStoreContract` and give it a fixture `store`.

    class TestMyStore(RegistryStoreContract):
        @pytest.fixture
        def store(self) -> Iterator[RegistryStore]:
            ...

The store may hold other things already; the tests make names of their own. A store that looks sources up gives the
fixture `logged_model` one that is there.
"""

from __future__ import annotations

from siglum.testing.registry_aliases import AliasContract
from siglum.testing.registry_audit import AuditContract
from siglum.testing.registry_models import RegisteredModelContract
from siglum.testing.registry_versions import ModelVersionContract


class RegistryStoreContract(RegisteredModelContract, ModelVersionContract, AliasContract, AuditContract):
    """All of it. Subclass this one."""
