// The page: what is chosen, and what is shown of it.

/** What is chosen: by field the values that are left out, the fields with a line for each value, and the order. */
const now = {
  out: fields.map(() => new Set()),
  by: new Set(),
  sort: { column: 0, down: false },
  rows: ROWS,
  curves: [],
};

/** Return the runs that pass the filter. */
function shownRuns() {
  return runs.filter((run) => now.out.every((out, f) => !out.has(run.values[f])));
}

/** Show everything anew. */
function show() {
  const shown = shownRuns();
  const settings = new Set(shown.map((run) => run.setting)).size;
  element("count").textContent =
    `${shown.length} of ${counted(runs.length, "run")} shown, of ${counted(settings, "setting")}`;
  now.rows = ROWS;
  showCurves(shown);
  showMap(shown);
  showTable(shown);
}

/** Show the curves of the groups of runs. */
function showCurves(shown) {
  const metric = metrics[element("metric").selectedIndex];
  element("curves").hidden = !metric;
  if (!metric) return;
  const by = [...now.by].sort((a, b) => a - b);
  const groups = groupsOf(
    shown.filter((run) => told.curves.points[run.number]),
    by,
  );
  now.curves = groups.slice(0, MOST_LINES).map(({ places, runs: group }) => ({
    name: by.map((f, i) => valueInWords(fields[f], places[i])).join(", ") || "all runs",
    ...curveOf(group, metric),
  }));
  now.curves = now.curves.filter(({ points }) => points.length);
  const notes = ["Line: median over the runs of a group. Band: its 95 % interval, for each epoch by itself."];
  if (groups.length > MOST_LINES) notes.push(`The first ${MOST_LINES} of ${groups.length} groups; filter, or choose fewer fields.`);
  const unlike = now.curves.find((curve) => curve.unlike)?.unlike;
  if (unlike) notes.push(`A group has no band where ${unlike}: choose these fields, too, or filter.`);
  const single = now.curves.length && now.curves.every(({ points }) => points.every(({ n }) => n === 1));
  if (single) notes.push("Single seeds have no band.");
  const without = shown.filter((run) => !told.curves.points[run.number]).length;
  if (without) notes.push(`${counted(without, "run")} without a curve${told.end ? "" : " so far"}.`);
  element("curves-note").textContent = notes.join(" ");
  const last = Math.max(0, ...now.curves.map(({ points }) => points.at(-1).epoch));
  const slider = element("epoch");
  const atEnd = slider.value === slider.max;
  slider.max = last;
  if (atEnd) slider.value = last;
  showEpoch();
  element("curves-plot").setAttribute(
    "aria-label",
    `${metric.label} by epoch, ${counted(now.curves.length, "line")}; the table below has the values at an epoch`,
  );
  drawCurves(now.curves, metric.label, element("log").checked);
}

/** Show in the legend the values at the chosen epoch, or at the last one before it that is there. */
function showEpoch() {
  const epoch = Number(element("epoch").value);
  element("epoch-name").textContent = String(epoch);
  const head = made("tr");
  for (const [at, name] of ["group", "median", "95 % interval", "runs", "at epoch"].entries()) {
    const cell = made("th", name, at === 0 || at === 2 ? "" : "number");
    cell.scope = "col";
    head.append(cell);
  }
  const rows = now.curves.map(({ name, points, unlike }, number) => {
    const point = points.findLast((each) => each.epoch <= epoch) ?? points[0];
    const row = made("tr");
    const first = made("td", "", "long");
    first.append(stroke(number), name);
    const interval = unlike ? `none: ${unlike}` : intervalInWords(point);
    row.append(first, made("td", short(point.median), "number"), made("td", interval));
    row.append(made("td", point.n, "number"), made("td", point.epoch, "number"));
    return row;
  });
  element("legend").replaceChildren(head, ...rows);
}

/** Return a sample of a line. */
function stroke(number) {
  const canvas = made("canvas", "", "stroke");
  [canvas.width, canvas.height] = [76, 24];
  const context = canvas.getContext("2d");
  const [colour, dash] = strokeOf(number);
  context.strokeStyle = colour;
  context.lineWidth = 6;
  context.setLineDash({ solid: [], dashed: [18, 10], dotted: [6, 7] }[dash]);
  context.beginPath();
  context.moveTo(0, 12);
  context.lineTo(76, 12);
  context.stroke();
  return canvas;
}

/** Return the side of a heat map: its field, or none; the texts of those of its values that runs have. */
function sideOf(id, shown) {
  const f = Number(element(id).value);
  if (f < 0) return { f, label: "", texts: ["all"], places: [0] };
  const places = [...new Set(shown.map((run) => run.values[f]))].sort((a, b) => a - b);
  const texts = places.map((place) => cut(fields[f].values[place], 24));
  // Bokeh tells the values of a side apart by their texts.
  const unique = texts.map((text, i) => (texts.indexOf(text) < i ? `${text} (${i + 1})` : text));
  return { f, label: fields[f].name, texts: unique, places };
}

/** Show the heat map, and its numbers as a table. */
function showMap(shown) {
  const number = numbers[element("number").selectedIndex];
  if (!number) return;
  const [rows, columnsSide] = [sideOf("rows", shown), sideOf("columns", shown)];
  const cells = [];
  rows.places.forEach((rowPlace, row) => {
    columnsSide.places.forEach((columnPlace, column) => {
      const group = shown.filter(
        (run) =>
          (rows.f < 0 || run.values[rows.f] === rowPlace) &&
          (columnsSide.f < 0 || run.values[columnsSide.f] === columnPlace),
      );
      const sides = [
        [rows, rowPlace],
        [columnsSide, columnPlace],
      ].filter(([{ f }]) => f >= 0);
      const setting = sides.map(([{ f }, place]) => valueInWords(fields[f], place)).join(", ") || "all runs";
      const note = group.length ? whyMixed(group) : "no run";
      cells.push({ row, column, setting, note, ...numberOf(group, number) });
    });
  });
  const what = number.name === "solved" ? "Share of the runs that solve their pattern" : `Median of ${number.label}`;
  const notes = [`${what}, over the runs of a cell that have it; n says how many.`];
  const several = cells.find(({ note, n }) => n && note);
  if (several) notes.push(`Some cells are of several kinds of runs: ${several.note}.`);
  element("map-note").textContent = notes.join(" ");
  element("map-plot").setAttribute("aria-label", `${what} by ${rows.label || "all"} and ${columnsSide.label || "all"}`);
  const head = made("tr");
  head.append(made("th", [rows.label, columnsSide.label].filter(Boolean).join(" \\ ")));
  head.append(...columnsSide.texts.map((text) => made("th", text, "number")));
  const body = rows.texts.map((text, row) => {
    const line = made("tr");
    line.append(made("th", text));
    for (const { value, n } of cells.filter((cell) => cell.row === row)) {
      line.append(made("td", value === null ? "–" : `${short(value)} (n=${n})`, "number"));
    }
    return line;
  });
  element("map-table").replaceChildren(head, ...body);
  const positive = cells.every(({ value }) => value === null || value > 0);
  element("map-log").disabled = !positive;
  if (shown.length) drawMap(cells, rows, columnsSide, number.label, positive && element("map-log").checked);
}

/** Return a checkbox with its label. */
function choice(text, checked, changed) {
  const label = made("label");
  const box = made("input");
  box.type = "checkbox";
  box.checked = checked;
  box.addEventListener("change", () => {
    changed(box.checked);
    show();
  });
  label.append(box, ` ${cut(text, 60)}`);
  return label;
}

/** Return the choices of the values of a field. */
function filterOf(field, f) {
  const set = made("fieldset");
  const legend = made("legend", field.name);
  const choices = made("div", "", "choices");
  const fill = () =>
    choices.replaceChildren(
      ...field.values.map((text, place) =>
        choice(text, !now.out[f].has(place), (checked) => now.out[f][checked ? "delete" : "add"](place)),
      ),
    );
  for (const [word, out] of [
    ["all", () => []],
    ["none", () => field.values.keys()],
  ]) {
    const button = made("button", word, "small");
    button.type = "button";
    button.setAttribute("aria-label", `${field.name}: ${word}`);
    button.addEventListener("click", () => {
      now.out[f] = new Set(out());
      fill();
      show();
    });
    legend.append(button);
  }
  fill();
  set.append(legend, choices);
  return set;
}

/** Offer the values of all fields; those that only come with others, such as with a pattern's recipe, are folded. */
function offerFilters() {
  const sets = fields.map(filterOf);
  element("filters").replaceChildren(...sets.filter((_, f) => isMain(fields[f])));
  element("folded").replaceChildren(...sets.filter((_, f) => !isMain(fields[f])));
  element("more-fields").hidden = fields.every(isMain);
}

/** Fill a select element with texts. */
function offer(id, texts, values = texts.map((_, i) => i)) {
  element(id).replaceChildren(
    ...texts.map((text, i) => Object.assign(made("option", text), { value: String(values[i]) })),
  );
}

/** Show what does not change. */
function begin() {
  element("title").textContent = told.name;
  const count = told.ends.map(([end, number]) => `${number} ${end}`);
  element("lead").textContent = `${counted(told.total, "run")}: ${count.join(", ") || "none has ended"}`;
  const state = element("state");
  state.hidden = told.end === "finished" && !told.left_out;
  state.textContent = told.end
    ? told.end === "finished" ? "" : `The sweep did not finish: ${told.end}. ${told.ended} of its ${told.total} runs have ended.`
    : `Still at work as of ${told.as_of}: ${told.ended} of ${counted(told.total, "run")} have ended. While the sweep is at work, it renews this page now and then; open it anew to see more.`;
  if (told.left_out) state.textContent += ` ${told.left_out} runs have no room in this page; runs.csv has them all.`;
  element("lines").replaceChildren(...told.lines.slice(1).map((line) => made("li", line)));
  const id = element("sweep-id");
  id.append("Its id ", made("code", told.id), copyButton(told.id, "the id of the sweep"));
  if (told.end) id.append(`Written ${told.as_of}.`);
  element("links-note").hidden = !LINKS;
  const serve = told.serve ? `; they work while this runs: ${told.serve}` : "";
  element("links-note").textContent = `The names are links to the pages of the runs in MLflow${serve}.`;
}

/** Offer what can be chosen, and choose what is shown first. */
function choose() {
  const swept = fields.map((_, f) => f).filter((f) => fields[f].swept);
  const rows = fields.findIndex(({ name }) => name === told.axes[0]);
  const settings = new Set(runs.map((run) => run.setting)).size;
  now.by = new Set(settings > MOST_LINES && rows >= 0 ? [rows] : swept);
  offerFilters();
  element("by").append(made("b", "A line for each"));
  fields.forEach((field, f) => {
    if (isMain(field) && field.name !== "end")
      element("by").append(choice(field.name, now.by.has(f), (on) => now.by[on ? "add" : "delete"](f)));
  });
  element("by").hidden = !fields.length;
  offer("metric", metrics.map(({ label }) => label));
  offer("number", numbers.map(({ label }) => label));
  const column = fields.findIndex(({ name }) => name === told.axes[1]);
  const sides = { rows, columns: column < 0 ? (swept.findLast((f) => f !== rows) ?? -1) : column };
  for (const [id, side] of Object.entries(sides)) {
    offer(id, ["none", ...fields.map(({ name }) => name)], [-1, ...fields.keys()]);
    element(id).value = String(side);
  }
  const measured = numbers.findIndex(({ name }) => name === told.measure);
  element("number").selectedIndex = Math.max(0, measured);
  chooseLog();
}

/** Return whether a metric is a loss. */
function isLoss(name = "") {
  return name.includes("loss");
}

/** Choose logarithmic scales for losses. */
function chooseLog() {
  element("log").checked = isLoss(metrics[element("metric").selectedIndex]?.name);
  element("map-log").checked = isLoss(numbers[element("number").selectedIndex]?.name);
}

function listen() {
  const onChange = (id, then) => element(id).addEventListener("change", then);
  for (const id of ["metric", "number"]) onChange(id, chooseLog);
  for (const id of ["metric", "log"]) onChange(id, () => showCurves(shownRuns()));
  for (const id of ["number", "rows", "columns", "map-log"]) onChange(id, () => showMap(shownRuns()));
  element("epoch").addEventListener("input", showEpoch);
  element("everything").addEventListener("click", () => {
    now.out.forEach((out) => out.clear());
    offerFilters();
    show();
  });
  element("more").addEventListener("click", () => {
    now.rows += ROWS;
    showTable(shownRuns());
  });
  element("copy-ids").addEventListener("click", () => copyAll("id", "ids"));
  element("copy-names").addEventListener("click", () => copyAll("name", "names"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
}

/** Copy the names or ids of the runs that pass the filter, one a line. */
function copyAll(what, word) {
  const recorded = shownRuns().filter((run) => run.id);
  copy(recorded.map((run) => run[what]).join("\n"), `the ${word} of ${counted(recorded.length, "run")}`);
}

begin();
choose();
listen();
show();
