// The clear shell over the iris: only its reflections, added to the picture.
uniform vec3 ball_left, ball_right;
uniform float ball_radius;

void main() {
    if (texture(picture, uv).a >= 0.5) discard;
    vec3 n = normalize(normal), v = normalize(eye_position - position), l = lamp_direction;
    vec3 ball = position.x > 0.5 * (ball_left.x + ball_right.x) ? ball_left : ball_right;
    float lids = 1.0 - smoothstep(0.25, 0.65, (position - ball).y / ball_radius);
    float f = fresnel(max(dot(n, v), 0.0), 0.035);
    vec3 gleam = mirrored(reflect(-v, n), 0.04) * f * 0.75 * lids;
    gleam += lamp_colour * ggx(n, v, l, 0.20) * 0.8 * mix(lit(position, n), 1.0, 0.4);
    colour = vec4(min(gleam, vec3(6.0)), 1.0);
}
