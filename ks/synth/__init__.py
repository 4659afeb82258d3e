"""Rendered faces whose action units are known exactly: assets -> shapes -> people, action, scene -> render -> sensor.

The order of making a clip, and the file that knows each step:

    formats, assets     MakeHuman's and ICT's files, read once into one cache
    ict                 ICT's scanned expressions carried onto MakeHuman's mesh
    shapes, recipes     AU -> vertices
    people              who: shape, age, skin, eyes, brows, hair
    action, timing      what the face does, frame by frame
    scene               light, background, camera
    render, shaders/    pixels, by OpenGL without a window
    sensor              what a camera makes of them
    clip                all of it
"""
