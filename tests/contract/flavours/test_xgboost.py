import pytest

from contract.flavours.flavour_contract import FlavourContract, is_late, rows

xgboost = pytest.importorskip("xgboost", reason="run: pip install 'taxiway[xgboost]'")


class TestAClassifier(FlavourContract):
    name = "xgboost"

    def model(self):
        data = rows()
        return xgboost.XGBClassifier(n_estimators=5).fit(data.to_numpy(), is_late(data))

    def expected(self, model, data):
        return model.predict_proba(data.to_numpy())[:, 1]


class TestABareBooster(FlavourContract):
    name = "xgboost"
    classes = ()

    def model(self):
        data = rows()
        train = xgboost.DMatrix(data.to_numpy(), data["delay"].to_numpy(), feature_names=data.columns)
        return xgboost.train({"objective": "reg:squarederror"}, train, 5)

    def expected(self, model, data):
        return model.predict(xgboost.DMatrix(data.to_numpy(), feature_names=data.columns))
