"""For an Airflow that takes a plugins folder and no entry point; use one of the two, never both."""

from taxiway.plugin import TaxiwayPlugin

__all__ = ["TaxiwayPlugin"]
