// Skin: two layers of gloss, subsurface scattering, folds, pores, stubble, hair roots.
uniform vec3 tint;
uniform float vivid;           // saturation of the texture: 1 as painted, 0 grey
uniform float roughness;
uniform float oil;             // how glossy
uniform vec3 stubble_colour;
uniform float stubble;         // 0 to 1
uniform vec3 root_colour;
uniform float roots;           // how densely hair roots are painted on the scalp
uniform float lip_tint;
uniform float freckles;
uniform float blush;           // of cheeks and nose

void main() {
    vec3 v = normalize(eye_position - position), n = normalize(normal);
    float valley = 0.0, h = 0.0;
    float lod = log2(max(length(dFdx(rest.xy)), length(dFdy(rest.xy))) * 256.0);  // of the noise at one tile per dm
    if (rest.z > 0.3 && rest.y > 6.1 && abs(rest.x) < 0.75) h = folds(rest, lod, valley);
    vec3 texel = linear(texture(picture, uv).rgb);
    vec4 fine = texture(noise, rest.xy * 3.1 + rest.z), coarse = texture(noise, rest.xy * 0.7 + 0.3 * rest.z);
    float grain = dot(texture(picture, uv).rgb, vec3(0.33)), soft = dot(textureLod(picture, uv, 3.5).rgb, vec3(0.33));
    h += (grain - soft) * 0.010 + (fine.r - 0.5) * 0.0011 + (texture(noise, rest.xy * 9.0).g - 0.5) * 0.0006;

    vec3 albedo = mix(vec3(dot(texel, vec3(1.0 / 3.0))), texel, vivid) * tint;
    albedo *= 1.0 + (coarse.r - 0.5) * vec3(0.05, 0.13, 0.12) + (coarse.g - 0.5) * 0.06;
    float cheek = bell(abs(rest.x) - 0.42, 0.2) * bell(rest.y - 6.95, 0.2) + 0.7 * bell(rest.x, 0.14) * bell(rest.y - 6.92, 0.12);
    albedo *= mix(vec3(1.0), vec3(1.04, 0.86, 0.86), blush * cheek * smoothstep(0.5, 1.0, rest.z));
    float spots = smoothstep(0.58, 0.70, texture(noise, rest.xy * 5.3 + 0.5).b) * smoothstep(0.35, 0.6, coarse.g);
    albedo *= mix(vec3(1.0), vec3(0.62, 0.48, 0.38), freckles * spots * cheek);
    albedo *= mix(vec3(1.0), vec3(1.06, 0.78, 0.80), lip_tint * mask.x);
    albedo *= 1.0 - vec3(0.18, 0.30, 0.30) * min(valley, 1.0);
    float hairs = texture(noise, rest.xy * vec2(5.5, 4.5) + rest.z * 0.7).r;
    float beard = clamp(mask.z * stubble * (0.65 + 0.6 * hairs), 0.0, 1.0);
    albedo = mix(albedo, stubble_colour, beard * 0.85);
    float strands = texture(noise, vec2(atan(rest.x, rest.z) * 5.0, rest.y * 2.2)).g;
    float scalp = smoothstep(0.35, 0.75, mask.y + 0.35 * (strands - 0.5)) * roots;
    albedo = mix(albedo, root_colour * (0.6 + 0.6 * strands), scalp);
    h += beard * hairs * 0.003;

    vec3 nb = bumped(n, h);
    vec3 l = lamp_direction;
    float sun = lit(position, n);
    // subsurface scattering: red travels farthest, so its normal is the smoothest and its shadow edge the softest
    vec3 wrap = vec3(0.36, 0.16, 0.10);
    vec3 cosine = vec3(dot(normalize(mix(n, nb, 0.45)), l), dot(normalize(mix(n, nb, 0.75)), l), dot(nb, l));
    vec3 diffuse = clamp((cosine + wrap) / ((1.0 + wrap) * (1.0 + wrap)), 0.0, 1.0);
    vec3 shadow = vec3(mix(sun, sqrt(sun), 0.28), mix(sun, sqrt(sun), 0.06), sun);
    vec3 occluded = pow(vec3(ao), vec3(0.75, 1.0, 1.08));
    vec3 sky_light = mix(ambient(n), ambient(nb), vec3(0.5, 0.8, 1.0)) * occluded * (1.0 - 0.45 * min(valley, 1.0));
    vec3 body = albedo * (sky_light + lamp_colour * diffuse * shadow);

    float wet = max(mask.x * 0.7, mask.w);
    float rough = clamp(mix(roughness + 0.16 * (coarse.a - 0.5) + 0.14 * (fine.g - 0.5), 0.30, wet), 0.22, 0.9);
    rough = mix(rough, 0.85, max(scalp, beard));
    float zone = 0.75 + 0.5 * bell(rest.x, 0.16) * smoothstep(6.75, 6.95, rest.y);
    float gloss = oil * zone * mix(1.0, 0.35, max(scalp, beard)) * (1.0 - 0.6 * min(valley, 1.0));
    float f = 0.028 + (max(1.0 - rough, 0.028) - 0.028) * 0.7 * pow(clamp(1.0 - dot(nb, v), 0.0, 1.0), 5.0);
    float hidden = clamp(pow(ao + max(dot(nb, v), 0.0), 1.0 + 1.5 * rough) - 1.0 + ao, 0.0, 1.0);
    vec3 gleam = mirrored(reflect(-v, nb), rough) * f * hidden;
    vec3 half_way = normalize(v + l);
    float spark = 0.75 * ggx(nb, v, l, rough) + 0.35 * ggx(nb, v, l, min(rough * 1.7, 1.0));
    gleam += lamp_colour * spark * fresnel(max(dot(half_way, v), 0.0), 0.028) * sun * mix(0.4, 1.0, ao);
    colour = vec4(body + gleam * gloss, 1.0);
}
