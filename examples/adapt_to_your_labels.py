"""Adapt the bundled model to a few labels of your recordings, then use the result.

python examples/adapt_to_your_labels.py videos/ labels.csv    docs/your-own-labels.md says how labels may look
python examples/adapt_to_your_labels.py                       the bundled clip with its true labels: shows the way
"""

import csv
import sys
from pathlib import Path

from knowledge_spreader import adapt_model, watch
from knowledge_spreader.realtime.demo import demo_clip


def a_few_labels(path: Path) -> Path:
    """Every tenth frame of the bundled clip is labelled, as a coder would do it: 1 present, 0 absent."""
    clip = demo_clip()
    with clip.with_suffix(".csv").open() as truth, path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video", "frame", "AU1", "AU12", "AU25"])
        for frame, row in enumerate(csv.DictReader(truth)):
            if frame % 10 == 0:
                writer.writerow([clip, frame, *(int(float(row[au]) >= 0.3) for au in ("AU01", "AU12", "AU25"))])
    return path


recordings, labels = sys.argv[1:3] if len(sys.argv) > 2 else (demo_clip(), a_few_labels(Path("few.csv")))
result = adapt_model([recordings], [labels], "mine.ks")
for note in result.notes:
    print(note)
for au in result.adapted.report["aus"]:
    if au["present"] + au["absent"]:
        print(f"AU{au['au']}: {au['present']} labels present, {au['absent']} absent -> {au['kind']}")

video = demo_clip() if len(sys.argv) < 3 else next(iter(result.recordings)).path
with watch(video, model="mine.ks") as results:
    smiles = sum(face.occurs(12) for frame in results for face in frame.faces if face.success)
print(f"{video}: {smiles} faces with AU12")
