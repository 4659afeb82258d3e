"""Renders faces whose action units are known exactly.

The folders, in the order in which a clip is made:

    assets/        reads MakeHuman's and ICT-FaceKit's files and caches them
    au_recipes.py  AU -> weighted blend shapes
    person/        draws a person from a seed: face shape, age, skin, hair, clothes, glasses
    motion/        AU intensities, gaze and head pose of each frame: scripted, or replayed from a motion capture
    rendering/     head, light, background and camera -> pixels (headless OpenGL), then the camera's faults
    dataset/       one clip, a labelled data set, the demo clip, contact sheets, visibility thresholds
    cli.py         ks-synth
"""
