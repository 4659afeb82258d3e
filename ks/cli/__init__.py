"""The commands ks-train, ks-eval, ks-calibrate, ks-average and ks-fit-person, one file each."""
