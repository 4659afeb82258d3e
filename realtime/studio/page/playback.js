// Playing a recording: by the browser's video where it can, else by stills; the frame is what is true, not the video.

import { useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { frameAt } from "./timeline.js";

/** {playing, video, toggle, stop, rate, setRate, byStills}; video is what to draw while it plays. */
export function usePlayback(recording, times, frame, setFrame) {
  const [playing, setPlaying] = useState(false);
  const [byStills, setByStills] = useState(false);
  const [rate, setRate] = useState(1);
  const now = useRef({});
  Object.assign(now.current, { frame, times, setFrame, rate });
  const video = useVideo(recording, setByStills);

  useEffect(() => setPlaying(false), [recording]);
  useEffect(() => {
    if (!playing || !times?.length) return undefined;
    const end = () => setPlaying(false);
    const fail = () => setByStills(true);
    return byStills ? playStills(now.current, end) : playVideo(video(), now.current, end, fail);
  }, [playing, byStills, rate, recording]);

  const stop = () => setPlaying(false);
  const toggle = () => {
    if (!playing && frame >= times.length - 1) setFrame(0);
    setPlaying(!playing);
  };
  return { playing, toggle, stop, rate, setRate, byStills, video: playing && !byStills ? video() : null };
}

function useVideo(recording, setByStills) {
  const held = useRef(null);
  const drop = () => {
    held.current?.removeAttribute("src");
    held.current?.load();
    held.current = null;
  };
  useEffect(() => {
    setByStills(false);
    return drop;
  }, [recording]);
  return () => {
    if (held.current) return held.current;
    const made = document.createElement("video");
    Object.assign(made, { muted: true, playsInline: true, preload: "auto" });
    made.src = `/api/recordings/${recording}/video`;
    held.current = made;
    return made;
  };
}

function playVideo(video, now, end, fail) {
  let gone = false;
  let handle = 0;
  const show = (_, { mediaTime }) => {
    if (gone) return;
    now.setFrame(frameAt(now.times, mediaTime));
    handle = video.requestVideoFrameCallback(show);
  };
  const failed = () => !gone && fail();
  const start = async () => {
    video.playbackRate = now.rate;
    video.currentTime = Math.max(now.times[now.frame], 0) + 0.001;
    handle = video.requestVideoFrameCallback(show);
    await video.play();
  };
  video.addEventListener("ended", end);
  video.addEventListener("error", failed);
  start().catch(failed);
  return () => {
    gone = true;
    video.cancelVideoFrameCallback(handle);
    video.removeEventListener("ended", end);
    video.removeEventListener("error", failed);
    video.pause();
  };
}

function playStills(now, end) {
  const began = performance.now();
  const from = now.times[now.frame];
  let handle = 0;
  const step = () => {
    const seconds = from + ((performance.now() - began) / 1000) * now.rate;
    const next = frameAt(now.times, seconds);
    if (next !== now.frame) now.setFrame(next);
    if (next >= now.times.length - 1) end();
    else handle = requestAnimationFrame(step);
  };
  handle = requestAnimationFrame(step);
  return () => cancelAnimationFrame(handle);
}
