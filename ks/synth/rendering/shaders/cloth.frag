// A shirt: the body's surface below a neckline, drawn slightly outwards.
uniform vec3 cloth_colour, trim_colour;
uniform vec3 neck;         // height at the front, extra height at the back, width of the hem; dm
uniform float vee;         // depth of a V-neck, dm
uniform float weave;       // 0 plain, 1 knitted

void main() {
    float edge = neck.x + neck.y * (1.0 - smoothstep(-0.35, 1.0, rest.z)) + 0.62 * rest.x * rest.x - vee * max(0.0, 1.0 - abs(rest.x) / 0.42) * smoothstep(0.2, 0.6, rest.z);
    float below = edge - rest.y;
    vec3 v = normalize(eye_position - position), n = normalize(normal);
    if (dot(n, v) < 0.0) n = -n;
    float creases = textureLod(noise, rest.xy * vec2(0.30, 0.16) + rest.z * 0.15, 3.5).g + 0.35 * textureLod(noise, rest.yx * 0.4, 3.0).r;
    float thread = sin(rest.x * 260.0) * sin(rest.y * 260.0) * weave * clamp(1.5 - fwidth(rest.x) * 260.0, 0.0, 1.0);
    float hem = 1.0 - smoothstep(neck.z - 0.02, neck.z, below);
    float around = atan(rest.x, rest.z - 0.3) * 110.0;
    float rib = sin(around) * hem * clamp(1.5 - fwidth(around), 0.0, 1.0);
    n = bumped(n, creases * 0.10 + thread * 0.0008 + rib * 0.003 + 0.012 * hem + 0.012 * smoothstep(0.0, 0.02, below));
    vec3 albedo = mix(cloth_colour, trim_colour, hem) * (1.0 + 0.05 * thread + 0.10 * rib);
    float shade = ao * mix(0.6, 1.0, smoothstep(0.0, 0.03, below));
    vec3 body = albedo * (ambient(n) * shade + lamp_colour * clamp(dot(n, lamp_direction), 0.0, 1.0) * lit(position, n));
    float rim = pow(1.0 - max(dot(n, v), 0.0), 3.0) * 0.12;
    if (below < 0.0) discard;
    colour = vec4(body + albedo * rim * ambient(n) * shade, 1.0);
}
