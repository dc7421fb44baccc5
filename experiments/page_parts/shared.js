"use strict";
// What several pages need: colours, elements, and numbers that were packed.

/** Colours that are distinct with every common kind of colour blindness (Okabe & Ito 2008), each with a shape. */
const COLOURS = ["var(--first)", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "var(--ink)"];

/** From small to large numbers; they differ in lightness, too. */
const RAMP = ["#440154", "#3b528b", "#21918c", "#5ec962", "#d8c526"];

/** Return the value of a colour that may be a variable of the style sheet. */
function colourOf(name) {
  const variable = /^var\((.*)\)$/.exec(name);
  return variable ? getComputedStyle(document.documentElement).getPropertyValue(variable[1]).trim() : name;
}

/** Return the red, green and blue of a colour in hexadecimal. */
function channels(colour) {
  return [1, 3, 5].map((place) => Number.parseInt(colour.slice(place, place + 2), 16));
}

/** Return a mixture of two colours, each as red, green and blue. */
function mixed(first, second, share) {
  return `rgb(${first.map((channel, i) => Math.round(channel + share * (second[i] - channel))).join(" ")})`;
}

/** Return a colour for a share of the largest number. */
function ramp(share) {
  const place = Math.max(0, Math.min(0.9999, share)) * (RAMP.length - 1);
  const below = Math.floor(place);
  return mixed(channels(RAMP[below]), channels(RAMP[below + 1]), place - below);
}

/** Return an element by its id. */
function element(id) {
  return document.getElementById(id);
}

/** Return a new element of a kind with a text and a class. */
function made(kind, text = "", name = "") {
  const node = document.createElement(kind);
  node.textContent = text;
  if (name) node.className = name;
  return node;
}

/** Return a number with a noun. */
function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** Return the bytes of base64. */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Return the numbers of float32 in base64. */
function numbersOf(text) {
  return Float64Array.from(new Float32Array(bytesOf(text).buffer));
}
