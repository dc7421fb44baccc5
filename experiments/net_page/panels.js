// The panels below the tape: what the net expects, its path, its automaton, and what is said of it in words.

const MOST_BARS = 14;
const FAR = "The page follows the pattern no further";

/** Set the text of an element. */
function say(id, text) {
  element(id).textContent = text;
}

/** Return how many of some verdicts are "right". */
function countRight(verdicts) {
  return verdicts.filter((verdict) => verdict === "right").length;
}

/** Return the name of a label's value. */
function named(value) {
  return value === null || value === "" || value === -1 ? "none" : glyph(String(value));
}

/** Return a probability as a percentage. */
function percent(probability) {
  if (probability > 0 && probability < 0.001) return "<0.1 %";
  return `${(100 * probability).toFixed(probability > 0.0995 || probability === 0 ? 0 : 1)} %`;
}

/** Show in words and bars what the net expects at the selected moment. */
function showMoment({ reading, whole }, verdicts) {
  const moment = reading.moments[now.selected];
  const slider = element("tape");
  slider.setAttribute("aria-valuemax", reading.moments.length);
  slider.setAttribute("aria-valuenow", now.selected + 1);
  element("bars").replaceChildren();
  say("bars-legend", open(now.net).net ? "" : "only the likeliest was recorded");
  if (!moment) {
    slider.setAttribute("aria-valuetext", "no text");
    say("status", "Type a character.");
    return;
  }
  const words = inWords(moment, verdicts[now.selected]);
  slider.setAttribute("aria-valuetext", words);
  say("status", words);
  if (!moment.probabilities) return;
  const exact = patternOracle.table && patternOracle.distribution(moment.states);
  const before = now.off.size ? whole.moments[now.selected].probabilities : null;
  let indices = outputs.map((_, index) => index);
  if (outputs.length > MOST_BARS) {
    indices.sort((a, b) => moment.probabilities[b] - moment.probabilities[a] || a - b);
    indices = indices.slice(0, MOST_BARS);
  }
  element("bars").append(
    ...indices.map((index) => bar(index, moment.probabilities[index], exact?.[index], before?.[index])),
  );
  const parts = ["bar: the net"];
  if (exact) parts.push(`frame: the pattern, ${told.pattern.next ? "exactly" : "which says one symbol"}`);
  else if (patternOracle.table) parts.push(whyUnknown(moment));
  if (before) parts.push("orange: the net with all its units");
  if (outputs.length > MOST_BARS) parts.push(`the likeliest ${MOST_BARS} of ${outputs.length}`);
  say("bars-legend", parts.join(" · "));
}

/** Return why it is not known what comes after a moment. */
function whyUnknown({ index, states, far }) {
  if (far) return FAR;
  if (index < 0 || !states.length) return "the text so far is none of the pattern’s";
  return states.length > 1 ? "the text so far fits several places of the pattern" : "what comes here does not count";
}

/** Return what happens at a moment, in words. */
function inWords(moment, verdict) {
  const number = `Moment ${now.selected + 1}: `;
  const read = `“${glyph(moment.character)}”`;
  if (moment.index < 0)
    return `${number}${read} is no character of its alphabet (${alphabet.map(glyph).join("").slice(0, 60)}), so the net does not read it.`;
  const sentences = [`${number}it has read ${read}.`];
  if (!moment.possible)
    sentences.push(`The pattern never has that here${mark && moment.character !== mark ? `; what comes is unknown up to the next ${glyph(mark)}` : ""}.`);
  if (moment.far) sentences.push(`${FAR}.`);
  const share = moment.probabilities ? ` (${percent(moment.probabilities[moment.guess])})` : "";
  sentences.push(
    `It ${told.pattern.next ? "expects" : "says"} “${glyph(outputs[moment.guess])}”${share}${verdict ? `: ${verdictInWords(verdict)}.` : "."}`,
  );
  const due = verdict === "wrong" ? open(now.net).reading.due(moment) : -1;
  if (due >= 0) sentences.push(`It should ${told.pattern.next ? "expect" : "say"} “${glyph(outputs[due])}”.`);
  const worst = verdict === "wrong" && due < 0 ? open(now.net).reading.worst(moment) : -1;
  if (worst >= 0 && worst !== moment.guess)
    sentences.push(
      `It holds “${glyph(outputs[worst])}” possible (${percent(moment.probabilities[worst])}), which cannot come here.`,
    );
  return sentences.join(" ");
}

/** Return a verdict in words. */
function verdictInWords(verdict) {
  if (patternOracle.table || !told.pattern.next) return verdict;
  return verdict === "right" ? "that is what came" : "something else came";
}

/** Return a row of the bars. */
function bar(index, probability, exact, before) {
  const row = made("li");
  const room = made("div", "", "room");
  const filled = made("div", "", "bar");
  filled.style.width = `${100 * probability}%`;
  room.append(filled);
  if (exact > 0) {
    const frame = made("div", "", "exact");
    frame.style.width = `${100 * exact}%`;
    room.append(frame);
  }
  if (before !== undefined) {
    const line = made("div", "", "whole");
    line.style.width = `${100 * before}%`;
    room.append(line);
  }
  const of = exact === undefined ? "" : `, pattern ${percent(exact)}`;
  row.setAttribute("aria-label", `${spoken(outputs[index])}: net ${percent(probability)}${of}`);
  row.append(made("span", glyph(outputs[index]), "sign"), room, made("span", percent(probability), "share"));
  return row;
}

/** Show which units are off, and what that changes. */
function showUnits(verdicts, wholeVerdicts, changed) {
  const { about } = open(now.net);
  const { hidden } = about;
  const isOff = now.off.has(now.layer * hidden + now.unit);
  element("unit").value = now.unit;
  say("toggle", isOff ? "Switch on" : "Switch off");
  element("all").disabled = !now.off.size;
  const judged = verdicts.filter(Boolean).length;
  const word = patternOracle.table || !told.pattern.next ? "right" : "as it came";
  element("score").textContent = judged
    ? `On the tape, ${countRight(verdicts)} of ${counted(judged, "moment")} ${word}${judged < verdicts.length ? `; of ${verdicts.length - judged} it is not known` : ""}.`
    : "";
  const above = now.layer + 1 < about.layers ? " and for the layer above" : "";
  const parts = [`A unit that is off gives 0, for the net’s next step too${above}.`];
  if (now.off.size) {
    parts.splice(
      0,
      1,
      `${counted(now.off.size, "unit")} off: the likeliest character is another one at ${counted(changed.filter(Boolean).length, "moment")} (▾).`,
    );
    if (judged) parts.push(`${countRight(verdicts)} ${word} (${countRight(wholeVerdicts)} with all units).`);
  }
  say("changes", parts.join(" "));
}

/** Return of each moment its kind: what it is coloured by, with a name, a colour and a shape; and all kinds. */
function kindsOf(reading, by) {
  const { table } = patternOracle;
  let values = reading.moments.map((moment) => moment.character);
  if (by === "automaton") values = automatonStates(reading);
  else if (by !== "character") values = reading.moments.map(({ states }) => patternOracle.label(by, states));
  if (by !== "character" && table?.number_labels.includes(by)) {
    const top = Math.max(1, ...values.filter((value) => value !== null));
    const kinds = values.map((value) => ({
      name: named(value),
      colour: value === null || value < 0 ? "var(--soft)" : ramp(value / top),
      shape: "circle",
    }));
    const order = [...new Set(values)].sort((a, b) => a - b);
    const ends = [0, top].map((value) => ({ name: String(value), colour: ramp(value / top), shape: "circle" }));
    const none = kinds.filter(({ name }) => name === "none").slice(0, 1);
    return { kinds, legend: order.length > 8 ? [...none, ...ends] : order.map((value) => kinds[values.indexOf(value)]) };
  }
  const known = by === "character" ? alphabet : [];
  const distinct = [...new Set(values)].sort((a, b) => known.indexOf(a) - known.indexOf(b) || (a > b ? 1 : -1));
  const all = distinct.map((value, number) => {
    const place = known.length ? known.indexOf(value) : number;
    if (place < 0 || value === null) return { name: named(value), colour: "var(--soft)", shape: "circle" };
    const round = Math.floor(place / COLOURS.length); // in each round, the colours have other shapes
    const shape = SHAPES[(place + round) % SHAPES.length];
    return { name: named(value), colour: COLOURS[place % COLOURS.length], shape };
  });
  return { kinds: values.map((value) => all[distinct.indexOf(value)]), legend: all.slice(0, 14) };
}

/** Show the path of the units, with what was found. */
function showPath(shown, view) {
  const { reading, about } = shown;
  const { kinds, legend } = kindsOf(reading, element("colour").value);
  for (const moment of reading.moments) {
    if (view.directions && moment.units && moment.by !== view.directions) {
      moment.point = view.directions.point(rowOf(about, moment, now.layer));
      moment.by = view.directions;
    }
    moment.anew = moment.index === patternOracle.mark;
  }
  const found = view.directions ? foundPoints(shown, view) : { rests: [], cycle: null };
  const lengths = reading.moments.filter(({ point }) => point).map(({ point }) => Math.sqrt(dot(point, point)));
  picture.shown = {
    moments: reading.moments,
    selected: now.selected,
    kindOf: (t) => kinds[t],
    radius: Math.max(view.radius, ...lengths.filter(Number.isFinite)),
    ...found,
  };
  picture.draw();
  const nodes = legend.map(({ name, colour, shape }) => {
    const entry = made("span", "", "entry");
    entry.append(swatch(colour, shape), name);
    return entry;
  });
  const shares = `PC 1, 2 and 3, the directions in which it varies most, hold ${view.share.map((share) => percent(share)).join(", ")} of the variance.`;
  const extra = [
    found.cycle && " Wide line: the cycle that it settles in.",
    found.rests.length && " ×: where it comes to rest while that character is read again and again.",
  ];
  element("path-legend").replaceChildren(
    ...nodes,
    made("br"),
    `${shares} Drag to turn, or use the arrow keys.${extra.filter(Boolean).join("")}`,
  );
  element("path").setAttribute(
    "aria-label",
    `The path of ${counted(reading.moments.length, "moment")} in three principal components. ${shares}`,
  );
}

/** Return a small canvas with the sign of a kind. */
function swatch(colour, shape) {
  const canvas = made("canvas", "", "swatch");
  canvas.width = canvas.height = 36;
  const context = canvas.getContext("2d");
  context.fillStyle = colourOf(colour);
  drawShape(context, shape, 18, 18, 11);
  context.fill();
  return canvas;
}

/** Show the learnt automaton, and where it is at the selected moment. */
function showAutomaton({ about, reading }) {
  const rows = about.found?.automaton ?? [];
  element("automaton").replaceChildren();
  element("automaton").hidden = !rows.length;
  if (!rows.length) return;
  const state = automatonStates(reading)[now.selected];
  const table = made("table");
  table.append(made("caption", "The automaton that was learnt from the net; the marked row is where it is now."));
  const head = made("tr");
  head.append(
    made("th", "state"),
    made("th", "says"),
    ...Array.from(about.found.inputs, (input) => made("th", `after ${glyph(input)}`)),
  );
  table.append(head);
  rows.forEach(([said, ...after], number) => {
    const row = made("tr", "", number === state ? "here" : "");
    row.append(made("td", number), made("td", said || "–"), ...after.map((next) => made("td", next)));
    table.append(row);
  });
  element("automaton").append(table);
  element("automaton").scrollTop = (table.querySelector(".here")?.offsetTop ?? 0) - 380;
}

/** Set what there is to choose, each as a value with its text, and what is chosen: the first, if that is gone. */
function setChoices(id, choices, chosen) {
  element(id).replaceChildren(...choices.map(([value, text]) => new Option(text, value)));
  if (choices.some(([value]) => value === chosen)) element(id).value = chosen;
}

/** Show what does not change while one net is shown. */
function showNet() {
  const { about } = open(now.net);
  say("title", about.name);
  say("net-name", about.label);
  element("net").setAttribute("aria-valuetext", about.label);
  const layers = about.layers === 1 ? "" : `${about.layers} layers of `;
  const task = told.pattern.next ? "expect the next character of " : "say the right symbol after each character of ";
  element("lead").replaceChildren(
    `A recurrent net (${about.cell}, ${layers}${counted(about.hidden, "unit")}, ${counted(about.parameters, "number")} learnt in ${counted(about.epochs, "epoch")}) that was trained to ${task}`,
    made("b", told.pattern.name),
    ".",
  );
  element("numbers").replaceChildren(
    ...about.numbers.map(([name, value]) => {
      const chip = made("li", `${name} `);
      const chance = name === "eval accuracy" && patternOracle.hasChance(true);
      chip.append(made("b", chance ? `${value}, where not all can be guessed` : value));
      return chip;
    }),
  );
  const reasons = {
    large: `The net has ${about.parameters.toLocaleString("en")} numbers, more than a page can carry. Shown is what it did on the beginning of its test; it reads nothing else here.`,
    unknown:
      "Its cell computes something that the page cannot. Shown is what it did on the beginning of its test; it reads nothing else here.",
  };
  element("why").textContent =
    reasons[about.why] ??
    (told.pattern.known ? "" : "Its pattern cannot be made again here, so that nothing is known of what is right.");
  element("why").hidden = !element("why").textContent;
  element("writing").hidden = element("off").hidden = Boolean(about.recorded);
  element("layer").replaceChildren(...Array.from({ length: about.layers }, (_, layer) => new Option(layer, layer)));
  element("layers").hidden = about.layers === 1;
  now.layer = about.layers - 1;
  element("layer").value = now.layer;
  now.unit = Math.min(now.unit, about.hidden - 1);
  element("unit").max = about.hidden - 1;
  const parts = [["", "outputs of its units"], ...(about.parts ?? []).map(([name]) => [name, `its memory ${name}`])];
  setChoices("part", parts, now.part);
  now.part = element("part").value;
  element("part").disabled = parts.length === 1;
  const by = [
    ["character", "by the character read"],
    ...Object.keys(patternOracle.table?.labels ?? {}).map((name) => [
      name,
      `by the pattern’s “${name.replaceAll("_", " ")}”`,
    ]),
  ];
  if (about.found?.automaton.length) by.push(["automaton", "by the state of its automaton"]);
  setChoices("colour", by, element("colour").value);
  const lines = Object.entries(about.lines).flatMap(([question, sentences]) => [
    made("dt", question.replaceAll("_", " ")),
    ...sentences.map((sentence) => made("dd", sentence)),
  ]);
  element("lines").replaceChildren(...lines);
  element("found").hidden = !lines.length;
}
