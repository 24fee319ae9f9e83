"use strict";
const $ = (id) => document.getElementById(id);
const map = $("map"), paint = map.getContext("2d");
let about, points, values, range, chosen = null, near = [];

async function get(path, binary) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(await answer.text());
  return binary ? new Float32Array(await answer.arrayBuffer()) : answer.json();
}

function say(text) { $("said").textContent = text; }

// All text of the bank enters the page as text, never as HTML.
function make(name, text, parent) {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  parent.append(made);
  return made;
}

function x(row) { return (points[2 * row] + 1.1) / 2.2 * map.width; }
function y(row) { return (1.1 - points[2 * row + 1]) / 2.2 * map.height; }

function draw() {
  const image = paint.createImageData(map.width, map.height), size = about.count > 20000 ? 1 : 3;
  for (let row = 0; row < about.count; row++) {
    const value = values ? (values[row] - range[0]) / (range[1] - range[0]) : 0.5;
    const t = Math.min(1, Math.max(0, value)), left = x(row) | 0, top = y(row) | 0;
    const color = Number.isNaN(value) ? [128, 128, 128] : [40 + 215 * t, 90 + 80 * (1 - Math.abs(2 * t - 1)), 235 * (1 - t) + 20];
    for (let dx = 0; dx < size; dx++) for (let dy = 0; dy < size; dy++) {
      const at = 4 * ((top + dy) * map.width + left + dx);
      image.data.set(color, at);
      image.data[at + 3] = 255;
    }
  }
  paint.putImageData(image, 0, 0);
  for (const row of near) ring(row, 5, "#0a0");
  if (chosen !== null) ring(chosen, 9, "#d00");
}

function ring(row, radius, color) {
  paint.strokeStyle = color;
  paint.lineWidth = 2.5;
  paint.beginPath();
  paint.arc(x(row), y(row), radius, 0, 7);
  paint.stroke();
}

function described(each, parent) {
  const list = make("dl", null, parent);
  const rows = Object.entries(each.labels);
  if (each.position) rows.unshift(["RA, Dec", each.position.map((v) => v === null ? "?" : v.toFixed(5)).join(", ")]);
  for (const [name, value] of rows) {
    make("dt", name, list);
    make("dd", value === null ? "unknown" : typeof value === "number" ? value.toPrecision(4) : value, list);
  }
}

function pictures(row, id, parent) {
  if (!about.pictures) return;
  for (const kind of about.kinds) {
    const picture = make("img", null, parent);
    picture.className = kind;
    picture.alt = `${kind} of ${id}`;
    picture.loading = "lazy";
    picture.onerror = () => picture.remove();
    picture.src = `${kind}/${row}`;
  }
}

async function show(row) {
  try {
    const found = await get(`galaxy?row=${row}`), panel = $("galaxy");
    chosen = row;
    near = found.near.flatMap((group) => group.galaxies.map((each) => each.row));
    panel.replaceChildren();
    make("h2", found.galaxy.id, panel);
    described(found.galaxy, panel);
    pictures(row, found.galaxy.id, panel);
    for (const group of found.near) {
      make("h3", `Nearest ${group.kind === "image" ? "images" : "spectra"} to its ${group.of}`, panel);
      const grid = make("div", null, panel);
      grid.className = "near";
      for (const each of group.galaxies) {
        const button = make("button", null, grid);
        make("div", `${each.id}  ${each.cosine.toFixed(3)}`, button);
        pictures(each.row, each.id, button);
        described(each, button);
        button.onclick = () => show(each.row);
      }
    }
    draw();
    say("");
  } catch (error) { say(error.message); }
}

map.onclick = (event) => {
  const box = map.getBoundingClientRect();
  const [left, top] = [(event.clientX - box.left) / box.width * map.width, (event.clientY - box.top) / box.height * map.height];
  let best = 0, least = Infinity;
  for (let row = 0; row < about.count; row++) {
    const apart = (x(row) - left) ** 2 + (y(row) - top) ** 2;
    if (apart < least) [best, least] = [row, apart];
  }
  show(best);
};

$("search").onsubmit = async (event) => {
  event.preventDefault();
  try { await show((await get(`find?word=${encodeURIComponent($("word").value.trim())}`)).row); }
  catch (error) { say(error.message); }
};

$("color").onchange = async () => {
  values = await get(`label?name=${encodeURIComponent($("color").value)}`, true);
  const known = values.filter((value) => !Number.isNaN(value)).sort();
  range = [known[known.length * 0.02 | 0] ?? 0, known[known.length * 0.98 | 0] ?? 1];
  if (range[0] === range[1]) range[1] += 1;
  $("scale").textContent = `blue ${range[0].toPrecision(3)} to red ${range[1].toPrecision(3)}`;
  draw();
};

(async () => {
  about = await get("about");
  points = await get("points", true);
  for (const name of about.labels) make("option", name, $("color"));
  if (about.labels.includes("redshift")) $("color").value = "redshift";
  if (about.labels.length) await $("color").onchange(); else draw();
  say(`${about.count} galaxies`);
})().catch((error) => say(error.message));
