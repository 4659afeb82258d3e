// Speaks to the server: requests whose errors are one line to show, and the studio's state, asked for each second.

import { remembered, store } from "./store.js";

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
    this.lost = status === 401 || message === GONE; // the whole page says so, once
  }
}

const GONE =
  "The studio does not answer. Is ks-studio still running in its terminal? Start it again and open its address.";

async function answer(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(GONE, 0);
  }
  if (!response.ok) throw await failure(response);
  return response;
}

async function failure(response) {
  let line = "";
  try {
    line = (await response.json()).error;
  } catch {
    line = "";
  }
  return new ApiError(line || `The studio answered ${response.status}; its terminal says more`, response.status);
}

async function asJson(response) {
  const text = await response.text();
  return text ? JSON.parse(text) : {};
}

export const get = async (path, options) => asJson(await answer(path, options));
export const remove = async (path) => asJson(await answer(path, { method: "DELETE" }));
export const bytes = async (path, options) => (await answer(path, options)).arrayBuffer();
export const blob = async (path, options) => (await answer(path, options)).blob();

export async function post(path, body = {}) {
  const headers = { "content-type": "application/json" };
  return asJson(await answer(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** Sends a picked file as it is. progress: called with a share from 0 to 1. signal: an AbortSignal. */
export function upload(path, file, progress = () => {}, signal = null) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      let found = {};
      try {
        found = JSON.parse(request.responseText || "{}");
      } catch {
        found = {};
      }
      if (request.status < 400) resolve(found);
      else reject(new ApiError(found.error || `The studio answered ${request.status}`, request.status));
    };
    request.onerror = () => reject(new ApiError(GONE, 0));
    request.onabort = () => reject(new ApiError(`${file.name}: copying was stopped`, 0));
    signal?.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

export function socket(path) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const made = new WebSocket(url);
  made.binaryType = "arraybuffer";
  return made;
}

export const query = (values) => new URLSearchParams(Object.entries(values).filter(([, v]) => v != null)).toString();

// The state. One request at a time; listeners hear of it only when it has changed.
const listeners = new Set();
let last = { state: null, error: null };
let lastText = "";
let timer = 0;
export const away = store(false); // whether the last question was not answered, and the shell says why
let asking = null;

const EVERY_MS = 1000;
const UNSEEN_MS = 5000; // while the page lies behind another one

function tell(next) {
  last = next;
  away.set(next.error !== null);
  listeners.forEach((listener) => listener(last));
}

async function ask() {
  try {
    const text = await (await answer(`/api/state?${query({ coder: remembered("coder") })}`)).text();
    if (text !== lastText || last.error) tell({ state: JSON.parse(text), error: null });
    lastText = text;
  } catch (error) {
    if (last.error?.message !== error.message) tell({ state: last.state, error });
  }
}

function later() {
  clearTimeout(timer);
  if (listeners.size) timer = setTimeout(refresh, document.hidden ? UNSEEN_MS : EVERY_MS);
}

/** Asks now; after something was changed, so that the page shows it at once. */
export async function refresh() {
  clearTimeout(timer);
  const mine = (asking ?? Promise.resolve()).then(ask);
  asking = mine;
  await mine;
  if (asking !== mine) return;
  asking = null;
  later();
}

/** Calls the listener with {state, error}; returns how to stop. */
export function subscribe(listener) {
  listeners.add(listener);
  listener(last);
  refresh();
  return () => listeners.delete(listener);
}

document.addEventListener("visibilitychange", () => !document.hidden && listeners.size && refresh());

export const api = { get, post, remove, bytes, blob, upload, socket, query, refresh };
