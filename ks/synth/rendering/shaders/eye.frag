// The eyeball: iris and white from a texture, darker under the lids, moist.
uniform vec3 iris_tint;
uniform float white;      // brightness of the white of the eye
uniform vec3 ball_left, ball_right;
uniform float ball_radius;
uniform float iris_size;  // relative to the texture's iris, which is painted too large

void main() {
    vec2 axis = uv.x < 0.5 ? vec2(0.2945, 0.298) : vec2(0.7055, 0.700);  // the pupils' centres in the texture
    float from_pupil = length(uv - axis) / 0.146;                        // 1 at the edge of the painted iris
    float shrunk = mix(1.0 / iris_size, 1.0, smoothstep(0.95, 1.7, from_pupil));
    bool shell = texture(picture, uv).a < 0.5;  // the cornea, drawn later
    vec4 texel = texture(picture, axis + (uv - axis) * shrunk);
    if (shell) discard;
    vec3 n = normalize(normal), v = normalize(eye_position - position), l = lamp_direction;
    vec3 albedo = linear(texel.rgb);
    float off_axis = length(vec2(abs(rest.x) - 0.3078, rest.y - 7.2842)) * shrunk;
    float sclera = smoothstep(0.066, 0.078, off_axis);
    vec3 iris = mix(albedo, vec3(dot(albedo, vec3(0.45, 0.4, 0.15))), 0.30) * iris_tint * vec3(1.15, 1.02, 0.84);
    albedo = mix(iris, min(albedo, vec3(0.85)) * vec3(0.74, 0.69, 0.66) * white, sclera);
    vec3 ball = position.x > 0.5 * (ball_left.x + ball_right.x) ? ball_left : ball_right;
    vec3 at = (position - ball) / ball_radius;
    float lids = 1.0 - 0.65 * smoothstep(0.05, 0.62, at.y);   // shade of the upper lid and its lashes
    lids *= 1.0 - 0.45 * smoothstep(0.45, 0.95, abs(at.x));
    float shade = mix(1.0, ao, 0.6) * lids;
    vec3 body = albedo * (ambient(n) * shade + lamp_colour * clamp(dot(n, l) * 0.8 + 0.2, 0.0, 1.0) * mix(lit(position, n), 1.0, 0.1) * lids);
    vec3 gleam = mirrored(reflect(-v, n), 0.15) * fresnel(max(dot(n, v), 0.0), 0.02) * shade;
    colour = vec4(body + gleam, 1.0);
}
