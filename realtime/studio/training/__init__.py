"""What a project hands to ks-adapt, and ks-adapt as a process that outlives the studio."""

from knowledge_spreader.realtime.studio.training.process import Training

__all__ = ["Training"]
