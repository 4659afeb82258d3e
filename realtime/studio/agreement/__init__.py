"""How far two coders agree: `compare`."""

from knowledge_spreader.realtime.studio.agreement.compare import compare

__all__ = ["compare"]
