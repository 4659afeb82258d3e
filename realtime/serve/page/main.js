// The page: a token, a button, and from then on camera -> stream -> view.

import { Camera } from "./camera.js";
import { Stream } from "./stream.js";
import { Facts, makeRows, show } from "./view.js";

const [form, token, go, status, main] = ["#start", "#token", "#go", "#status", "main"].map((name) =>
  document.querySelector(name),
);
let running = null; // {camera, stream}

const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  token.value = given;
  history.replaceState(null, "", location.pathname + location.search); // it stays in no history
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) stop("");
  else start();
});

async function start() {
  running = {};
  const mine = running;
  go.textContent = "Stop";
  say("Opening the camera …");
  try {
    mine.camera = await Camera.open();
  } catch (error) {
    if (mine === running) stop(camera_error(error), true);
    return;
  }
  if (mine !== running) {
    mine.camera.stop();
    return;
  }
  say("Connecting …");
  const facts = new Facts();
  mine.stream = new Stream(token.value.trim(), {
    ready(about) {
      makeRows(about);
      main.hidden = false;
      say(`Running: ${about.engine.split(":")[0]}`);
    },
    answer(answer, picture, roundMs) {
      show(answer, picture);
      facts.add(answer, roundMs, mine.stream);
    },
    lost(why, final) {
      if (mine !== running) return;
      if (final) stop(why, true);
      else say(why, true);
    },
  });
  mine.camera.run(
    () => mine.stream.wants,
    (jpeg, picture) => mine.stream.send(jpeg, picture),
  );
}

function stop(why, bad = false) {
  running?.stream?.stop();
  running?.camera?.stop();
  running = null;
  go.textContent = "Start";
  say(why, bad);
}

function say(text, bad = false) {
  status.textContent = text;
  status.classList.toggle("bad", bad);
}

function camera_error(error) {
  if (error.name === "NotAllowedError") return "The camera was not allowed. Allow it for this page and press Start.";
  if (error.name === "NotFoundError") return "There is no camera.";
  return error.message;
}
