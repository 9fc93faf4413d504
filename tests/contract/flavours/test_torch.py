import pytest

from contract.flavours.flavour_contract import FlavourContract
from taxiway.core.errors import SpecError
from taxiway.engines.flavours import flavour

torch = pytest.importorskip("torch", reason="run: pip install 'taxiway[torch]'")
pytest.importorskip("safetensors", reason="run: pip install 'taxiway[torch]'")


class TestAClassifier(FlavourContract):
    name = "torch"

    def model(self):
        from contract.flavours.torch_modules import Late

        torch.manual_seed(3)
        return Late(hidden=4)

    def expected(self, model, data):
        with torch.inference_mode():
            return torch.sigmoid(model(torch.from_numpy(data.to_numpy())))[:, 0].numpy()


def test_a_module_that_does_not_say_how_it_was_built_is_refused(tmp_path):
    from contract.flavours.torch_modules import Forgetful

    with pytest.raises(SpecError, match=r"cannot be built again.*self\.config"):
        flavour("torch").save(Forgetful(2), tmp_path, allow_pickle=True)


def test_a_module_whose_config_builds_another_one_is_refused(tmp_path):
    from contract.flavours.torch_modules import Late

    model = Late(hidden=4)
    model.config = {"hidden": 5}
    with pytest.raises(SpecError, match="a module with other weights"):
        flavour("torch").save(model, tmp_path, allow_pickle=True)
