// The nets of the page: they are opened when they are first shown, and keep what they have read.

const told = JSON.parse(document.getElementById("told").textContent);
const patternOracle = new Oracle(told.pattern);
const { alphabet, outputs } = patternOracle;
const mark = told.pattern.mark;

/** The most numbers that are drawn of a part of the state; of the outputs, all are. */
const MOST_NUMBERS = 128;

/**
 * What is shown now: which net, layer and unit, which part of the state ("" for the outputs), which characters, and
 * which moment of them.
 */
const now = { net: 0, layer: 0, unit: 0, part: "", characters: [], selected: 0, off: new Set(), timer: 0 };

/** The nets that were shown so far, with their readings. */
const opened = [];

/** Return a net of the page with its readings; it is opened when it is first shown. */
function open(number) {
  if (!opened[number]) {
    const about = told.nets[number];
    if (about.recorded) opened[number] = { about, reading: new Recorded(about, patternOracle) };
    else {
      const net = new Net(about);
      const [reading, whole] = [new Reading(net, patternOracle), new Reading(net, patternOracle)];
      opened[number] = { about, net, reading, whole, layers: {} };
    }
  }
  return opened[number];
}

/** Return what is shown of each layer: its name, where it begins in the state of the layer, its size and its shape. */
function partOf({ parts, hidden }) {
  return parts?.find(([name]) => name === now.part) ?? ["unit", 0, hidden, [hidden]];
}

/** Return all numbers of what is shown at a moment; zeros at their end may be left out. */
function numbersAt(about, { units, state }, layer) {
  if (about.recorded) return units;
  const [, start, size] = partOf(about);
  const [numbers, width] = now.part ? [state, about.graph.sizes[STATE] / about.layers] : [units, about.hidden];
  return numbers.subarray(layer * width + start, layer * width + start + size);
}

/** Return the numbers that are drawn at a moment. */
function rowOf(about, moment, layer) {
  const numbers = numbersAt(about, moment, layer);
  if (!now.part) return numbers;
  const row = new Float64Array(Math.min(MOST_NUMBERS, partOf(about)[2]));
  row.set(numbers.subarray(0, row.length));
  return row;
}

/** Return the largest size of a number on the tape. A state may grow with the text, so a longer one tells nothing. */
function scaleOf({ about, reading }) {
  let scale = 1e-6;
  for (const moment of reading.moments.filter(({ units }) => units))
    for (const number of rowOf(about, moment, now.layer)) if (Math.abs(number) > scale) scale = Math.abs(number);
  return scale;
}

/** Return how many numbers there are; of more than can be drawn, up to the last that is not 0 at some moment. */
function countOf({ about, reading }) {
  const size = partOf(about)[2];
  if (!now.part || size <= MOST_NUMBERS) return size;
  const read = reading.moments.filter((moment) => moment.units);
  return Math.max(1, ...read.map((moment) => numbersAt(about, moment, now.layer).findLastIndex((x) => x !== 0) + 1));
}

/** Return the name of a number: that of its part, with its indices in it, such as "c 3". */
function nameOf(about, number) {
  const [name, , , shape] = partOf(about);
  let left = number;
  const places = shape.map(() => 0);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    places[axis] = left % shape[axis];
    left = Math.floor(left / shape[axis]);
  }
  return [name, ...places].join(" ");
}

/** Return how the path of a layer of a net is shown: its directions, and its radius. */
function viewOf(number, layer) {
  const shown = open(number);
  const { about } = shown;
  if (about.recorded) {
    const points = shown.reading.moments.map((moment) => moment.point);
    return {
      radius: Math.max(...points.map((point) => Math.sqrt(dot(point, point)))),
      share: shown.reading.share,
    };
  }
  const key = `${layer} ${now.part}`;
  if (!shown.layers[key]) {
    // The nets of one training share their directions, so that the picture stays while the slider moves.
    const all = told.shared ? told.nets.flatMap((_, other) => rowsOf(open(other), layer)) : rowsOf(shown, layer);
    const directions = new Directions(all);
    const lengths = all.map((row) => Math.hypot(...directions.point(row)));
    shown.layers[key] = { directions, radius: Math.max(1e-6, ...lengths), share: directions.share };
  }
  return shown.layers[key];
}

/** Return what is shown of one layer along the longer text, read by the whole net. */
function rowsOf(shown, layer) {
  if (!shown.longer) {
    mask(shown.net, new Set());
    shown.longer = new Reading(shown.net, patternOracle);
    shown.longer.read(Array.from(told.longer));
  }
  const rows = shown.longer.moments.filter((moment) => moment.units);
  return rows.map((moment) => rowOf(shown.about, moment, layer));
}

/** Switch off the units of a set, and all others on. */
function mask(net, off) {
  for (let unit = 0; unit < net.units; unit++) net.keep(unit, !off.has(unit));
}

/** Read the characters with the net that is shown, also without any unit switched off. */
function readAll() {
  const shown = open(now.net);
  if (!shown.net) return;
  const key = [...now.off].sort().join();
  if (shown.key !== key) shown.reading.moments = [];
  shown.key = key;
  mask(shown.net, now.off);
  shown.reading.read(now.characters);
  mask(shown.net, new Set());
  if (now.off.size) shown.whole.read(now.characters);
}

/** Return where the points lie that were found inside the net. */
function foundPoints({ net, about }, { directions }) {
  mask(net, new Set());
  const pointOf = (state, index) => directions.point(rowOf(about, net.step(state, index), now.layer));
  const rowsIn = (packed) => {
    const numbers = numbersOf(packed);
    const size = about.graph.sizes[STATE];
    return Array.from({ length: numbers.length / size }, (_, row) => numbers.subarray(row * size, (row + 1) * size));
  };
  const rests = Object.entries(about.found.rests).flatMap(([character, states]) =>
    rowsIn(states).map((state) => ({ point: pointOf(state, alphabet.indexOf(character)), sign: glyph(character) })),
  );
  const { cycle } = about.found;
  const text = cycle && Array.from(cycle.text);
  return {
    rests,
    cycle: cycle && rowsIn(cycle.states).map((state, place) => pointOf(state, alphabet.indexOf(text[place]))),
  };
}

/** Return the state of the learnt automaton at each moment; null where it has read nothing. */
function automatonStates(reading) {
  const { automaton, inputs } = open(now.net).about.found;
  let state = patternOracle.mark < 0 ? 0 : null;
  return reading.moments.map(({ character, index }) => {
    if (index >= 0 && index === patternOracle.mark) state = 0;
    else if (state !== null && inputs.includes(character))
      state = automaton[state][1 + Array.from(inputs).indexOf(character)];
    return state;
  });
}
