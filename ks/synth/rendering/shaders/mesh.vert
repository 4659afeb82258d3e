// One vertex of any mesh: moved on the CPU, looked at by the camera.
in vec3 in_position;   // dm, this frame
in vec3 in_normal;
in vec2 in_uv;
in float in_ao;        // share of the sky that the neutral head leaves free
in vec3 in_rest;       // dm, where the vertex lies on the base mesh: the face's own map
in vec4 in_mask;       // skin: lips, scalp, beard, wet; others: what they need
uniform mat4 view_projection;
uniform float inflate; // dm along the normal: cloth and shells over the skin
uniform float nearer;  // dm towards the camera, for what hides what alone: brows lie on skin that bulges through them
uniform vec3 eye_position;
out vec3 position;
out vec3 normal;
out vec2 uv;
out float ao;
out vec3 rest;
out vec4 mask;
invariant gl_Position;  // a second pass over the same mesh must meet its own depth

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
