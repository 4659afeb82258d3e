"""ks-train, and `train` of the Python interface: a training may begin from the bundled model or another `.ks` file."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge_spreader.arrays import U8
from knowledge_spreader.cli import train as command
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model
from knowledge_spreader.spec import ModelSpec

if TYPE_CHECKING:  # torch, which only training needs
    from knowledge_spreader.checkpoint import Checkpoint
    from knowledge_spreader.training.trainer import RunSummary


@dataclass(frozen=True, slots=True)
class CompiledStart:
    """A `.ks` file as a start of a training; see training/init_choice.py."""

    file: ModelFile

    @property
    def name(self) -> str:
        return f"{self.file.path.name} ({self.file.weights_id})"

    @property
    def spec(self) -> ModelSpec:
        return self.file.spec

    def checkpoint(self, faces: U8, seed: int) -> "Checkpoint":
        from knowledge_spreader.engines.export.to_checkpoint import as_checkpoint

        return as_checkpoint(self.file, faces, seed)


def open_start(init: str) -> CompiledStart:
    """The bundled model for "bundled", else the `.ks` file at that path. Raises MissingError or ModelError."""
    return CompiledStart(open_model(bundled_model() if init == "bundled" else init))


def train(config: TrainConfig, progress: bool = True, resume: bool = False) -> "RunSummary":
    """Trains one model; writes best.safetensors, last.safetensors, labels.csv, log.jsonl and tb/ to config.out.

    resume: continue from last.safetensors, to the same weights as an uninterrupted run. If the run begins from a `.ks`
    file, settings with their default value follow that file. Raises KSError.
    """
    from knowledge_spreader.training.trainer import train as train_with

    return train_with(config, progress, resume, opens=open_start)


def parser() -> argparse.ArgumentParser:
    return command.parser()


def main(argv: Sequence[str] | None = None) -> int:
    """0 if training finished; see run()."""
    return command.main(argv, open_start)


if __name__ == "__main__":  # for torchrun, which takes a module
    raise SystemExit(main())
