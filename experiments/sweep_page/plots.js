// The two figures, which Bokeh draws.

const { Document } = Bokeh.require("document/document");
const { add_document_standalone: addDocument } = Bokeh.require("embed");
const M = Bokeh.Models;
Bokeh.logger.set_level("warn");

const FONT = "system-ui, sans-serif";
const DASHES = ["solid", "dashed", "dotted"];

/** The most lines that can be told apart. */
const MOST_LINES = COLOURS.length * DASHES.length;

/** The least width of a cell, in pixels, into which its number and the number of its runs are written. */
const CELL_WIDTH = 46;

/** What is drawn in each place, to be removed before it is drawn anew. */
const drawn = {};

/** Draw a plot in an element, in place of the one before. */
async function draw(id, plot) {
  drawn[id]?.clear();
  element(id).replaceChildren();
  drawn[id] = new Document();
  drawn[id].add_root(plot);
  await addDocument(drawn[id], element(id));
}

/** Return the properties of texts, as Bokeh has them. */
function textStyle(prefix, colour, size = "13px") {
  const names = { text_color: colourOf(colour), text_font: FONT, text_font_size: size };
  return Object.fromEntries(Object.entries(names).map(([name, value]) => [`${prefix}_${name}`, value]));
}

/** Return the properties of an axis. */
function axisStyle(label) {
  const line = colourOf("var(--soft)");
  return {
    axis_label: label,
    axis_label_text_font_style: "normal",
    ...textStyle("axis_label", "var(--ink)", "14px"),
    ...textStyle("major_label", "var(--ink)"),
    axis_line_color: line,
    major_tick_line_color: line,
    minor_tick_line_color: null,
  };
}

/** Return a plot without anything in it. */
function emptyPlot(height, ranges, scales = {}) {
  const paper = colourOf("var(--paper)");
  return new M.Plot({
    sizing_mode: "stretch_width",
    height,
    ...ranges,
    ...scales,
    toolbar_location: null,
    background_fill_color: paper,
    border_fill_color: paper,
    outline_line_color: null,
    min_border_right: 16,
  });
}

/** Return a tool that shows under the pointer what some columns say; as text, whatever it holds. */
function hoverTool(renderers, columns) {
  return new M.HoverTool({ renderers, limit: 1, tooltips: columns.map((column) => [column, `@{${column}}`]) });
}

/** Return the ticks, with their texts, of a logarithmic axis of some numbers: 1, 2 and 5 of each power of ten, or fewer of many powers. */
function logTicks(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const powers = Array.from({ length: 80 }, (_, i) => i - 40).filter((i) => 10 ** (i + 1) > low && 10 ** i < high);
  const mantissas = powers.length > 3 ? [1] : [1, 2, 5];
  const every = Math.ceil(powers.length / 8);
  const ticks = powers.filter((i) => i % every === 0).flatMap((i) => mantissas.map((m) => Number(`${m}e${i}`)));
  const shown = ticks.filter((tick) => tick >= low && tick <= high);
  if (shown.length < 2) return { ticker: new M.LogTicker() };
  const texts = shown.map((tick) => [tick, tick < 1e5 && tick > 1e-6 ? String(tick) : tick.toExponential()]);
  return { ticker: new M.FixedTicker({ ticks: shown }), major_label_overrides: new Map(texts) };
}

/** Return the colour and the dashes of a line by its number. */
function strokeOf(number) {
  return [colourOf(COLOURS[number % COLOURS.length]), DASHES[Math.floor(number / COLOURS.length) % DASHES.length]];
}

/** Draw curves: each has a name and points. */
function drawCurves(curves, label, log) {
  const [scale, axis] = log ? [M.LogScale, M.LogAxis] : [M.LinearScale, M.LinearAxis];
  const ranges = { x_range: new M.DataRange1d({ range_padding: 0.02 }), y_range: new M.DataRange1d() };
  const plot = emptyPlot(400, ranges, { x_scale: new M.LinearScale(), y_scale: new scale() });
  const heights = curves.flatMap(({ points }) => points.flatMap(({ median, interval }) => [median, ...(interval ?? [])]));
  const ticks = log ? logTicks(heights.filter((height) => height > 0)) : {};
  const x = new M.LinearAxis({ ...axisStyle("epoch"), ticker: new M.BasicTicker({ min_interval: 1 }) });
  const y = new axis({ ...axisStyle(label), ...ticks, formatter: new M.BasicTickFormatter({ precision: "auto" }) });
  plot.add_layout(x, "below");
  plot.add_layout(y, "left");
  const grid = { grid_line_color: colourOf("var(--line)") };
  plot.add_layout(new M.Grid({ axis: y, dimension: 1, ...grid }), "center");
  const shown = (value) => (log && value <= 0 ? Number.NaN : value);
  const lines = curves.map(({ name, points }, number) => {
    const [line_color, line_dash] = strokeOf(number);
    const bands = points.map(({ median, interval }) => interval ?? [median, median]);
    const source = new M.ColumnDataSource({
      data: {
        x: points.map(({ epoch }) => epoch),
        y: points.map(({ median }) => shown(median)),
        low: bands.map(([low]) => shown(low)),
        high: bands.map(([, high]) => shown(high)),
        setting: points.map(() => name),
        epoch: points.map(({ epoch }) => String(epoch)),
        median: points.map(({ median }) => short(median)),
        "95 % interval": points.map(intervalInWords),
        runs: points.map(({ n }) => String(n)),
      },
    });
    const of = { x: { field: "x" }, y: { field: "y" } };
    const area = { x: { field: "x" }, y1: { field: "low" }, y2: { field: "high" } };
    plot.add_glyph(new M.VArea({ ...area, fill_color: line_color, fill_alpha: 0.2 }), source);
    plot.add_glyph(new M.Line({ ...of, line_color, line_dash, line_width: 2.5 }), source);
    if (points.length === 1) plot.add_glyph(new M.Scatter({ ...of, size: 9, fill_color: line_color, line_color }), source);
    // What the pointer meets is wider than what is seen.
    return plot.add_glyph(new M.Scatter({ ...of, size: 16, fill_alpha: 0, line_alpha: 0 }), source);
  });
  plot.add_tools(hoverTool(lines, ["setting", "epoch", "median", "95 % interval", "runs"]));
  return draw("curves-plot", plot);
}

/** Return the interval of a point of a curve in words. */
function intervalInWords({ interval, n }) {
  if (interval) return `${short(interval[0])} to ${short(interval[1])}`;
  return n === 1 ? "none: one run" : "none";
}

/** Return whether the text on a colour is to be light. */
function isDark(colour) {
  const [red, green, blue] = colour.match(/\d+/g).map(Number);
  return 0.299 * red + 0.587 * green + 0.114 * blue < 140;
}

/**
 * Draw a heat map. A side has `label` and `texts`. Each cell has its `row` and `column`, the texts of what is to be said
 * of it, `value` and `n`.
 */
function drawMap(cells, rows, columns, label, log) {
  const values = cells.map(({ value }) => value).filter((value) => value !== null && (!log || value > 0));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const at = (value) => (log ? Math.log(Math.max(value, low)) : value);
  const colours = cells.map(({ value }) =>
    value === null ? colourOf("var(--fill)") : ramp(high > low ? (at(value) - at(low)) / (at(high) - at(low)) : 0.5),
  );
  const ranges = {
    x_range: new M.FactorRange({ factors: columns.texts, range_padding: 0 }),
    y_range: new M.FactorRange({ factors: rows.texts.toReversed(), range_padding: 0 }),
  };
  const height = Math.max(40, Math.min(56, 520 / rows.texts.length)) * rows.texts.length + 90;
  const plot = emptyPlot(height, ranges, { x_scale: new M.CategoricalScale(), y_scale: new M.CategoricalScale() });
  const width = (element("map-plot").clientWidth - 220) / columns.texts.length;
  const long = Math.max(...columns.texts.map((text) => text.length)) * 8 > width;
  const tilted = long ? { major_label_orientation: 0.7 } : {};
  plot.add_layout(new M.CategoricalAxis({ ...axisStyle(columns.label), ...tilted }), "below");
  plot.add_layout(new M.CategoricalAxis(axisStyle(rows.label)), "left");
  const source = new M.ColumnDataSource({
    data: {
      x: cells.map(({ column }) => columns.texts[column]),
      y: cells.map(({ row }) => rows.texts[row]),
      colour: colours,
      ink: colours.map((colour) => (colour.startsWith("rgb") && isDark(colour) ? "#ffffff" : "#1b1b1b")),
      written: cells.map(({ value, n }) => (value === null ? "" : `${short(value)}\nn=${n}`)),
      setting: cells.map(({ setting }) => setting),
      value: cells.map(({ value }) => short(value)),
      runs: cells.map(({ n }) => String(n)),
      note: cells.map(({ note }) => note),
    },
  });
  const place = { x: { field: "x" }, y: { field: "y" } };
  const line_color = colourOf("var(--paper)");
  const rect = new M.Rect({ ...place, width: 1, height: 1, fill_color: { field: "colour" }, line_color });
  const boxes = plot.add_glyph(rect, source);
  if (width >= CELL_WIDTH) {
    const centred = { text_align: "center", text_baseline: "middle", text_color: { field: "ink" } };
    const font = { text_font: FONT, text_font_size: "12px", text_line_height: 1.1 };
    plot.add_glyph(new M.Text({ ...place, text: { field: "written" }, ...centred, ...font }), source);
  }
  if (values.length) {
    const palette = Array.from({ length: 64 }, (_, i) => hexadecimal(ramp(i / 63)));
    const ends = high > low ? { low, high } : { low: low - (log ? low / 2 : 1), high: high + (log ? high : 1) };
    const mapper = new (log ? M.LogColorMapper : M.LinearColorMapper)({ palette, ...ends });
    const ticks = log ? logTicks(Object.values(ends)) : { ticker: new M.BasicTicker({ desired_num_ticks: 4 }) };
    const bar = { color_mapper: mapper, ...ticks, formatter: new M.BasicTickFormatter(), width: 14, title: "" };
    const looks = { background_fill_color: line_color, ...textStyle("major_label", "var(--ink)", "12px") };
    plot.add_layout(new M.ColorBar({ ...bar, ...looks }), "right");
  }
  const columnsShown = ["setting", "value", "runs"];
  if (cells.some(({ note }) => note)) columnsShown.push("note");
  plot.add_tools(hoverTool([boxes], columnsShown));
  return draw("map-plot", plot);
}

/** Return a colour such as "rgb(1 2 3)" in hexadecimal. */
function hexadecimal(colour) {
  return `#${colour.match(/\d+/g).map((part) => Number(part).toString(16).padStart(2, "0")).join("")}`;
}
