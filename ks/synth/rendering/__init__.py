"""Draws pixels with headless OpenGL: head, scene, lighting, camera, sensor."""
