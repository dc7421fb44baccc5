// The page: what is pressed, typed and shown.

const MOST_CHARACTERS = 2000;
const MOST_KEYS = 40;
const MOST_CHANGES = 200;
const PAUSE = 140;

/** What was shown before each of the last changes of the text, or of the units that are off. */
const past = [];

/** Remember what is shown, before it is changed; all that the net writes until it pauses is one change. */
function remember() {
  if (now.timer) return;
  past.push({ ...now, off: new Set(now.off) });
  if (past.length > MOST_CHANGES) past.shift();
}

/** Take back the last change. The units of a net that is no longer shown stay as they are. */
function undo() {
  stop();
  const before = past.pop();
  if (!before) return;
  if (before.net === now.net) now.off = before.off;
  setCharacters(before.characters, before.selected);
  showText();
}

/** Show in the field for text what is on the tape. */
function showText() {
  element("text").value = now.characters.join("");
}

/** Set the characters as a change that can be taken back. */
function write(characters, selected) {
  remember();
  setCharacters(characters, selected);
}

/** Set the characters, those of strings with the mark before them, and the moment that is selected. */
function setCharacters(characters, selected) {
  const marked = mark && characters[0] !== mark ? [mark, ...characters] : characters;
  now.characters = marked.slice(0, MOST_CHARACTERS);
  now.selected = Math.max(0, Math.min(selected, now.characters.length - 1));
  show();
}

/** Write a character after the selected moment, in place of what came after it. */
function writeOn(character) {
  const kept = now.characters.slice(0, now.selected + 1);
  write([...kept, character], kept.length);
  showText();
}

/** Let the net write one character. */
function writeFree() {
  if (now.selected + 1 >= MOST_CHARACTERS) {
    stop();
    say("status", `The page holds ${MOST_CHARACTERS} characters; go back, or clear the text.`);
    return;
  }
  const { reading } = open(now.net);
  if (!now.characters.length) return writeOn(mark || alphabet[0]);
  reading.moments.length = now.selected + 1;
  if (reading.moments[now.selected].guess === undefined) return stop(); // it has read nothing that it knows
  writeOn(outputs[reading.draw(Number(element("temperature").value))]);
}

function stop() {
  clearInterval(now.timer);
  now.timer = 0;
  say("play", "Let it write");
  element("status").setAttribute("aria-live", "polite");
}

function play() {
  if (now.timer) return stop();
  remember();
  element("status").setAttribute("aria-live", "off");
  say("play", "Pause");
  now.timer = setInterval(writeFree, PAUSE);
}

/** Show everything anew. */
function show() {
  const shown = open(now.net);
  readAll();
  const { reading, about } = shown;
  if (about.recorded) now.selected = Math.min(now.selected, reading.moments.length - 1);
  const verdicts = reading.moments.map((_, t) => reading.verdict(t));
  const wholeVerdicts = now.off.size ? shown.whole.moments.map((_, t) => shown.whole.verdict(t)) : verdicts;
  const changed = reading.moments.map((moment, t) => now.off.size > 0 && moment.guess !== shown.whole.moments[t].guess);
  const view = viewOf(now.net, now.layer);
  const count = countOf(shown);
  const drawn = about.recorded ? reading.moments[0].units.length : now.part ? Math.min(count, MOST_NUMBERS) : count;
  say("cut", drawn < count ? `${now.part ? "" : "rows: "}the first ${drawn} of ${count.toLocaleString("en")} numbers` : "");
  tape.show({
    reading,
    selected: now.selected,
    verdicts,
    changed,
    count: drawn,
    rowAt: (t) => rowOf(about, reading.moments[t], now.layer),
    name: (row) => nameOf(about, row),
    scale: scaleOf(shown),
    unit: now.part ? -1 : now.unit,
    kept: (unit) => now.part || !now.off.has(now.layer * about.hidden + unit),
  });
  element("undo").disabled = !past.length;
  showMoment(shown, verdicts);
  showUnits(verdicts, wholeVerdicts, changed);
  showPath(shown, view);
  showAutomaton(shown);
}

/** Show what is the same for all nets of the page, and listen. */
function begin() {
  say("sentence", told.pattern.sentence.replaceAll("`", ""));
  const tries = [
    "type below",
    ...(told.pattern.next ? ["let it write"] : []),
    "click a moment of the tape, and go on from there",
    "double-click a unit’s name to switch it off",
    "drag the path to turn it",
  ];
  element("tries").replaceChildren(...tries.map((text) => made("li", text)));
  element("free").hidden = !told.pattern.next;
  say("expects", told.pattern.next ? "What it expects next" : "What it says");
  const verdicts = patternOracle.table
    ? `blue: right${told.pattern.next ? " (one can come: it is the likeliest; several: no other has over 1 %)" : ""} · white on red: wrong · grey: not known here · underlined: the pattern never has it here`
    : told.pattern.next
      ? "blue: as it came · in a frame: something else came"
      : "grey: not known";
  const marked = mark ? ` ${glyph(mark)} ends a string, and the net begins anew.` : "";
  say("legend", `${verdicts}.${marked} Rows: blue above 0, orange below, larger numbers stronger. The arrow keys move along the tape.`);
  if (alphabet.length <= MOST_KEYS) {
    const keys = alphabet.map((character) => {
      const key = made("button", glyph(character));
      key.type = "button";
      key.setAttribute("aria-label", `Write ${spoken(character)}`);
      key.addEventListener("click", () => writeOn(character));
      return key;
    });
    element("keys").append(...keys);
  }
  element("nets").hidden = told.nets.length === 1;
  element("net").max = told.nets.length - 1;
  listen();
  showNet();
  setCharacters(Array.from(told.text), told.text.length);
  element("text").value = told.text;
}

function listen() {
  const text = element("text");
  const shift = () => (mark && !text.value.startsWith(mark) ? 1 : 0);
  text.addEventListener("input", () => {
    stop();
    const caret = Array.from(text.value.slice(0, text.selectionStart)).length;
    write(Array.from(text.value), caret - 1 + shift());
  });
  text.addEventListener("keyup", (event) => {
    if (!/^(Arrow|Home|End)/.test(event.key)) return;
    select(Array.from(text.value.slice(0, text.selectionStart)).length - 1 + shift());
  });
  element("play").addEventListener("click", play);
  element("step").addEventListener("click", () => {
    stop();
    writeFree();
  });
  element("temperature").value = patternOracle.hasChance(false) ? 1 : 0; // the likeliest alone would never take a rarer turn
  const warmth = () => {
    const value = Number(element("temperature").value);
    say("warmth", { 0: "0: the likeliest", 1: "1: as often as it expects" }[value] ?? value.toFixed(2));
  };
  element("temperature").addEventListener("input", warmth);
  warmth();
  element("layer").addEventListener("change", (event) => {
    now.layer = Number(event.target.value);
    show();
  });
  element("unit").addEventListener("input", (event) => {
    const { hidden } = open(now.net).about;
    const unit = Number(event.target.value);
    if (Number.isInteger(unit)) now.unit = Math.max(0, Math.min(unit, hidden - 1));
    show();
  });
  element("toggle").addEventListener("click", toggle);
  element("all").addEventListener("click", () => {
    remember();
    now.off.clear();
    show();
  });
  element("part").addEventListener("change", (event) => {
    now.part = event.target.value;
    show();
  });
  element("colour").addEventListener("change", show);
  element("net").addEventListener("input", (event) => {
    now.net = Number(event.target.value);
    now.off.clear();
    showNet();
    show();
  });
  element("tape").addEventListener("keydown", pressed);
  element("undo").addEventListener("click", undo);
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key !== "z") return;
    event.preventDefault();
    undo();
  });
  new ResizeObserver(() => show()).observe(element("frame"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
}

/** Switch the chosen unit off, or on again. */
function toggle() {
  remember();
  const unit = now.layer * open(now.net).about.hidden + now.unit;
  if (!now.off.delete(unit)) now.off.add(unit);
  show();
}

/** Select a moment. */
function select(moment) {
  stop();
  now.selected = Math.max(0, Math.min(moment, open(now.net).reading.moments.length - 1));
  show();
}

/** Go through the tape, or write, by the keyboard. */
function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const last = open(now.net).reading.moments.length - 1;
  const moment = { ArrowLeft: now.selected - 1, ArrowRight: now.selected + 1, Home: 0, End: last }[event.key];
  const character = event.key === "Enter" ? "\n" : event.key;
  if (moment !== undefined) select(moment);
  else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    now.unit = Math.max(0, Math.min(open(now.net).about.hidden - 1, now.unit + (event.key === "ArrowUp" ? -1 : 1)));
    show();
  } else if (event.key === "Backspace" && open(now.net).net) {
    write(now.characters.slice(0, now.selected), now.selected - 1);
    showText();
  } else if (open(now.net).net && Array.from(character).length === 1) writeOn(character);
  else return;
  event.preventDefault();
}

const picture = new PathPicture(element("path"));
const tape = new Tape(element("frame"), element("tape"), element("room"), ({ unit, moment, twice }) => {
  if (moment !== undefined) return select(moment);
  if (now.part) return;
  now.unit = unit;
  if (twice && open(now.net).net) toggle();
  else show();
});
begin();
