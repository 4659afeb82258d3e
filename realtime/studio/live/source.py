"""What the page names as a source -> the target to open."""

from dataclasses import replace

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.sources.redact import is_url
from knowledge_spreader.realtime.sources.source_spec import Target
from knowledge_spreader.realtime.studio.store.project import Project
from knowledge_spreader.realtime.watch import parse_targets

_MOST = 2048  # letters of an address
DEMO, CAMERA, RECORDING = "demo", "camera:", "recording:"


def target_of(source: object, project: Project, options: Options) -> Target:
    """source: "demo", "camera:0", "recording:ID", or the address of a stream. Raises KSError, without secrets."""
    if not isinstance(source, str) or not 0 < len(source) <= _MOST or not source.isprintable():
        raise DataError(
            f'a source is "demo", "camera:0", "recording:ID" or an address, at most {_MOST} printable letters'
        )
    if source == DEMO:
        return replace(parse_targets([demo_clip()], options)[0], name="the demo clip")
    if source.startswith(CAMERA):
        number = source.removeprefix(CAMERA)
        if not (number.isascii() and number.isdecimal() and len(number) <= 3):
            raise DataError(f"a camera is a number such as camera:0; got {number!r:.20}")
        return parse_targets([int(number)], options)[0]
    if source.startswith(RECORDING):
        rec = project.recording(source.removeprefix(RECORDING))
        project.check(rec)
        target = parse_targets([rec.path], options)[0]
        return replace(target, name=rec.name, stills=False)
    found = parse_targets([source], options) if is_url(source) else []
    if len(found) != 1 or found[0].kind != "stream":
        raise DataError("an address begins with rtsp://, http:// or the like; add a file to the recordings to see it")
    return found[0]
