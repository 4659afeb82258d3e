// A lens of glasses: reflections and darkening, blended over the face.
uniform float dark;

void main() {
    vec3 n = normalize(normal), v = normalize(eye_position - position), l = lamp_direction;
    if (dot(n, v) < 0.0) n = -n;
    vec3 gleam = mirrored(reflect(-v, n), 0.02) * fresnel(max(dot(n, v), 0.0), 0.04) * 0.45;
    gleam += lamp_colour * ggx(n, v, l, 0.12) * 0.02;
    colour = vec4(gleam, 0.01 + dark);
}
