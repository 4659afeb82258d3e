// Live: a camera, an address or a recording as it is answered; picture and strips are drawn from the same message.

import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { LiveSession, leftRecording } from "./live_session.js";
import {
  AuName, Badge, Empty, Failure, Icon, Note, Tabs, auText, clock, count, remember, remembered, sharp, two, useColours,
  useKeys, useSize,
} from "./parts.js";
import { ROW, drawPicture, drawStrips } from "./rolling.js";

const KINDS = [
  ["demo", "the bundled clip"],
  ["camera", "a camera"],
  ["address", "an address"],
  ["recording", "a recording"],
];
const WORDS_MS = 150; // numbers change no oftener, or nobody can read them
const WIDE = 560; // CSS pixels of a picture in which names of AUs have room
const LEVELS = ["", "A", "B", "C", "D", "E"];

let session = null; // one per page; goes on in other views while it records
addEventListener("beforeunload", (event) => session?.recording && event.preventDefault());

export function Live({ state, toast }) {
  const [, turn] = useState(0);
  const again = () => turn((n) => n + 1);
  const [chosen, setChosen] = useState(null);
  const start = (source) => {
    session?.stop();
    session = new LiveSession(source);
    session.onChange = again;
    setChosen(null);
    again();
  };
  useEffect(() => {
    if (session) session.onChange = again;
    else if (leftRecording()) start(leftRecording());
    return () => {
      if (!session) return;
      session.onChange = session.onFrame = () => {};
      if (!session.recording) session.stop();
    };
  }, []);
  const open = Boolean(session?.isOpen);
  useKeys("Live", [
    { keys: "R", does: "record results, or stop recording", run: () => open && toggleRecording(false) },
    { keys: "Escape", does: "stop", run: () => open && session.stop() },
  ]);
  const wrote = session?.written.length ? session.written : null;
  return html`<div class="view">
    <header>
      <div><h1>Live</h1><p>See faces answered as they come. Record, and the results lie in the project.</p></div>
    </header>
    <${Source} state=${state} open=${open} start=${start} toast=${toast} />
    <div aria-live="polite" class="stack tight lines">
      ${session?.phase === "opening" && html`<${Note}>Opening the source and the model …<//>`}
      <${Failure} error=${session?.failure} />
      ${wrote && !session.recording && html`<${Note} kind="ok">Written into the project: ${listed(wrote)}<//>`}
    </div>
    ${session && session.phase !== "opening" && session.about.aus.length
      ? html`<${Watching} state=${state} session=${session} chosen=${chosen} setChosen=${setChosen} />`
      : !open &&
        html`<${Empty} icon="live" title="Nothing is running">
          <p>
            Choose a source above and press Start. The bundled clip needs no camera. Pictures stay on this computer,
            and are kept only if you record video.
          </p>
        <//>`}
  </div>`;
}

/** ["recorded/x/a.csv", "recorded/x/b.tsv"] -> "recorded/x: a.csv, b.tsv" */
function listed(files) {
  const folder = files[0].slice(0, files[0].lastIndexOf("/"));
  return `${folder}: ${files.map((file) => file.slice(file.lastIndexOf("/") + 1)).join(", ")}`;
}

function toggleRecording(video) {
  if (session.recording) session.stopRecording();
  else session.record(video);
}

function Source({ state, open, start, toast }) {
  const [kind, setKind] = useState(remembered("live.kind", "demo"));
  const [camera, setCamera] = useState(remembered("live.camera", "0"));
  const [address, setAddress] = useState(""); // not remembered: it may hold a password
  const [id, setId] = useState("");
  const [video, setVideo] = useState(false);
  const recordings = state.recordings.filter((rec) => rec.state !== "gone");
  const of = recordings.some((rec) => rec.id === id) ? id : recordings[0]?.id;
  const submit = (event) => {
    event.preventDefault();
    remember("live.kind", kind);
    remember("live.camera", camera);
    if (kind === "recording" && !of) toast("No recording in this project yet; add one in Recordings", "bad");
    else if (kind === "address" && !/^[a-z]+:\/\//i.test(address.trim()))
      toast("An address begins with rtsp://, http:// or the like; for a file, add it in Recordings", "bad");
    else {
      start({ demo: kind, camera: `camera:${camera}`, address: address.trim(), recording: `recording:${of}` }[kind]);
    }
  };
  return html`<form class="card row bottom source" onSubmit=${submit}>
    <label class="field">
      <span>Source</span>
      <select value=${kind} disabled=${open} onChange=${(event) => setKind(event.target.value)}>
        ${KINDS.map(([one, words]) => html`<option key=${one} value=${one}>${words}</option>`)}
      </select>
    </label>
    ${kind === "camera" &&
    html`<label class="field">
      <span>Number; the first is 0</span>
      <input
        type="number"
        min="0"
        max="63"
        required
        value=${camera}
        disabled=${open}
        onInput=${(event) => setCamera(event.target.value)}
      />
    </label>`}
    ${kind === "address" &&
    html`<label class="field spread">
      <span>Address of a network camera or stream; it is not kept</span>
      <input
        type="text"
        value=${address}
        disabled=${open}
        placeholder="rtsp://user:password@camera.example/stream"
        spellcheck="false"
        autocomplete="off"
        onInput=${(event) => setAddress(event.target.value)}
      />
    </label>`}
    ${kind === "recording" &&
    html`<label class="field spread">
      <span>Recording</span>
      <select value=${of} disabled=${open} onChange=${(event) => setId(event.target.value)}>
        ${recordings.map((rec) => html`<option key=${rec.id} value=${rec.id}>${rec.name}</option>`)}
      </select>
    </label>`}
    ${open
      ? html`<button type="button" class="btn" key="stop" onClick=${() => session.stop()}>
          <${Icon} name="stop" />Stop
        </button>`
      : html`<button type="submit" class="btn primary" key="start"><${Icon} name="play" />Start</button>`}
    <div class="spread"></div>
    ${session?.phase === "running" &&
    html`<label class="check">
        <input
          type="checkbox"
          checked=${video}
          disabled=${Boolean(session.recording)}
          onChange=${(event) => setVideo(event.target.checked)}
        />
        with video
      </label>
      <button
        type="button"
        class="btn danger"
        aria-pressed=${Boolean(session.recording)}
        onClick=${() => toggleRecording(video)}
      >
        <${Icon} name=${session.recording ? "stop" : "record"} />
        ${session.recording ? "Stop recording" : "Record results"}
      </button>`}
  </form>`;
}

/** Which face's strips are shown: the one that was chosen, while it was seen within 20 s, else the first. */
function shownFace(chosen) {
  const ids = [...session.rolling.faces.keys()].sort((a, b) => a - b);
  return { ids, shown: ids.includes(chosen) ? chosen : ids[0] };
}

function Watching({ state, session: it, chosen, setChosen }) {
  const [, turn] = useState(0);
  const colour = useColours();
  const [pictureBox, pictureSize] = useSize();
  const [stripsBox, stripsSize] = useSize();
  const picture = useRef(null);
  const strips = useRef(null);
  const { aus, thresholds } = it.about;
  const draw = () => {
    const { shown } = shownFace(chosen);
    if (it.frame && pictureSize.width) {
      const { width, height } = fitted(it.frame.header, pictureSize.width);
      picture.current.style.width = `${width}px`;
      picture.current.style.height = `${height}px`;
      const pen = sharp(picture.current, width, height);
      drawPicture(pen, width, height, it.frame, aus, shown, (au) => (width < WIDE ? `AU${au}` : auText(state, au)));
    }
    if (stripsSize.width) {
      const pen = sharp(strips.current, stripsSize.width, aus.length * ROW);
      drawStrips(pen, stripsSize.width, it.rolling, shown, thresholds, colour);
    }
  };
  useEffect(() => {
    let told = 0;
    it.onFrame = () => {
      draw();
      if (performance.now() - told < WORDS_MS) return;
      told = performance.now();
      turn((n) => n + 1);
    };
    draw();
  });
  const header = it.frame?.header;
  const { ids, shown } = shownFace(chosen);
  const face = header?.faces.find((one) => one.id === shown);
  return html`<div class="watching">
    <section class="stack" aria-label="Picture">
      <div ref=${pictureBox} class="picture">
        <canvas ref=${picture} role="img" aria-label="Picture with faces"></canvas>
      </div>
      <${Facts} it=${it} header=${header} face=${face} />
    </section>
    <section class="card answers" aria-label="Action units, the last 20 seconds">
      <div class="row">
        ${ids.length > 1
          ? html`<${Tabs}
              label="Faces"
              value=${shown}
              onChange=${setChosen}
              items=${ids.map((id) => ({ id, label: `Face ${id}` }))}
            />`
          : html`<h2>${ids.length ? `Face ${shown}` : "No face in the picture"}</h2>`}
        <div class="spread"></div>
        ${ids.length > 0 && !face && html`<${Badge} icon="wait">out of the picture<//>`}
        ${face?.rejected && html`<${Badge} kind="warn" icon="warn">not answered: ${face.rejected}<//>`}
      </div>
      <div class="strips">
        <div class="strip-names">
          ${aus.map((au) => html`<div key=${au}><${AuName} state=${state} au=${au} /></div>`)}
        </div>
        <div ref=${stripsBox} class="strip-lines">
          <canvas ref=${strips} role="img" aria-label="Probability of each AU over the last 20 seconds"></canvas>
        </div>
        <div class="strip-values">
          ${aus.map((au, u) => html`<${Value} key=${au} au=${au} u=${u} face=${face} />`)}
        </div>
      </div>
      <div class="legend small dim">
        <span><i class="key-line"></i>probability</span>
        <span><i class="key-dots"></i>threshold</span>
        <span><i class="key-present"></i>present</span>
        <span><i class="key-band"></i>how far the model's two views differ</span>
        <span>20 s, now at the right</span>
      </div>
    </section>
  </div>`;
}

function fitted({ width, height }, room) {
  const scale = Math.min(room / width, Math.max(240, 0.66 * innerHeight) / height);
  return { width: Math.floor(width * scale), height: Math.floor(height * scale) };
}

function Value({ au, u, face }) {
  const p = face && !face.rejected ? face.p[u] : null;
  if (p == null) return html`<div class="dim">–</div>`;
  const level = face.intensity?.[u];
  const sides = face.sides?.[au];
  const letter = level == null ? "" : LEVELS[Math.min(5, Math.round(level))];
  return html`<div class=${face.on[u] ? "on" : ""}>
    <span class="number">${two(p)}</span>
    <span class="said">${face.on[u] ? "present" : ""}</span>
    <span class="number" title="Intensity, A to E">${letter && `${letter} ${level.toFixed(1)}`}</span>
    <span class="number dim sides">${sides?.[0] != null && html`L ${two(sides[0])}<br />R ${two(sides[1])}`}</span>
  </div>`;
}

function Facts({ it, header, face }) {
  const { recording, about } = it;
  const degrees = (value) => (value == null ? "–" : `${value > 0 ? "+" : ""}${Math.round(value)}°`);
  const [yaw, pitch, roll] = face?.pose ?? [];
  const seconds = recording && header ? header.time_s - (recording.since_s ?? header.time_s) : 0;
  const facts = [
    ["Rate", header?.fps == null ? "–" : `${header.fps.toFixed(1)} fps`],
    ["Latency", header?.latency_ms == null ? "–" : `${Math.round(header.latency_ms)} ms`],
    ["Dropped", header ? count(header.dropped, "frame") : "–"],
    ["Time", clock(header?.time_s)],
    ["Head", face ? `yaw ${degrees(yaw)}, pitch ${degrees(pitch)}, roll ${degrees(roll)}` : "–"],
    ...(about.source ? [["Source", about.source]] : []),
    ["Model", [about.engine, about.weights].filter(Boolean).join(", ") || "–"],
  ];
  return html`<div class="stack tight">
    ${recording &&
    html`<p><${Badge} kind="bad" icon="record">recording ${clock(Math.max(0, seconds), 0)}<//></p>`}
    <dl class="facts">
      ${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd class="number">${value}</dd></div>`)}
    </dl>
    ${header?.notes?.map((note) => html`<${Note} key=${note} kind="warn">${note}<//>`)}
  </div>`;
}
