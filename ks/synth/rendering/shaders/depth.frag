// Depth only, for shadows and ambient occlusion. Hair cards let light through where they are thin.
in vec2 uv;
uniform sampler2D picture;
uniform float low;
out vec4 colour;

void main() {
    if (low > 0.0 && texture(picture, uv).a < low) discard;
    colour = vec4(1.0);
}
