"""All recordings of a folder: one table with every frame, and one line per recording on the screen.

python examples/folder_to_table.py recordings all.csv

Needs pandas: pip install 'knowledge-spreader[table]'
"""

import sys
from pathlib import Path

import pandas as pd

from knowledge_spreader import table

folder, out = Path(sys.argv[1]), Path(sys.argv[2])
tables = []
for video in sorted(folder.glob("*.mp4")):
    rows = table(video)
    answered = rows[rows.success]
    print(
        f"{video.name}: {len(rows)} rows, {len(answered)} with an answer, AU12 in {answered.AU12_c.mean():.0%} of them"
    )
    tables.append(rows.assign(video=video.name))
pd.concat(tables).to_csv(out, index=False)
print(f"{out}: {sum(map(len, tables))} rows")
