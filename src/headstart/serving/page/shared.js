"use strict";
const texts = JSON.parse(document.body.dataset.texts), KEY = "headstart-key", LANGUAGE = document.documentElement.lang;
const at = (id) => document.getElementById(id);
const said = (text, values = {}) => Object.entries(values).reduce((so, [name, value]) => so.replace(`%(${name})s`, () => value), texts[text] ?? text);
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)}%`;
const number = (value) => value.toLocaleString(LANGUAGE);

function made(tag, given = {}, ...children) {
  const node = Object.assign(document.createElement(tag), given);
  node.append(...children.filter((child) => child !== null));
  return node;
}

async function asked(address, options = {}) {
  const key = sessionStorage.getItem(KEY), headers = key ? { Authorization: `Bearer ${key}` } : {};
  const place = `${address}${address.includes("?") ? "&" : "?"}lang=${LANGUAGE}`;
  let answer;
  try { answer = await fetch(place, { ...options, headers }); } catch { throw new Error(said("The server does not answer. Is it still running?")); }
  const found = await answer.json();
  if (answer.status === 401) { at("key").hidden = false; throw new Error(said("This server needs a key.")); }
  if (!answer.ok) throw Object.assign(new Error(found.error), { found });
  return found;
}

function tell(text, bad = false) {
  at("status").textContent = text;
  at("status").classList.toggle("bad", bad);
}

function between(one, count, digits = 1) {
  return `${said("between %(low)s and %(high)s", { low: percent(one.low, digits), high: percent(one.high, digits) })} ${said("on %(count)s images", { count: number(count) })}`;
}

function whenKeyIsGiven(begin) {
  at("key").onsubmit = (event) => { event.preventDefault(); sessionStorage.setItem(KEY, at("secret").value); at("key").hidden = true; begin(); };
}
