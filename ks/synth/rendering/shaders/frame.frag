// The frame of glasses: glossy plastic or metal.
uniform vec3 tint;

void main() {
    vec3 n = normalize(normal), v = normalize(eye_position - position), l = lamp_direction;
    vec3 body = tint * (ambient(n) + lamp_colour * clamp(dot(n, l), 0.0, 1.0));
    vec3 gleam = mirrored(reflect(-v, n), 0.25) * fresnel(max(dot(n, v), 0.0), 0.05) + lamp_colour * ggx(n, v, l, 0.3) * 0.06;
    colour = vec4(body + gleam, 1.0);
}
