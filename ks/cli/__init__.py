"""One file per command of the trainer: ks-train, ks-eval, ks-calibrate, ks-average, ks-fit-person."""
