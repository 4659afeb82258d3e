"""MakeHuman's and ICT-FaceKit's files, read once into one library."""
