"""Print who smiles, as it happens: python examples/smile_meter.py 0, or a video, or an address."""

import sys

import knowledge_spreader.realtime

source = sys.argv[1] if len(sys.argv) > 1 else "0"
with knowledge_spreader.realtime.watch(int(source) if source.isdigit() else source) as results:
    au12 = results.aus.index(12)  # lip corner puller
    for result in results:
        for row in result.faces:
            if row.success:
                bar = "#" * round(40 * row.probability[au12])
                print(f"{result.frame.time_s:8.2f} s  face {row.face.face_id}  {bar}")
