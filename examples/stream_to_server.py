"""Send a camera or a recording to a ks-serve, on this machine or another, and show who smiles.

ks-serve                                                                    prints its address and token
KS_SERVE_TOKEN=... python examples/stream_to_server.py http://127.0.0.1:8765 0           camera 0
KS_SERVE_TOKEN=... python examples/stream_to_server.py http://127.0.0.1:8765 talk.mp4    a recording, at its own pace

Several of these at once share the server's engine.
"""

import os
import sys
import time

from knowledge_spreader.errors import KSError
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.client import at_their_times, connect


def camera(source):
    while (found := source.read())[0]:
        yield time.monotonic(), found[1][..., ::-1]  # OpenCV's pictures are BGR


def recording(source):
    while (found := source.read())[0]:
        yield source.get(cv2.CAP_PROP_POS_MSEC) / 1000, found[1][..., ::-1]


def show(address, token, name, frames):
    with connect(address, token, name=name) as stream:
        for answer in stream.watch(frames):
            for note in answer["notes"]:
                print(note, file=sys.stderr)
            for face in answer["faces"]:
                if face["success"]:
                    bar = "#" * round(40 * face["aus"]["AU12"]["p"])  # AU12, lip corner puller
                    print(f"{answer['time_s']:8.2f} s  face {face['face_id']}  {bar}", flush=True)


if len(sys.argv) != 3 or "KS_SERVE_TOKEN" not in os.environ:
    sys.exit(__doc__)
address, name = sys.argv[1:]
source = cv2.VideoCapture(int(name) if name.isdigit() else name)
if not source.isOpened():
    sys.exit(f"error: {name} cannot be opened; give the number of a camera, or a video file")
frames = camera(source) if name.isdigit() else at_their_times(recording(source))
try:
    show(address, os.environ["KS_SERVE_TOKEN"], name, frames)
except KSError as exc:
    sys.exit(f"error: {exc}")
