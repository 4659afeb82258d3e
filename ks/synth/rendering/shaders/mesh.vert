// One vertex of any mesh. The CPU has moved it; this projects it.
in vec3 in_position;   // dm, this frame
in vec3 in_normal;
in vec2 in_uv;
in float in_ao;        // ambient occlusion: share of the sky that is free over the neutral head
in vec3 in_rest;       // dm, position on the resting base mesh: coordinates for patterns on the face
in vec4 in_mask;       // skin: lips, scalp, beard, wet; hair, brows, lashes: direction of the strands
uniform mat4 view_projection;
uniform float inflate; // dm along the normal, for cloth and fur
uniform float nearer;  // dm towards the camera, in depth only: keeps brows visible where skin bulges through them
uniform vec3 eye_position;
out vec3 position;
out vec3 normal;
out vec2 uv;
out float ao;
out vec3 rest;
out vec4 mask;
invariant gl_Position;  // a second pass must give the same depth

void main() {
    position = in_position + in_normal * inflate;
    normal = in_normal;
    uv = in_uv;
    ao = in_ao;
    rest = in_rest;
    mask = in_mask;
    gl_Position = view_projection * vec4(position, 1.0);
    if (nearer != 0.0) {
        vec4 before = view_projection * vec4(position + nearer * normalize(eye_position - position), 1.0);
        gl_Position.z = before.z / before.w * gl_Position.w;
    }
}
