"""Pixels, by OpenGL without a window: scene, light, camera, sensor."""
