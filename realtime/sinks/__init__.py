"""Outputs: CSV, JSON lines, Parquet, events, video, window, LabStreamingLayer."""
