"""Runs a compiled model with any backend: open_engine, Engine, and the data types they use."""

from knowledge_spreader.engines.base import Choice, Encoded, Engine, Prediction
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model
from knowledge_spreader.engines.open import open_engine

__all__ = ["Choice", "Encoded", "Engine", "ModelFile", "Prediction", "open_engine", "open_model"]
