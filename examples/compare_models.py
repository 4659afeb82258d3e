"""How far two models agree on a recording: for each AU that both know.

python examples/compare_models.py a.ks b.ks talk.mp4

Needs pandas: pip install 'knowledge-spreader[table]'
"""

import sys

from knowledge_spreader import table

a, b, video = sys.argv[1:]
rows = table(video, model=a).merge(table(video, model=b), on=["frame", "face_id"], suffixes=(" a", " b"))
rows = rows[rows["success a"] & rows["success b"]]
print(f"{len(rows)} faces with an answer by both\n       correlation  same decision  present in a, b")
for au in [name[:-4] for name in rows if name.startswith("AU") and name.endswith("_p a") and f"{name[:-1]}b" in rows]:
    present_a, present_b = rows[f"{au}_c a"].astype(bool), rows[f"{au}_c b"].astype(bool)
    correlation = rows[f"{au}_p a"].corr(rows[f"{au}_p b"])
    same = (present_a == present_b).mean()
    print(f"{au}{correlation:14.2f}{same:15.0%}{present_a.mean():12.0%}, {present_b.mean():.0%}")
