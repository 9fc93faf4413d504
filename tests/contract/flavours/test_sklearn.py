import numpy as np
import polars as pl
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from contract.flavours.flavour_contract import FlavourContract, is_late, rows


class TestAPipeline(FlavourContract):
    name = "sklearn"

    def model(self):
        data = rows()
        scale = ColumnTransformer([("scale", StandardScaler(), ["delay", "hour"])], remainder="passthrough")
        return make_pipeline(scale, HistGradientBoostingClassifier(max_iter=5)).fit(data, is_late(data))

    def expected(self, model, data):
        return model.predict_proba(data)[:, 1]


class TestAForestFittedWithABareMatrix(FlavourContract):
    name = "sklearn"
    classes = (False, True)

    def model(self):
        data = rows()
        return RandomForestClassifier(5, max_depth=3).fit(data.to_numpy(), is_late(data).astype(bool))

    def expected(self, model, data: pl.DataFrame):
        return model.predict_proba(data.to_numpy())[:, 1]


class TestARegressor(FlavourContract):
    name = "sklearn"
    classes = ()

    def model(self):
        data = rows()
        return HistGradientBoostingRegressor(max_iter=5).fit(data, data["delay"].to_numpy() * 2)

    def expected(self, model, data) -> np.ndarray:
        return model.predict(data)
