// Teeth, gums and tongue: wet, and darker the deeper they lie.
uniform vec3 tint;
uniform float openness;    // 0 to 1: how much light enters the mouth

void main() {
    vec3 v = normalize(eye_position - position), n = normalize(normal), l = lamp_direction;
    vec3 albedo = linear(texture(picture, uv).rgb) * tint;
    float depth = smoothstep(1.00, 1.46, rest.z);
    float shade = (0.04 + 0.86 * depth * depth) * (0.65 + 0.35 * openness);
    shade *= 1.0 - 0.8 * smoothstep(0.15, 0.30, abs(rest.x));
    vec3 body = albedo * (ambient(n) * shade + lamp_colour * clamp(dot(n, l) * 0.8 + 0.2, 0.0, 1.0) * lit(position, n) * shade);
    vec3 gleam = mirrored(reflect(-v, n), 0.3) * fresnel(max(dot(n, v), 0.0), 0.04) * shade * 0.8;
    colour = vec4(body + gleam, 1.0);
}
