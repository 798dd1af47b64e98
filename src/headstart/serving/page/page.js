"use strict";
const learns = document.body.dataset.learns === "1", FEW = 5, MOST_AT_ONCE = 16;
let models = [], limits = {}, waiting = Promise.resolve();

function form(files, fields = {}) {
  const body = new FormData();
  for (const file of files) body.append("files", file, file.name || "picture.png");
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  return { method: "POST", body };
}

const chosen = () => models.find((one) => one.name === at("model").value) ?? models[0];

function fact(name, big, under = "") {
  const value = made("dd", {}, made("span", { className: big.length < 15 ? "big" : "", textContent: big }));
  if (under) value.append(made("span", { className: "soft small", textContent: under }));
  return made("div", {}, made("dt", { textContent: name }), value);
}

function describe() {
  const one = chosen(), facts = [], accuracy = one.metrics?.accuracy;
  at("subtitle").textContent = one.classes.length <= 12 ? one.classes.join(" · ") : said("It knows %(count)s classes.", { count: number(one.classes.length) });
  at("sentence").textContent = one.sentence ?? "";
  at("protocol").textContent = one.protocol ?? "";
  if (accuracy) facts.push(fact(said("Accuracy"), percent(accuracy.value),
    between(accuracy, one.num_images)));
  if (one.num_train) facts.push(fact(said("Learned from"), said("%(count)s images", { count: number(one.num_train) })));
  facts.push(fact(said("Classes"), number(one.classes.length)));
  const networks = [...new Set((one.pretrained ?? []).map((name) => (name === "none" ? said("From scratch") : name)))];
  if (networks.length) facts.push(fact(said("Networks"), networks.join(", "),
    Object.values(one.licenses ?? {}).length ? `${said("License")}: ${[...new Set(Object.values(one.licenses))].join(", ")}` : ""));
  if (one.method) facts.push(fact(said("Method"), [...new Set(one.method)].join(", ")));
  facts.push(fact(said("Version"), one.version, one.first_model ? said("The first model of an unfinished run") : ""));
  at("facts").replaceChildren(...facts);
}

function bars(probs) {
  const all = Object.entries(probs).sort((one, other) => other[1] - one[1]);
  const list = made("ol", { className: "bars" });
  const show = (count) => list.replaceChildren(...all.slice(0, count).map(([name, share]) => {
    const fill = made("span", { className: "fill" });
    fill.style.width = percent(share);
    return made("li", {}, made("span", { className: "name", textContent: name, title: name }), made("span", { className: "track" }, fill),
      made("span", { className: "value", textContent: percent(share) }));
  }));
  show(FEW);
  if (all.length <= FEW) return [list];
  const more = made("button", { type: "button", className: "button quiet", textContent: said("Show all %(count)s classes", { count: number(all.length) }) });
  more.onclick = () => {
    const few = list.children.length === FEW;
    show(few ? all.length : FEW);
    more.textContent = few ? said("Show fewer") : said("Show all %(count)s classes", { count: number(all.length) });
  };
  return [list, more];
}

function unlike(unknown) {
  if (!unknown?.flag) return null;
  const why = unknown.p_value === undefined || unknown.p_value === null ? ""
    : ` ${said("No more than %(share)s of known pictures look so unusual.", { share: percent(unknown.p_value) })}`;
  return made("div", { className: "unlike" }, made("b", { textContent: said("Looks like none of them") }),
    said("This picture is unlike those that the model learned from. The label is its best guess.") + why);
}

function heat(shown, drops) {
  const cells = drops.length, most = Math.max(...drops.flat());
  if (most < 0.02) return false;
  const small = made("canvas", { width: cells, height: cells }), pen = small.getContext("2d");
  const image = pen.createImageData(cells, cells);
  drops.flat().forEach((drop, place) => image.data.set([255, 72, 0, Math.round(205 * Math.max(0, drop) / most)], 4 * place));
  pen.putImageData(image, 0, 0);
  const large = made("canvas", { width: 280, height: 280 });
  large.setAttribute("aria-hidden", "true");
  const brush = large.getContext("2d");
  brush.imageSmoothingQuality = "high";
  brush.drawImage(small, 0, 0, 280, 280);
  shown.append(large);
  shown.classList.add("explained");
  return true;
}

async function explain(file, model, shown, place, label) {
  place.replaceChildren(made("p", { className: "soft small", textContent: said("Looking for reasons …") }));
  try {
    const found = await asked(`/explain?model=${encodeURIComponent(model)}`, form([file]));
    const decided = heat(shown, found.drops);
    place.replaceChildren(made("h3", { textContent: said("Where it looked") }), made("p", { className: "soft small", textContent: decided
      ? said("The more a part is colored, the more the probability falls when that part is covered.")
      : said("No part decides alone: the probability hardly falls when one is covered.") }));
    if (found.nearest?.length) {
      const row = made("div", { className: "nearest" }, ...found.nearest.map((one) => made("figure", { className: one.label === label ? "same" : "" },
        made("img", { src: one.picture, alt: one.label, className: one.tiny ? "tiny" : "" }), made("figcaption", { textContent: one.label, title: one.label }))));
      place.append(made("h3", { textContent: found.nearest[0].contribution === null ? said("Nearest training pictures") : said("Similar training pictures that speak for it") }), row);
    }
  } catch (error) {
    place.replaceChildren(made("p", { className: "error small", textContent: error.message }));
  }
}

function correction(file, model) {
  const OTHER = "\u0000", id = `right-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  const choice = made("select", { id }, made("option", { value: "", textContent: "" }),
    ...model.classes.map((name) => made("option", { value: name, textContent: name })), made("option", { value: OTHER, textContent: said("Another class …") }));
  const typed = made("input", { type: "text", maxLength: 200, placeholder: said("Name of the class"), hidden: true });
  typed.setAttribute("aria-label", said("Name of the class"));
  const keep = made("button", { type: "submit", className: "button", textContent: said("Keep"), disabled: true });
  const line = made("form", { className: "correct" }, made("label", { htmlFor: id, textContent: said("Wrong? Choose the right class") }), choice, typed, keep);
  const label = () => (choice.value === OTHER ? typed.value.trim() : choice.value);
  choice.onchange = () => { typed.hidden = choice.value !== OTHER; keep.disabled = !label(); if (!typed.hidden) typed.focus(); };
  typed.oninput = () => { keep.disabled = !label(); };
  line.onsubmit = async (event) => {
    event.preventDefault();
    keep.disabled = true;
    try {
      const found = await asked(`/corrections?model=${encodeURIComponent(model.name)}`, form([file], { label: label() }));
      line.replaceChildren(made("p", { className: "kept", role: "status",
        textContent: said("Kept as %(label)s. %(count)s corrections wait for `headstart extend`.", { label: found.label, count: number(found.num_corrections) }) }));
    } catch (error) {
      line.append(made("p", { className: "error", textContent: error.message }));
      keep.disabled = false;
    }
  };
  return line;
}

function result(file, row, model, alone) {
  const image = made("img", { src: URL.createObjectURL(file), alt: row.path });
  image.onload = () => image.classList.toggle("tiny", Math.max(image.naturalWidth, image.naturalHeight) <= 40);
  image.onerror = () => image.remove();
  const shown = made("div", { className: "shown" }, image), item = made("li", { className: "result" });
  const left = made("div", {}, shown, made("p", { className: "file", textContent: row.path })), right = made("div");
  item.append(left, right);
  if (row.error) {
    right.append(made("p", { className: "error", textContent: row.error }));
  } else {
    const reasons = made("div", { className: "reasons" });
    const start = () => explain(file, model.name, shown, reasons, row.label);
    const [head, small] = row.labels ? [row.labels.join(" · ") || "–", ""] : typeof row.value === "number"
      ? [row.value.toPrecision(4), row.interval ? `${row.interval.low.toPrecision(4)} – ${row.interval.high.toPrecision(4)}` : ""]
      : [row.label, percent(row.probability)];
    right.append(made("p", { className: "label" }, head, made("small", { textContent: small })),
      ...[unlike(row.unknown), ...(row.probs ? bars(row.probs) : [])].filter(Boolean));
    if (model.kind === "run") {
      right.append(reasons);
      if (alone) start();
      else reasons.append(made("button", { type: "button", className: "button quiet", textContent: said("Why?"), onclick: start }));
      if (learns) right.append(correction(file, model));
    }
  }
  return item;
}

async function predict(files) {
  const model = chosen(), alone = files.length === 1;
  const most = Math.min(MOST_AT_ONCE, limits.max_files ?? MOST_AT_ONCE);
  tell(said("Predicting …"));
  try {
    for (let first = 0; first < files.length; first += most) {
      const part = files.slice(first, first + most);
      let rows;
      try {
        rows = (await asked(`/predict?model=${encodeURIComponent(model.name)}`, form(part))).predictions;
      } catch (error) {
        if (!error.found?.predictions) throw error;
        rows = error.found.predictions;
      }
      at("results").prepend(...part.map((file, place) => result(file, rows[place], model, alone)));
    }
    tell("");
  } catch (error) {
    tell(error.message, true);
  }
}

function take(list) {
  const files = [...list].filter((one) => one instanceof File);
  if (files.length && models.length) waiting = waiting.then(() => predict(files));
}

async function begin() {
  try {
    const found = await asked("/models");
    models = found.models;
    limits = found.limits;
  } catch (error) {
    tell(error.message, true);
    return;
  }
  at("key").hidden = true;
  tell("");
  at("model").replaceChildren(...models.map((one) => made("option", { value: one.name, textContent: one.name })));
  at("chooser").hidden = models.length < 2;
  describe();
}

at("choose").onclick = () => at("files").click();
at("shoot").onclick = () => at("photo").click();
for (const id of ["files", "photo"]) at(id).onchange = (event) => { take(event.target.files); event.target.value = ""; };
at("model").onchange = describe;
whenKeyIsGiven(begin);
addEventListener("paste", (event) => take(event.clipboardData?.files ?? []));
addEventListener("dragover", (event) => { event.preventDefault(); at("drop").classList.add("over"); });
addEventListener("dragleave", (event) => { if (!event.relatedTarget) at("drop").classList.remove("over"); });
addEventListener("drop", (event) => { event.preventDefault(); at("drop").classList.remove("over"); take(event.dataTransfer?.files ?? []); });
begin();
