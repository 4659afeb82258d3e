"""Clips and labelled sets on disk, contact sheets, and from which intensity an AU can be seen."""
