// The nets of the page: they are opened when they are first shown, and keep what they have read.

const told = JSON.parse(document.getElementById("told").textContent);
const patternOracle = new Oracle(told.pattern);
const { alphabet, outputs } = patternOracle;
const mark = told.pattern.mark;

/** What is shown now: which net, layer and unit, which characters, and which moment of them. */
const now = { net: 0, layer: 0, unit: 0, characters: [], selected: 0, off: new Set(), timer: 0 };

/** The nets that were shown so far, with their readings. */
const opened = [];

/** Return a net of the page with its readings; it is opened when it is first shown. */
function open(number) {
  if (!opened[number]) {
    const about = told.nets[number];
    if (about.recorded) opened[number] = { about, reading: new Recorded(about, patternOracle), layers: [] };
    else {
      const net = new Net(about);
      const [reading, whole] = [new Reading(net, patternOracle), new Reading(net, patternOracle)];
      opened[number] = { about, net, reading, whole, layers: [] };
    }
  }
  return opened[number];
}

/** Return the units of one layer at a moment. */
function unitsOf(moment, layer, hidden) {
  return moment.units.slice(layer * hidden, (layer + 1) * hidden);
}

/** Return how a layer of a net is shown: the directions of its path, its radius, and its largest number. */
function viewOf(number, layer) {
  const shown = open(number);
  const { about } = shown;
  if (about.recorded) {
    const points = shown.reading.moments.map((moment) => moment.point);
    return {
      radius: Math.max(...points.map((point) => Math.sqrt(dot(point, point)))),
      share: shown.reading.share,
      scale: 1,
    };
  }
  if (!shown.layers[layer]) {
    const rows = rowsOf(shown, layer);
    // The nets of one training share their directions, so that the picture stays while the slider moves.
    const all = told.shared ? told.nets.flatMap((_, other) => rowsOf(open(other), layer)) : rows;
    const directions = new Directions(all);
    const points = rows.map((row) => directions.point(row));
    const scale = Math.max(1e-6, ...rows.map((row) => Math.max(...row.map(Math.abs))));
    const radius = Math.max(
      1e-6,
      ...(told.shared ? all : rows).map((row) => Math.sqrt(dot(directions.point(row), directions.point(row)))),
    );
    shown.layers[layer] = { directions, radius, share: directions.share, scale: Math.min(scale, 1e6), points };
  }
  return shown.layers[layer];
}

/** Return the units of one layer along the longer text, read by the whole net. */
function rowsOf(shown, layer) {
  if (!shown.longer) {
    mask(shown.net, new Set());
    shown.longer = new Reading(shown.net, patternOracle);
    shown.longer.read(Array.from(told.longer));
  }
  const rows = shown.longer.moments.filter((moment) => moment.units);
  return rows.map((moment) => unitsOf(moment, layer, shown.about.hidden));
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
  const pointOf = (state, index) => directions.point(unitsOf(net.step(state, index), now.layer, about.hidden));
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
