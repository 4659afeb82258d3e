// Skin folds as a height in dm over the resting face (x: person's left, y: up). motion/pose.py gives their strength.
uniform vec2 fold_inner_brow;   // x: left of the face, y: right
uniform vec2 fold_outer_brow;
uniform vec2 fold_frown;
uniform vec2 fold_nose_root;
uniform vec2 fold_crow;
uniform vec2 fold_lower_lid;
uniform vec2 fold_nasolabial;
uniform vec2 fold_dimple;
uniform vec2 fold_mouth_corner; // below the corners
uniform float fold_chin;
uniform float fold_lip_lines;
uniform vec4 fold_person;       // phase, spacing, wobble, width: differ from person to person

float bell(float x, float width) { x /= width; return exp(-x * x); }

float crease(float d, float width) {  // a valley with soft banks
    return -bell(d, width) + 0.45 * bell(abs(d) - 2.2 * width, 1.4 * width);
}

float folds(vec3 p, float lod, out float valley) {
    float side = smoothstep(-0.08, 0.08, p.x);
    #define DRIVE(f) mix(f.y, f.x, side)
    float x = abs(p.x), front = smoothstep(0.3, 0.9, p.z), w = fold_person.w;
    vec4 n = textureLod(noise, p.xy * 0.8 + fold_person.x, 4.5);
    float wobble = (n.r - 0.5) * 2.0 * fold_person.z;
    float h = 0.0;

    // forehead: lines that rise a little over each brow and break
    float t = (p.y - 7.66 - 0.05 * cos(p.x * 6.0) + wobble * 0.10) / fold_person.y + fold_person.x;
    float line = crease((fract(t) - 0.5) * fold_person.y, 0.013 * w) * (0.35 + 1.2 * textureLod(noise, vec2(p.x * 0.9, floor(t) * 0.37), 4.0).g);
    float rows = smoothstep(7.56, 7.64, p.y) * (1.0 - smoothstep(7.88, 8.02, p.y));
    float across = DRIVE(fold_inner_brow) * bell(x, 0.26) + DRIVE(fold_outer_brow) * bell(x - 0.34, 0.19);
    h += line * rows * min(across, 1.2);

    // between the brows: two furrows and a bulge
    float lean = x - 0.062 - 0.10 * (p.y - 7.45) - wobble * 0.02;
    h += DRIVE(fold_frown) * (crease(lean, 0.017 * w) * 1.25 * bell(p.y - 7.455, 0.105)
        + 0.5 * crease(p.y - 7.335, 0.016) * bell(x, 0.06));

    // root of the nose: lines across, and slanting ones on its sides
    float root = crease((fract((p.y + 0.35 * x - 7.20) / 0.052) - 0.5) * 0.052, 0.010);
    h += DRIVE(fold_nose_root) * root * (bell(p.y - 7.29, 0.07) * bell(x, 0.085) + 0.75 * bell(p.y - 7.12, 0.085) * bell(x - 0.115, 0.045));

    // outer corner of the eye: rays
    vec2 q = vec2(x - 0.40, p.y - 7.275);
    float r = length(q), angle = atan(q.y, q.x), step_angle = 0.36;
    float ray = crease((fract(angle / step_angle + 0.5 + wobble * 0.4) - 0.5) * step_angle * r, 0.0115 * w);
    h += DRIVE(fold_crow) * 0.7 * ray * smoothstep(0.085, 0.13, r) * (1.0 - smoothstep(0.13, 0.25, r)) * (1.0 - smoothstep(0.45, 0.85, abs(angle + 0.1)));

    // under the eye: the lid's lower border
    vec2 e = vec2((x - 0.31) / 0.185, (p.y - 7.285) / 0.125);
    float below = length(e) - 1.0;
    h += DRIVE(fold_lower_lid) * crease(below * 0.125, 0.014) * (1.0 - smoothstep(-0.35, 0.1, p.y - 7.285 + 0.12)) * (1.0 - smoothstep(0.8, 1.2, abs(e.x)))
        * (1.0 - step(7.25, p.y)) * 0.8;

    // from the wing of the nose to beside the mouth
    float s = clamp((p.y - 6.58) / 0.36, -0.3, 1.2);
    float fold = x - mix(0.365, 0.180, s) - 0.020 * sin(s * PI);
    h += DRIVE(fold_nasolabial) * (-bell(fold, 0.026) + 0.65 * bell(fold - 0.060, 0.045)) * 1.05 * smoothstep(-0.12, 0.30, s) * (1.0 - smoothstep(0.95, 1.12, s));

    // beside and below the corners of the mouth
    h += DRIVE(fold_dimple) * (-bell(length(vec2(x - 0.375, (p.y - 6.605) * 0.42)), 0.030) * 1.9 + 0.5 * bell(x - 0.43, 0.035) * bell(p.y - 6.60, 0.09));
    float down = x - 0.315 - 0.22 * (6.55 - p.y);
    h += DRIVE(fold_mouth_corner) * crease(down, 0.018) * 1.2 * bell(p.y - 6.485, 0.075);

    // chin: pebbles and the groove under the lip
    float pebbles = textureLod(noise, p.xy * 2.1, lod + 1.07).b + 0.6 * textureLod(noise, p.xy * 4.4, lod + 2.14).g - 0.8;
    h += fold_chin * bell(x, 0.17) * (pebbles * 1.5 * bell(p.y - 6.31, 0.085) + crease(p.y - 6.445 - 0.25 * x * x, 0.020));

    // lips drawn together: fine lines across them
    float mouth = bell(p.y - 6.69, 0.055) + 0.6 * bell(p.y - 6.51, 0.05);
    h += fold_lip_lines * 0.28 * sin(p.x * 95.0 + wobble * 5.0) * mouth * bell(x, 0.20);

    valley = clamp(-h, 0.0, 1.5) * front;
    return h * front * 0.0095;
}
