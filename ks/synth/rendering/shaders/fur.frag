// Short hair (a beard, a shorn scalp) as shells over the skin. Each shell shows the strands that are long enough.
uniform vec3 fur_colour;
uniform float beard, scalp_hair;  // density, 0 to 1
uniform float height;             // of this shell, 0 to 1

void main() {
    vec2 at = abs(normal.y) > 0.75 ? rest.xz : vec2(atan(rest.x, rest.z) * 0.8, rest.y);
    float strand = texture(noise, at * vec2(24.0, 9.0)).r;
    float cover = max(mask.z * beard, mask.y * scalp_hair);
    float reach = cover * (0.95 + 0.35 * texture(noise, at * 1.3).g);
    float alpha = smoothstep(height * 0.62, height * 0.62 + 0.30, strand * reach) * smoothstep(0.05, 0.35, cover);
    if (alpha < 0.04) discard;
    vec3 n = normalize(normal), v = normalize(eye_position - position), l = lamp_direction;
    float sun = lit(position, n);
    vec3 albedo = fur_colour * (0.45 + 0.9 * texture(noise, at * vec2(19.0, 8.0) + 0.5).b) * mix(0.55, 1.15, height);
    vec3 body = albedo * (ambient(n) * ao * mix(0.5, 1.0, height) + lamp_colour * clamp(0.25 + 0.75 * dot(n, l), 0.0, 1.0) * sun);
    body += mirrored(reflect(-v, n), 0.7) * 0.02 * ao + lamp_colour * sun * 0.03 * pow(max(dot(n, normalize(v + l)), 0.0), 12.0);
    colour = vec4(body, alpha * 0.9);
}
