"""Frames in, facial action units out.

import realtime

with realtime.watch(0) as results:                     # a camera; "rtsp://...", "video.mp4", a folder, several
    for result in results:                             # one per frame, as it comes
        for row in result.faces:
            if row.success:
                print(result.frame.time_s, row.face.face_id, dict(zip(result.aus, row.probability)))

frame = realtime.table("video.mp4")                    # all of a recording as a pandas DataFrame
"""

from realtime.options import Options
from realtime.types import Event, Face, FaceAUs, Frame, FrameResult, Stream
from realtime.watch import Watch, table, watch

__all__ = ["Event", "Face", "FaceAUs", "Frame", "FrameResult", "Options", "Stream", "Watch", "table", "watch"]
