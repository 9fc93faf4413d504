import pytest

from contract.flavours.flavour_contract import FlavourContract, is_late, rows

lightgbm = pytest.importorskip("lightgbm", reason="run: pip install 'taxiway[lightgbm]'")


class TestAClassifier(FlavourContract):
    name = "lightgbm"
    classes = ("late", "on time")

    def model(self):
        data = rows()
        labels = ["late" if late else "on time" for late in is_late(data)]
        return lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(data.to_numpy(), labels)

    def expected(self, model, data):
        return model.booster_.predict(data.to_numpy())


class TestABareBooster(FlavourContract):
    name = "lightgbm"
    classes = ()

    def model(self):
        data = rows()
        train = lightgbm.Dataset(data.to_numpy(), data["delay"].to_numpy(), feature_name=data.columns)
        return lightgbm.train({"objective": "regression", "verbose": -1}, train, 5)

    def expected(self, model, data):
        return model.predict(data.to_numpy())
