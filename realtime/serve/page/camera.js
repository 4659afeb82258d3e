// The webcam: its newest picture as a JPEG, and as what is shown.

const WIDE_PX = 640;
const QUALITY = 0.85;
const EVERY_MS = 1000 / 15;

export class Camera {
  static async open() {
    if (!navigator.mediaDevices) {
      throw new Error("A browser shows the camera to encrypted pages and to this machine's own alone.");
    }
    const source = await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: WIDE_PX }, height: { ideal: 480 }, facingMode: "user" },
      audio: false,
    });
    const video = document.createElement("video");
    Object.assign(video, { srcObject: source, muted: true, playsInline: true });
    await video.play();
    return new Camera(source, video);
  }

  constructor(source, video) {
    this.source = source;
    this.video = video;
  }

  /** Takes pictures, 15 a second at most, while wants() says so. taken(jpeg, picture). */
  run(wants, taken) {
    let last = -Infinity;
    const step = async () => {
      if (this.stopped) return;
      const now = performance.now();
      if (now - last >= EVERY_MS - 4 && wants()) { // a screen's beat is 4 to 17 ms
        last = now;
        const picture = this.picture();
        const blob = await new Promise((done) => picture.toBlob(done, "image/jpeg", QUALITY));
        if (blob && !this.stopped) taken(await blob.arrayBuffer(), picture);
      }
      this.timer = setTimeout(step, 5);
    };
    step();
  }

  picture() {
    const made = document.createElement("canvas");
    const shrunk = Math.min(1, WIDE_PX / this.video.videoWidth);
    made.width = Math.round(shrunk * this.video.videoWidth);
    made.height = Math.round(shrunk * this.video.videoHeight);
    made.getContext("2d").drawImage(this.video, 0, 0, made.width, made.height);
    return made;
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    for (const track of this.source.getTracks()) track.stop();
  }
}
