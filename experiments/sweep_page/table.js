// The table of runs: sorted by any column, with names and ids to copy.

/** How many rows are added at a time. */
const ROWS = 50;

/** Whether the page is opened as a file, so that links lead out of it: within a page of MLflow they cannot. */
const LINKS = location.protocol === "file:";

/**
 * Copy a text out of a field in which it is selected, so that it can be copied by hand where that is refused.
 * The newer way, navigator.clipboard, is refused in a frame such as that of MLflow's page.
 */
function copy(text, what) {
  const before = document.activeElement;
  const field = made(text.includes("\n") ? "textarea" : "input");
  field.value = text;
  field.readOnly = true;
  field.setAttribute("aria-label", `What is copied: ${what}`);
  element("copied").replaceChildren(field);
  field.focus({ preventScroll: true });
  field.select();
  const done = document.execCommand("copy");
  if (done) before.focus({ preventScroll: true });
  else field.scrollIntoView({ block: "center" });
  element("copied").append(made("span", done ? ` Copied ${what}.` : ` Press Ctrl+C to copy ${what}.`));
}

/** Return a button that copies a text. */
function copyButton(text, what) {
  const button = made("button", "copy", "small");
  button.type = "button";
  button.setAttribute("aria-label", `Copy ${what}`);
  button.addEventListener("click", () => copy(text, what));
  return button;
}

/** Return a number of a run as the table has it. */
function inTable(number, run) {
  const value = number.of_runs[run.number];
  return number.name === "solved" && value !== null ? ["no", "yes"][value] : short(value);
}

/** The columns: each with a name, what a run has in it, by what it is sorted, and whether it is a number. */
const columns = [
  { name: "run", text: (run) => run.name, cell: nameCell },
  { name: "id", text: (run) => run.id, cell: idCell },
  { name: "end", text: (run) => run.end },
  ...(runs.some((run) => run.reason) ? [{ name: "why", text: (run) => cut(run.reason, 160), long: true }] : []),
  ...fields
    .map((field, f) => ({
      name: field.name,
      main: isMain(field),
      text: (run) => cut(field.values[run.values[f]], 40),
      key: (run) => run.values[f],
    }))
    .filter(({ name, main }) => main && name !== "end"),
  ...numbers.slice(0, 6).map((number) => ({
    name: number.label.split(" (")[0],
    text: (run) => inTable(number, run),
    key: (run) => number.of_runs[run.number],
    number: true,
  })),
];

/** Return a cell with the name of a run, which is a link where links lead somewhere. */
function nameCell(run) {
  const cell = made("td");
  const [before, after] = told.address;
  const name = made(LINKS && run.id ? "a" : "span", run.name);
  if (LINKS && run.id) Object.assign(name, { href: before + run.id + after, target: "_blank", rel: "noopener" });
  cell.append(name, ...(run.id ? [copyButton(run.name, `the name ${run.name}`)] : []));
  return cell;
}

/** Return a cell with the id of a run. */
function idCell(run) {
  const cell = made("td");
  if (run.id) cell.append(made("code", run.id.slice(0, 8)), copyButton(run.id, `the id of ${run.name}`));
  return cell;
}

/** Show the runs in the present order, the first of them at first. */
function showTable(shown) {
  const { column, down } = now.sort;
  const key = columns[column].key ?? columns[column].text;
  const order = [...shown].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === null || y === null) return (x === null) - (y === null) || a.number - b.number; // at the end both ways
    return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1) || a.number - b.number;
  });
  const head = made("tr");
  columns.forEach(({ name, number }, at) => {
    const cell = made("th", "", number ? "number" : "");
    const button = made("button", name + (at === column ? (down ? " ▾" : " ▴") : ""));
    button.type = "button";
    button.addEventListener("click", () => {
      now.sort = { column: at, down: at === column && !down };
      showTable(shownRuns());
      element("runs").querySelectorAll("th button")[at].focus();
    });
    cell.scope = "col";
    cell.ariaSort = at === column ? (down ? "descending" : "ascending") : "none";
    cell.append(button);
    head.append(cell);
  });
  const rows = order.slice(0, now.rows).map((run) => {
    const row = made("tr", "", run.end);
    for (const { text, cell, number, long } of columns) {
      row.append(cell ? cell(run) : made("td", text(run), number ? "number" : long ? "long" : ""));
    }
    return row;
  });
  const caption = made("caption", `${counted(shown.length, "run")}, sorted by ${columns[column].name}.`);
  element("runs").replaceChildren(caption, head, ...rows);
  const left = shown.length - rows.length;
  element("more").hidden = left === 0;
  element("more").textContent = `Show ${Math.min(left, ROWS)} more of ${left}`;
}
