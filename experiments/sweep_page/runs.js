// What the page was told: the runs of the sweep, the fields in which they differ, their numbers and their curves.

const told = JSON.parse(document.getElementById("told").textContent);
const { fields, numbers } = told;

/** The runs: each with the place of its value in each field. */
const runs = told.runs.ids.map((id, number) => ({
  number,
  id,
  name: told.runs.names[number] || "not recorded",
  end: told.runs.ends[number],
  reason: told.runs.reasons[number] ?? "",
  setting: told.runs.setting[number],
  draw: told.runs.draw[number],
  values: fields.map((field) => field.of_runs[number]),
}));

const kindsOfEnd = [...new Set(told.runs.ends)];
if (kindsOfEnd.length > 1) {
  fields.push({ name: "end", swept: false, values: kindsOfEnd, of_runs: told.runs.ends.map((end) => kindsOfEnd.indexOf(end)) });
  for (const run of runs) run.values.push(kindsOfEnd.indexOf(run.end));
}

/** The fields in which runs of one setting may differ. */
const FREE = new Set([...told.free, "end"]);

/** Return whether a field is swept, the seed, or how runs ended; others come with these, such as with a recipe. */
function isMain({ name, swept }) {
  return swept || name === "seed" || name === "end";
}

/** Where the curve of each run begins among all values. */
let total = 0;
const begins = told.curves.points.map((points) => {
  total += points;
  return total - points;
});
const metrics = told.curves.metrics.map((metric) => ({ ...metric, values: numbersOf(metric.values) }));

/** Return the epochs at which the curve of a run was kept, as far as it came. */
function epochsOf({ number }) {
  return told.curves.epochs[told.curves.of_runs[number]].slice(0, told.curves.points[number]);
}

/** Return the value of a metric in a run at the place of one of its epochs. */
function valueAt(metric, { number }, place) {
  return metric.values[begins[number] + place];
}

/** Return a number with three significant digits. */
function short(number) {
  if (number === null || !Number.isFinite(number)) return "–";
  if (number === 0) return "0";
  const text = number.toPrecision(3);
  return text.includes("e") ? Number(text).toExponential(2).replace(/\.?0+e/, "e") : text;
}

/** Return a text of at most so many characters. */
function cut(text, most) {
  const characters = Array.from(text);
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : text;
}

/** Return a value with the name of its field, where it does not speak for itself. */
function valueInWords(field, place) {
  const value = cut(field.values[place], 40);
  return /^(pattern|cell|encoding|schedule|end)$/.test(field.name) ? value : `${field.name} ${value}`;
}
