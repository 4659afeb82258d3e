// Values that parts of the page listen to, and what this browser remembers.

import { useEffect, useState } from "./vendor/preact-htm.js";

export function store(value) {
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      value = typeof next === "function" ? next(value) : next;
      listeners.forEach((listener) => listener(value));
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function useStore(one) {
  const [value, set] = useState(one.get());
  useEffect(() => {
    set(one.get());
    return one.listen(set);
  }, [one]);
  return value;
}

/** Texts by name; null: none. A browser that keeps nothing, or has no room left, remembers until the page is closed. */
function memory(storage) {
  const here = new Map(); // what could not be kept
  return {
    get(key) {
      if (here.has(key)) return here.get(key);
      try {
        return storage().getItem(`ks-studio.${key}`);
      } catch {
        return null;
      }
    },
    set(key, value) {
      here.delete(key);
      try {
        if (value === null) storage().removeItem(`ks-studio.${key}`);
        else storage().setItem(`ks-studio.${key}`, value);
      } catch {
        here.set(key, value);
      }
    },
  };
}

const browser = memory(() => localStorage); // to reach for it throws already where it is blocked
export const tab = memory(() => sessionStorage); // lives through a reload of the page

export const remembered = (key, otherwise = "") => browser.get(key) ?? otherwise;
export const remember = (key, value) => browser.set(key, value);
