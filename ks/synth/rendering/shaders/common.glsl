// Lighting of a point: ambient harmonics, a lamp with its shadow, mirrored sky.
in vec3 position;
in vec3 normal;
in vec2 uv;
in float ao;
in vec3 rest;
in vec4 mask;
out vec4 colour;

uniform vec3 harmonics[9];
uniform vec3 lamp_direction;
uniform vec3 lamp_colour;
uniform sampler2D sky;         // panorama, rougher with each level
uniform sampler2D shadow_map;
uniform mat4 shadow_matrix;
uniform float shadow_radius;   // in texels of the map
uniform vec3 eye_position;     // of the camera
uniform sampler2D noise;
uniform sampler2D picture;

const float PI = 3.14159265;

vec3 linear(vec3 srgb) { return pow(srgb, vec3(2.2)); }

vec3 ambient(vec3 n) {
    return max(harmonics[0] * 0.282095 * 0.16, harmonics[0] * 0.282095  // harmonics ring: never below 16 % of the mean
        + 0.488603 * (harmonics[1] * n.y + harmonics[2] * n.z + harmonics[3] * n.x)
        + 1.092548 * (harmonics[4] * n.x * n.y + harmonics[5] * n.y * n.z + harmonics[7] * n.x * n.z)
        + 0.315392 * harmonics[6] * (3.0 * n.z * n.z - 1.0) + 0.546274 * harmonics[8] * (n.x * n.x - n.y * n.y));
}

vec3 mirrored(vec3 d, float roughness) {
    vec2 at = vec2(atan(d.x, d.z) / (2.0 * PI) + 0.5, acos(clamp(d.y, -1.0, 1.0)) / PI);
    return textureLod(sky, at, roughness * 5.0).rgb;
}

float lit(vec3 p, vec3 n) {  // 1 in the lamp's light, 0 in shadow
    vec4 s = shadow_matrix * vec4(p + n * 0.02, 1.0);
    vec3 at = s.xyz / s.w * 0.5 + 0.5;
    if (any(lessThan(at, vec3(0.0))) || any(greaterThan(at, vec3(1.0)))) return 1.0;
    float turn = textureLod(noise, gl_FragCoord.xy / 256.0, 0.0).r * 6.2832;
    mat2 spin = mat2(cos(turn), sin(turn), -sin(turn), cos(turn)) * shadow_radius / float(textureSize(shadow_map, 0).x);
    float free = 0.0;
    for (int i = 0; i < TAPS; i++) {
        float r = sqrt((float(i) + 0.5) / float(TAPS)), a = 2.39996 * float(i);
        free += step(at.z - 0.002, textureLod(shadow_map, at.xy + spin * (r * vec2(cos(a), sin(a))), 0.0).r);
    }
    return free / float(TAPS);
}

vec3 bumped(vec3 n, float height) {  // bump mapping (Mikkelsen 2010); height in dm
    vec3 dx = dFdx(position), dy = dFdy(position);
    vec3 r1 = cross(dy, n), r2 = cross(n, dx);
    float det = dot(dx, r1);
    vec3 slope = sign(det) * (dFdx(height) * r1 + dFdy(height) * r2);
    return normalize(abs(det) * n - slope);
}

float ggx(vec3 n, vec3 v, vec3 l, float roughness) {  // without Fresnel, multiplied by n.l
    vec3 h = normalize(v + l);
    float a = roughness * roughness, a2 = a * a;
    float nh = max(dot(n, h), 0.0), nl = max(dot(n, l), 0.0), nv = max(dot(n, v), 0.05);
    float d = nh * nh * (a2 - 1.0) + 1.0;
    float k = a * 0.5;
    return a2 / (PI * d * d) * nl / (4.0 * (nv * (1.0 - k) + k) * (nl * (1.0 - k) + k)) * PI;
}

float fresnel(float cosine, float f0) { return f0 + (1.0 - f0) * pow(clamp(1.0 - cosine, 0.0, 1.0), 5.0); }
