"""Show in the terminal who smiles, as it happens.

python examples/smile_meter.py 0             a camera
python examples/smile_meter.py talk.mp4      a recording, a folder, or the address of a stream
"""

import sys

from knowledge_spreader import watch

source = sys.argv[1] if len(sys.argv) > 1 else "0"
with watch(int(source) if source.isdigit() else source) as results:
    for result in results:
        for face in result.faces:
            if face.success:
                bar = "#" * round(40 * face.probability_of(12))  # AU12, lip corner puller
                print(f"{result.frame.time_s:8.2f} s  face {face.face_id}  {bar}")
