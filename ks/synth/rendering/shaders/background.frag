// The background: a picture out of focus.
in vec2 at;
out vec4 colour;
uniform sampler2D picture;
uniform float gain;

void main() {
    colour = vec4(pow(texture(picture, vec2(at.x, 1.0 - at.y)).rgb, vec3(2.2)) * gain, 1.0);
}
