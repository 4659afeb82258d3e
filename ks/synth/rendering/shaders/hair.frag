// Hair, brows and lashes: cards with strands. First the dense part is drawn, then the thin ends (see renderer.py).
uniform vec3 hair_colour;
uniform float gloss;
uniform float low, high;    // alphas drawn in this pass
uniform float density;      // factor on alpha
uniform float brightness;   // mean of the texture's opaque part

float away(vec3 strand, vec3 d) { float c = dot(strand, d); return max(1.0 - c * c, 1e-4); }  // sine squared

void main() {
    vec4 texel = texture(picture, uv);
    float alpha = clamp(texel.a * density, 0.0, 1.0);
    if (alpha < low || alpha >= high) discard;
    vec3 v = normalize(eye_position - position), n = normalize(normal), l = lamp_direction, t = normalize(mask.xyz);
    float outside = dot(n, v) < 0.0 ? 0.35 : 1.0;   // the inner side of a lock lies in shade
    if (outside < 1.0) n = -n;
    vec3 seen = linear(texel.rgb);
    float light_dark = clamp(0.25 + 0.75 * dot(seen, vec3(0.33)) / brightness, 0.2, 1.7);
    vec3 albedo = hair_colour * light_dark;
    float strand = (texture(noise, vec2(uv.x * 19.0, uv.y * 1.3)).r - 0.5);
    vec3 ts = normalize(t + n * (0.12 + strand * 0.35)), tb = normalize(t - n * (0.18 + strand * 0.35));
    vec3 half_way = normalize(v + l);
    float first = pow(away(ts, half_way), 60.0), second = pow(away(tb, half_way), 14.0);
    float sun = lit(position, n);
    float kajiya = sqrt(away(t, l)) * clamp(0.35 + 0.65 * dot(n, l), 0.0, 1.0);
    float shade = mix(0.25, 1.0, ao) * outside;
    vec3 sky_light = ambient(normalize(n + v * 0.3)) * shade * ao;
    vec3 body = albedo * (sky_light + lamp_colour * kajiya * sun * 0.9);
    vec3 gleam = lamp_colour * sun * (0.05 * first + 0.30 * second * albedo) * gloss * outside;
    vec3 across = normalize(reflect(-v, normalize(n + 0.3 * strand)));
    gleam += mirrored(across, 0.65) * gloss * outside * ao * (0.012 + 0.20 * albedo) * (0.8 + 1.2 * strand);
    colour = vec4(body + gleam, low > 0.2 ? 1.0 : alpha);
}
