"""Reads MakeHuman's and ICT-FaceKit's files into one library."""
