"use strict";
const SOON = 2000, LATER = 10000;
const unit = (name, digits = 0) => {
  const format = new Intl.NumberFormat(LANGUAGE, { style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: digits });
  return (value) => format.format(value);
};
const seconds = unit("second"), minutes = unit("minute", 1), hours = unit("hour", 1), milliseconds = unit("millisecond", 1), megabytes = unit("megabyte", 1);
const duration = (time) => (time < 59.5 ? seconds(time) : time < 3570 ? minutes(time / 60) : hours(time / 3600));
const day = (text) => new Date(text).toLocaleDateString(LANGUAGE, { year: "numeric", month: "short", day: "numeric" });
const signed = (value, digits) => `${value < 0 ? "−" : value > 0 ? "+" : ""}${Math.abs(value).toFixed(digits)}`;
const metric = (name) => (run) => run.metrics?.[name]?.value;
let finished = [], unfinished = [], shown = "", chosen = [], order = { name: "date", falls: true }, timer = null;

const COLUMNS = [
  { name: "name", title: said("Run"), value: (run) => run.name, cell: nameCell },
  { name: "verdict", title: said("Verdict"), value: (run) => run.verdict ?? "", cell: (run) => made("td", {}, chip(run.verdict)) },
  { name: "accuracy", title: said("Accuracy"), falls: true, value: metric("accuracy"), cell: accuracyCell },
  { name: "balanced_accuracy", title: said("Balanced accuracy"), falls: true, value: metric("balanced_accuracy"), cell: metricCell("balanced_accuracy") },
  { name: "ece", title: said("Calibration error"), value: metric("ece"), cell: metricCell("ece") },
  { name: "seconds", title: said("Time"), value: (run) => run.seconds || undefined, cell: plainCell((run) => run.seconds, duration) },
  { name: "megabytes", title: said("Weights"), value: (run) => run.megabytes ?? undefined, cell: plainCell((run) => run.megabytes, megabytes) },
  { name: "milliseconds", title: said("An image"), value: (run) => run.milliseconds ?? undefined, cell: plainCell((run) => run.milliseconds, milliseconds) },
  { name: "date", title: said("Date"), falls: true, value: (run) => run.date, cell: plainCell((run) => run.date, day) },
];

function chip(verdict) {
  const names = { transfer: said("transfer"), scratch: said("scratch"), "no difference": said("no difference"), "not judged": said("not judged") };
  return made("span", { className: `chip ${(verdict ?? "none").replace(" ", "-")}`, textContent: names[verdict] ?? said("fitted by hand") });
}

function nameCell(run) {
  const box = made("input", { type: "checkbox", checked: chosen.includes(run.name), disabled: !run.metrics?.accuracy });
  box.setAttribute("aria-label", said("Choose %(name)s to compare", { name: run.name }));
  box.onchange = () => choose(run.name, box.checked);
  const under = run.damage ? said("%(name)s cannot be read: %(reason)s", { name: run.name, reason: run.damage }) : run.chosen;
  return made("th", { scope: "row" }, made("label", { className: "pick" }, box, made("span", {}, made("b", { textContent: run.name }),
    made("span", { className: "under", textContent: under ?? "", title: run.sentence || under || "" }))));
}

function whiskers(one, kind = "") {
  const bar = made("span", { className: "fill" }), range = made("span", { className: "whisker" });
  bar.style.width = percent(one.value, 2);
  range.style.left = percent(one.low, 2);
  range.style.width = percent(one.high - one.low, 2);
  const whole = made("span", { className: `bar ${kind}` }, bar, range);
  whole.setAttribute("aria-hidden", "true");
  return whole;
}

function accuracyCell(run) {
  const one = run.metrics?.accuracy;
  if (!one) return made("td", { className: "wide-cell", textContent: "–" });
  return made("td", { className: "wide-cell" }, made("span", { className: "value-line" }, made("b", { textContent: percent(one.value) }),
    made("span", { className: "soft small", textContent: `${percent(one.low)} – ${percent(one.high)}`, title: between(one, run.num_images) })), whiskers(one));
}

function metricCell(name) {
  return (run) => {
    const one = run.metrics?.[name];
    return made("td", { className: "n", textContent: one ? percent(one.value) : "–", title: one ? between(one, run.num_images) : "" });
  };
}

function plainCell(value, show) {
  return (run) => { const found = value(run); return made("td", { className: "n", textContent: found === null || found === undefined || found === 0 ? "–" : show(found) }); };
}

function sorted() {
  const column = COLUMNS.find((one) => one.name === order.name), sign = order.falls ? -1 : 1;
  return [...finished].sort((one, other) => {
    const a = column.value(one), b = column.value(other);
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    return sign * (typeof a === "string" ? a.localeCompare(b, LANGUAGE) : a - b);
  });
}

function sortBy(name, falls) {
  order = { name, falls };
  drawHead();
  drawRows();
}

function drawHead() {
  at("head").replaceChildren(...COLUMNS.map((column) => {
    const own = order.name === column.name;
    const button = made("button", { type: "button", className: "sort", textContent: column.title, title: said("Sort by %(name)s", { name: column.title }) });
    button.onclick = () => { sortBy(column.name, own ? !order.falls : Boolean(column.falls)); at("head").querySelector(`[data-name="${column.name}"] button`).focus(); };
    const cell = made("th", { scope: "col", className: COLUMNS.indexOf(column) > 2 ? "n" : "" }, button);
    cell.dataset.name = column.name;
    if (own) cell.setAttribute("aria-sort", order.falls ? "descending" : "ascending");
    return cell;
  }));
  at("sort").replaceChildren(...COLUMNS.map((column) => made("option", { value: column.name, textContent: column.title, selected: column.name === order.name })));
}

function drawRows() {
  at("rows").replaceChildren(...sorted().map((run) => {
    const row = made("tr", { className: chosen.includes(run.name) ? "picked" : "" }, ...COLUMNS.map((column) => {
      const cell = column.cell(run);
      cell.dataset.title = column.title;
      return cell;
    }));
    row.dataset.name = run.name;
    return row;
  }));
}

function fact(name, value) {
  return made("div", {}, made("dt", { textContent: name }), made("dd", { textContent: value }));
}

function standing(run) {
  const best = made("div", { className: "best" }, made("p", { className: "soft small", textContent: said("Best so far") }));
  if (!run.accuracy) return made("div", { className: "best" }, ...best.children, made("p", { className: "big soft", textContent: said("nothing yet") }));
  best.append(made("p", { className: "big", textContent: percent(run.accuracy.value) }, made("small", { textContent: `${percent(run.accuracy.low)} – ${percent(run.accuracy.high)}` })),
    whiskers(run.accuracy, "large"), made("p", { className: "soft small what", textContent: run.best }));
  return best;
}

function work(run) {
  const now = made("div", { className: "now" });
  if (!run.stage) return now;
  now.append(made("p", { className: "soft small", textContent: said("Now") }), made("p", { className: "what", textContent: run.stage }));
  if (run.total) {
    const bar = made("progress", { max: run.total, value: run.done });
    bar.setAttribute("aria-label", run.part);
    now.append(bar, made("p", { className: "soft small", textContent: `${run.part} · ${said("%(done)s of %(total)s", { done: number(run.done), total: number(run.total) })}` }));
  }
  return now;
}

function stopped(run) {
  const parts = [];
  if (run.state === "broke down") parts.push(made("p", { className: "error", textContent: run.advice }));
  else {
    if (run.silent_seconds !== undefined) parts.push(made("p", { textContent: run.ended && run.ended !== "interrupted"
      ? said("Its process is gone. It ended before its end: %(reason)s", { reason: run.ended }) : said("Its process is gone.") }));
    if (run.state !== "interrupted") parts.push(made("p", { textContent: said("Its first model predicts.") }));
    parts.push(made("p", { className: "soft small", textContent: said("To go on") }), made("code", { className: "command", textContent: run.advice }),
      made("p", { className: "soft small", textContent: said("Folders are left out here. A run that is started again goes on from what is finished.") }));
  }
  return made("div", { className: "stopped" }, ...parts);
}

function card(run) {
  const alive = run.state === "in progress", facts = [];
  if (run.num_tried !== undefined) facts.push(fact(said("Candidates tried"), number(run.num_tried)));
  if (alive && run.left_seconds !== null) facts.push(fact(said("Time left, at most"), duration(run.left_seconds)));
  if (alive) facts.push(fact(said("Running for"), duration(run.running_seconds)));
  if (run.silent_seconds !== undefined) facts.push(fact(said("Last sign of life"), said("%(time)s ago", { time: duration(run.silent_seconds) })));
  const names = { "in progress": said("in progress"), "broke down": said("broke down") };
  const item = made("li", { className: `run-card ${alive ? "alive" : "ended"}` },
    made("p", { className: "run-name" }, made("b", { textContent: run.name }), made("span", { className: `chip ${alive ? "alive" : "ended"}`, textContent: names[run.state] ?? said("interrupted") })),
    standing(run), alive ? work(run) : stopped(run), made("dl", { className: "run-facts" }, ...facts));
  item.dataset.name = run.name;
  return item;
}

function choose(name, wanted) {
  chosen = chosen.filter((one) => one !== name);
  if (wanted) chosen = [...chosen.slice(-1), name];
  at("compared").replaceChildren();
  drawTray();
  for (const row of at("rows").children) {
    const own = chosen.includes(row.dataset.name);
    row.className = own ? "picked" : "";
    row.querySelector("input").checked = own;
  }
}

function drawTray() {
  const [first, second] = chosen;
  at("tray").hidden = !first;
  document.body.classList.toggle("has-tray", Boolean(first));
  at("compare").hidden = !second;
  at("picked").textContent = second ? said("Compare %(first)s with %(second)s", { first, second }) : said("Compare %(name)s with another run: choose one more.", { name: first });
}

function strip(one, most, text) {
  const line = made("span", { className: "strip" }), range = made("i"), dot = made("b"), zero = made("u");
  const place = (value) => percent(0.5 + value / (2 * most), 2);
  range.style.left = place(one.low);
  range.style.width = percent((one.high - one.low) / (2 * most), 2);
  dot.style.left = place(one.value);
  line.append(zero, range, dot);
  line.setAttribute("role", "img");
  line.setAttribute("aria-label", text);
  return line;
}

function gain(title, one, scale, digits) {
  const most = 1.15 * Math.max(Math.abs(one.low), Math.abs(one.high), 1e-6);
  const range = `${signed(scale * one.low, digits)} … ${signed(scale * one.high, digits)}`, value = signed(scale * one.value, digits);
  return made("div", {}, made("dt", { textContent: title }), made("dd", {}, made("span", { className: "big", textContent: value }), strip(one, most, `${value} [${range}]`), made("span", { className: "soft small", textContent: range })));
}

async function compare() {
  const [first, second] = chosen;
  at("compare").disabled = true;
  at("compared").replaceChildren(made("p", { className: "soft", textContent: said("Comparing …") }));
  try {
    const found = await asked(`/runs/compare?first=${encodeURIComponent(first)}&second=${encodeURIComponent(second)}`);
    const verdicts = { better: said("%(first)s is better than %(second)s.", { first, second }), worse: said("%(first)s is worse than %(second)s.", { first, second }) };
    at("compared").replaceChildren(made("p", { className: "verdict", textContent: verdicts[found.verdict] ?? said("These images show no difference between %(first)s and %(second)s.", { first, second }) }),
      made("dl", { className: "gains" }, gain(said("Accuracy, points"), found.accuracy_gain, 100, 1), gain(said("Log loss, lower by"), found.log_loss_gain, 1, 3),
        fact(said("p-value (McNemar)"), found.p_value < 1e-4 ? "< 0.0001" : found.p_value.toPrecision(2)), fact(said("Images that both predicted"), number(found.num_rows))));
  } catch (error) {
    at("compared").replaceChildren(made("p", { className: "error", textContent: error.message }));
  }
  at("compare").disabled = false;
}

function drawUnfinished() {
  const list = at("unfinished"), before = new Map([...list.children].map((item) => [item.dataset.name, item]));
  const alive = (run) => run.state === "in progress";
  const items = [...unfinished].sort((one, other) => alive(other) - alive(one)).map((run) => renewed(before.get(run.name), card(run)));
  if (items.length !== list.children.length || items.some((item, place) => item !== list.children[place])) list.replaceChildren(...items);
}

function renewed(before, item) {
  if (before?.className !== item.className || before.children.length !== item.children.length) return item;
  [...item.children].forEach((part, place) => { if (part.outerHTML !== before.children[place].outerHTML) before.children[place].replaceWith(part); });
  return before;
}

function draw(found) {
  const before = unfinished.filter((run) => run.state === "in progress").map((run) => run.name);
  unfinished = found.unfinished;
  at("unfinished-part").hidden = !unfinished.length;
  drawUnfinished();
  const text = JSON.stringify(found.finished);
  if (text !== shown) {
    shown = text;
    finished = found.finished;
    chosen = chosen.filter((name) => finished.some((run) => run.name === name));
    at("finished-part").hidden = !finished.length;
    drawHead();
    drawRows();
    drawTray();
  }
  const ended = before.filter((name) => finished.some((run) => run.name === name) && !unfinished.some((run) => run.name === name));
  if (ended.length) tell(ended.map((name) => said("%(name)s is finished.", { name })).join(" "));
  at("subtitle").textContent = finished.length + unfinished.length
    ? said("%(count)s runs in %(folder)s", { count: number(new Set([...finished, ...unfinished].map((run) => run.name)).size), folder: found.folder })
    : said("There is no run in %(folder)s yet. `headstart run DATA` makes one.", { folder: found.folder });
}

async function look() {
  clearTimeout(timer);
  if (!document.hidden) {
    try {
      draw(await asked("/runs/list"));
      if (at("status").classList.contains("bad")) tell("");
    } catch (error) {
      tell(error.message, true);
    }
  }
  const soon = unfinished.some((run) => run.state === "in progress") || finished.some((run) => run.cost === "not yet");
  timer = setTimeout(look, soon ? SOON : LATER);
}

at("sort").onchange = () => { const column = COLUMNS.find((one) => one.name === at("sort").value); sortBy(column.name, Boolean(column.falls)); };
at("compare").onclick = compare;
at("clear").onclick = () => { for (const name of [...chosen]) choose(name, false); };
addEventListener("visibilitychange", look);
whenKeyIsGiven(look);
look();
