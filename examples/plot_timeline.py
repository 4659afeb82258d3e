"""Draw when the AUs of a recording come and go: a curve of probability each, shaded where the AU is present.

python examples/plot_timeline.py talk.mp4 timeline.png 6 12 25

Needs pandas and matplotlib: pip install 'knowledge-spreader[table]' matplotlib
"""

import sys

import matplotlib

matplotlib.use("agg")  # a file, no window
import matplotlib.pyplot as plt

from knowledge_spreader import table

video, out, *aus = sys.argv[1:]
rows = table(video)
face = rows[rows.face_id == 0]  # the first that was seen
figure, axes = plt.subplots(len(aus), figsize=(9, 1.2 * len(aus) + 0.6), sharex=True, squeeze=False)
for axis, au in zip(axes[:, 0], aus, strict=True):
    name = f"AU{int(au):02d}"
    axis.plot(face.timestamp, face[f"{name}_p"], color="black", linewidth=1)
    present = face[f"{name}_c"].fillna(False).astype(bool)
    axis.fill_between(face.timestamp, 0, 1, where=present, color="orange", alpha=0.4, linewidth=0)
    axis.set(ylabel=name, ylim=(0, 1), yticks=(0, 1))
axes[-1, 0].set_xlabel("seconds")
figure.tight_layout()
figure.savefig(out, dpi=120)
