// Linear light -> picture: exposure, highlight roll-off, sRGB, mean over the samples of a pixel.
in vec2 at;
out vec4 colour;
uniform sampler2D scene;
uniform float exposure;
uniform int samples;       // per side

vec3 film(vec3 x) {        // linear in the middle, rolled off above
    x *= exposure;
    x = max(x, vec3(0.0));
    vec3 y = x * (1.0 + x * 0.04) / (1.0 + 0.62 * x);
    y = clamp(pow(y, vec3(1.0 / 2.2)), 0.0, 1.0);
    y = mix(y, y * y * (3.0 - 2.0 * y), 0.30);
    return clamp(mix(vec3(dot(y, vec3(0.299, 0.587, 0.114))), y, 1.14), 0.0, 1.0);
}

void main() {
    ivec2 first = ivec2(gl_FragCoord.xy) * samples;
    vec3 sum = vec3(0.0);
    for (int y = 0; y < samples; y++)
        for (int x = 0; x < samples; x++) sum += film(texelFetch(scene, first + ivec2(x, y), 0).rgb);
    colour = vec4(sum / float(samples * samples), 1.0);
}
