// The stage: one picture on a canvas with its faces, whole or close to one face.

import { html, useLayoutEffect, useRef } from "./vendor/preact-htm.js";
import { sharp, useColours, useSize } from "./parts.js";

const AROUND = 0.45; // of a face's box, shown beside it when close

/** The part of a picture around a box, within it: [x, y, width, height]; aspect is width / height of the place. */
export function closeTo(box, width, height, aspect) {
  const [x0, y0, x1, y1] = box;
  let h = (y1 - y0) * (1 + 2 * AROUND);
  let w = (x1 - x0) * (1 + 2 * AROUND);
  if (w / h < aspect) w = h * aspect;
  else h = w / aspect;
  [w, h] = [Math.min(w, width), Math.min(h, height)];
  const x = Math.min(Math.max((x0 + x1) / 2 - w / 2, 0), width - w);
  const y = Math.min(Math.max((y0 + y1) / 2 - h / 2, 0), height - h);
  return [x, y, w, h];
}

const sizeOf = (picture) => [picture.videoWidth || picture.width, picture.videoHeight || picture.height];

/** Draws the part of a picture into width x height, whole and in the middle; returns how picture maps to canvas. */
export function place(pen, picture, part, width, height) {
  const [x, y, w, h] = part;
  const scale = Math.min(width / w, height / h);
  const [left, top] = [(width - w * scale) / 2, (height - h * scale) / 2];
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, x, y, w, h, left, top, w * scale, h * scale);
  return { scale, left: left - x * scale, top: top - y * scale };
}

/**
 * picture: an ImageBitmap or a video. faces: [{id, box, pose}]. chosen: the id of the face that is worked on.
 * close: a box to show instead of the whole picture. onFace(id): a face was clicked.
 */
export function Stage({ picture, tick, faces = [], chosen, close = null, label, onFace, children }) {
  const [ref, { width, height }] = useSize();
  const canvas = useRef(null);
  const map = useRef(null);
  const ink = useColours();
  useLayoutEffect(() => {
    if (!width || !height) return;
    const pen = sharp(canvas.current, width, height);
    map.current = null;
    const [w, h] = picture ? sizeOf(picture) : [0, 0];
    if (!w) return;
    const part = close ? closeTo(close, w, h, width / height) : [0, 0, w, h];
    map.current = place(pen, picture, part, width, height);
    faces.forEach((face) => face.box && drawFace(pen, face, map.current, face.id === chosen, faces.length > 1, ink));
  }, [picture, tick, width, height, faces, chosen, close, ink]);
  const onClick = (event) => {
    if (!onFace || !map.current) return;
    const { scale, left, top } = map.current;
    const [x, y] = [(event.offsetX - left) / scale, (event.offsetY - top) / scale];
    const hit = faces.find(({ box }) => box && x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]);
    if (hit) onFace(hit.id);
  };
  return html`<div class="stage" ref=${ref}>
    <canvas
      ref=${canvas}
      role="img"
      aria-label=${label}
      style=${{ width: `${width}px`, height: `${height}px` }}
      onClick=${onClick}
    />
    ${children}
  </div>`;
}

function drawFace(pen, { id, box, pose }, { scale, left, top }, chosen, several, ink) {
  const [x0, y0, x1, y1] = [box[0] * scale + left, box[1] * scale + top, box[2] * scale + left, box[3] * scale + top];
  const outline = (width, style) => {
    pen.lineWidth = width;
    pen.strokeStyle = style;
    pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
  };
  pen.setLineDash(chosen ? [] : [5, 4]);
  outline(chosen ? 4 : 3, "#000a"); // dark below, so that it shows on any picture
  outline(chosen ? 2 : 1.5, chosen ? "#fff" : "#ddd");
  pen.setLineDash([]);
  const words = [several ? `face ${id}${chosen ? ", chosen" : ""}` : `face ${id}`];
  if (pose) words.push(`yaw ${turn(pose[0])} pitch ${turn(pose[1])} roll ${turn(pose[2])}`);
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "top";
  words.forEach((line, i) => tag(pen, line, x0, y1 + 2 + i * 17, ink));
  if (pose) drawPose(pen, (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) * 0.35, pose);
}

const turn = (degrees) => `${Math.round(degrees) > 0 ? "+" : ""}${Math.round(degrees) || 0}°`;

function tag(pen, text, x, y, ink) {
  const { width } = pen.measureText(text);
  const bottom = pen.canvas.height / (window.devicePixelRatio || 1) - 18;
  const at = Math.min(y, bottom);
  pen.fillStyle = ink.surface;
  pen.globalAlpha = 0.85;
  pen.fillRect(x, at, width + 8, 16);
  pen.globalAlpha = 1;
  pen.fillStyle = ink.ink;
  pen.fillText(text, x + 4, at + 2);
}

/** Where the nose points to, and the head's upright. */
function drawPose(pen, x, y, length, pose) {
  const [yaw, pitch, roll] = pose.map((degrees) => (degrees * Math.PI) / 180);
  const ahead = [x + length * Math.sin(yaw), y - length * Math.sin(pitch)];
  const up = [x + length * 0.6 * Math.sin(roll), y - length * 0.6 * Math.cos(roll) * Math.cos(pitch)];
  for (const [width, style] of [
    [4, "#000a"],
    [2, "#fff"],
  ]) {
    pen.lineWidth = width;
    pen.strokeStyle = style;
    pen.beginPath();
    pen.moveTo(...up);
    pen.lineTo(x, y);
    pen.lineTo(...ahead);
    pen.stroke();
    pen.beginPath();
    pen.arc(...ahead, 3, 0, 7);
    pen.stroke();
  }
}
