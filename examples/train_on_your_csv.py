"""Train on a CSV of coded frames, then use the model.

python examples/train_on_your_csv.py my.csv      your videos; docs/datasets.md says what the CSV holds
python examples/train_on_your_csv.py             the bundled clip with its true labels: shows the way, learns nothing

Needs torch: pip install 'knowledge-spreader[train]'
"""

import csv
import sys
from pathlib import Path

from knowledge_spreader import TrainConfig, train
from knowledge_spreader.realtime.demo import demo_clip


def small_manifest(path: Path) -> Path:
    """Every tenth frame of the bundled clip is labelled, as a coder would do it: 1 present, 0 absent."""
    clip = demo_clip()
    with clip.with_suffix(".csv").open() as truth, path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video", "subject", "frame", "AU12", "AU25"])
        for frame, row in enumerate(csv.DictReader(truth)):
            if frame % 10 == 0:
                writer.writerow([clip, "nobody", frame, *(int(float(row[au]) >= 0.2) for au in ("AU12", "AU25"))])
    return path


if len(sys.argv) > 1:
    config = TrainConfig(data="manifest", root=sys.argv[1], out="runs/mine")
else:  # one person, so nobody to test on (fold 0) or to choose the best epoch by (val_share 0)
    root = str(small_manifest(Path("small.csv")))
    small = {"backbone": "resnet18-quarter", "side_px": 64, "init": "random", "epochs": 2, "workers": 0}
    config = TrainConfig(data="manifest", root=root, out="runs/small", fold=0, val_share=0, **small)

summary = train(config)
print(f"next: ks-compile {summary.best_path} --out mine.ks")
