"""A training that a signal stops during its second epoch."""

import os
import signal

import pytest

from knowledge_spreader.config import TrainConfig
from knowledge_spreader.training.trainer import Trainer, train


def train_until_stopped(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    learn = Trainer.learn

    def learn_and_stop(self: Trainer, batch: object) -> object:
        if self.steps_done == self.schedule.steps_per_epoch + 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return learn(self, batch)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "learn", learn_and_stop)
        with pytest.raises(KeyboardInterrupt):
            train(config, progress=False)
