"""Send a camera or a recording to a ks-serve, on this machine or another, and show who smiles.

ks-serve                                                                    prints its address and token
KS_SERVE_TOKEN=... python examples/stream_to_server.py http://127.0.0.1:8765 0           camera 0
KS_SERVE_TOKEN=... python examples/stream_to_server.py http://127.0.0.1:8765 talk.mp4    a recording, at its own pace

Several of these at once share the server's engine.
"""

import os
import sys
import time

from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.client import at_their_times, connect


def camera(number):
    source = cv2.VideoCapture(number)
    while (found := source.read())[0]:
        yield time.monotonic(), found[1][..., ::-1]  # OpenCV's pictures are BGR


def recording(path):
    source = cv2.VideoCapture(path)
    while (found := source.read())[0]:
        yield source.get(cv2.CAP_PROP_POS_MSEC) / 1000, found[1][..., ::-1]


address, source = sys.argv[1:]
frames = camera(int(source)) if source.isdigit() else at_their_times(recording(source))
with connect(address, os.environ["KS_SERVE_TOKEN"], name=source) as stream:
    for answer in stream.watch(frames):
        for note in answer["notes"]:
            print(note, file=sys.stderr)
        for face in answer["faces"]:
            if face["success"]:
                bar = "#" * round(40 * face["aus"]["AU12"]["p"])  # AU12, lip corner puller
                print(f"{answer['time_s']:8.2f} s  face {face['face_id']}  {bar}", flush=True)
