"""A compiled model behind one small contract. What callers need: open_engine, Engine and what crosses it."""

from engines.base import Choice, Encoded, Engine, Prediction
from engines.model_file import ModelFile, open_model
from engines.open import open_engine

__all__ = ["Choice", "Encoded", "Engine", "ModelFile", "Prediction", "open_engine", "open_model"]
