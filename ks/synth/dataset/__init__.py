"""Clips and labelled data sets on disk, contact sheets, and the intensities from which an AU is visible."""
