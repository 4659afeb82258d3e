"""Send AUs to another program as they come: a UDP datagram with one line of JSON per face and frame.

python examples/live_to_program.py 0             sends what camera 0 shows to port 9000 of this machine
python examples/live_to_program.py --listen      the other program: prints what comes

Games, stimulus software and sound tools can read UDP, so this is all they need. Nothing waits: if nobody listens, the
datagrams are lost.
"""

import json
import socket
import sys

from knowledge_spreader import watch

PLACE = ("127.0.0.1", 9000)


def send(source: str) -> None:
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with out, watch(int(source) if source.isdigit() else source) as results:
        for result in results:
            for face in result.faces:
                if face.success:
                    aus = {f"AU{au}": round(face.probability_of(au), 3) for au in face.aus}
                    line = {"time_s": result.frame.time_s, "face": face.face_id, "aus": aus}
                    out.sendto(json.dumps(line).encode(), PLACE)


def listen() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as come_in:
        come_in.bind(PLACE)
        while True:
            line = json.loads(come_in.recv(65_535))
            strongest = max(line["aus"], key=line["aus"].get)
            print(f"{line['time_s']:8.2f} s  face {line['face']}  strongest: {strongest}", flush=True)


if sys.argv[1:] == ["--listen"]:
    listen()
else:
    send(sys.argv[1] if len(sys.argv) > 1 else "0")
