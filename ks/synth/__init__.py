"""Rendered faces whose action units are known exactly: assets -> shapes -> people, action, scene -> render -> sensor.

The order of making a clip, and the file that knows each step:

    formats, assets     MakeHuman's and ICT's files, read once into one cache
    ict                 ICT's scanned expressions carried onto MakeHuman's mesh
    shapes, recipes     AU -> vertices
    people, casting     who: shape, age, skin; wardrobe, glasses: what they wear
    head, pose          that person's meshes in any pose
    action, timing      what the face does, frame by frame; mocap: what real faces did
    scene, lighting     background, camera (camera), light
    render, shaders/    pixels, by OpenGL without a window (gl, drawn, occlusion)
    sensor              what a camera makes of them
    clip                all of it; video, sheets, demo: what is written
"""
