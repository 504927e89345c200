"use strict";
// The charts: Vega-Lite draws them; the colours are the page's, so that light, dark and print need no second drawing.
const CONFIG = {
  background: null,
  font: "system-ui, sans-serif",
  view: {stroke: null},
  axis: {
    labelColor: "var(--soft)", titleColor: "var(--soft)", titleFontWeight: "normal", gridColor: "var(--line)",
    domainColor: "var(--line)", tickColor: "var(--line)", labelFontSize: 12, titleFontSize: 12, titlePadding: 8,
  },
  legend: {labelColor: "var(--ink)", labelFontSize: 12, symbolOpacity: 1},
  text: {color: "var(--ink)", fontSize: 12},
};
const [FIGURES, IMAGES] = ["figures", "images"].map((id) => JSON.parse(document.getElementById(id).textContent));
const uri = (key) => `data:image/webp;base64,${IMAGES[key]}`;

// An interpreter of expressions instead of eval: the page's policy allows no code but its own.
async function draw(figure, choice) {
  const place = figure.querySelector(".chart");
  const chart = structuredClone(FIGURES[figure.dataset.chart][choice]);
  for (const value of chart.data.values) if (value.image) value.url = uri(value.image);
  const result = await vegaEmbed(place, chart, {
    mode: "vega-lite", renderer: "svg", actions: false, ast: true, config: CONFIG,
    tooltip: {theme: "page", disableDefaultStyle: true},
  });
  figure.finalize?.();
  figure.finalize = () => result.finalize();
  figure.dataset.drawn = choice;
}

function make(name, attributes, ...children) {
  const svg = name === "svg" || name === "rect";
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// An image with its caption; over it, where parts of it were hidden, how much each took from the answer.
function shot({i, t = "", a = "", m = "", h = []}) {
  const image = make("img", {src: uri(i), alt: a, loading: "lazy"});
  image.addEventListener("load", () => image.classList.toggle("tiny", image.naturalWidth <= 48));
  const squares = h.flatMap((row, y) => row.map((fall, x) => make("rect", {
    x, y, width: 1, height: 1, fill: fall > 0 ? "#ff7a1a" : "#2f7bff", "fill-opacity": 0.75 * Math.abs(fall),
  })));
  const over = squares.length ? [make("svg", {viewBox: `0 0 ${h.length} ${h.length}`, preserveAspectRatio: "none", "aria-hidden": true}, ...squares)] : [];
  return make("div", {class: `shot ${m}`}, make("div", {class: "frame"}, image, ...over), make("span", {}, t));
}

function show(figure, choice) {
  const groups = FIGURES[figure.dataset.gallery][choice].map(({g, s}) => make(
    "div", {class: "group"}, ...(g ? [make("p", {}, g)] : []), make("div", {class: "shots"}, ...s.map(shot)),
  ));
  figure.querySelector(".gallery").replaceChildren(...groups);
  figure.dataset.drawn = choice;
}

async function drawAll() {
  for (const figure of document.querySelectorAll("figure[data-chart], figure[data-gallery]")) {
    const select = figure.querySelector("select");
    const change = figure.dataset.chart ? draw : show;
    select?.addEventListener("change", () => change(figure, select.selectedIndex));
    await new Promise((done) => setTimeout(done)); // the reader's clicks come first
    await change(figure, 0);
  }
  document.body.dataset.ready = "true";
}

// The table: sorted by its headings, filtered by words, columns chosen, a row to compare with on top.
function table(section) {
  const body = section.querySelector(".results tbody");
  const heads = [...section.querySelectorAll(".results thead th")];
  const rows = [...body.rows].map((tr, place) => ({tr, place, text: tr.textContent.toLowerCase(), test: parseFloat(tr.dataset.test)}));
  const search = section.querySelector("input[type=search]");
  const pin = section.querySelector("select.baseline-choice");
  const delta = heads.findIndex((th) => th.dataset.column === "delta");
  let column = -1, sign = 1;

  const key = (row) => row.tr.cells[column].dataset.value ?? row.tr.cells[column].textContent.toLowerCase();
  function compare(a, b) {
    if (column < 0) return a.place - b.place;
    const [x, y] = [key(a), key(b)];
    if (x === "" || y === "") return (x === "") - (y === ""); // what is not there stays below, whatever the order
    const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
    return sign * order || a.place - b.place;
  }
  function arrange() {
    const base = rows[pin.selectedIndex - 1];
    body.append(...rows.toSorted((a, b) => (b === base) - (a === base) || compare(a, b)).map((row) => row.tr));
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      row.tr.hidden = row !== base && !words.every((word) => row.text.includes(word));
      row.tr.classList.toggle("pinned", row === base);
    }
    const shown = rows.filter((row) => !row.tr.hidden).length;
    section.querySelector("output").textContent = `${shown} of ${rows.length} rows`;
    heads.forEach((th, i) => {
      if (i === column) th.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      else th.removeAttribute("aria-sort");
    });
  }
  function show(index, visible) {
    heads[index].hidden = !visible;
    for (const row of rows) row.tr.cells[index].hidden = !visible;
  }
  heads.forEach((th, index) => th.querySelector("button").addEventListener("click", () => {
    // Numbers are sorted from the largest first, names from A; a third click brings the order of the report back.
    const first = th.classList.contains("n") ? -1 : 1;
    if (column !== index) [column, sign] = [index, first];
    else if (sign === first) sign = -first;
    else [column, sign] = [-1, 1];
    arrange();
  }));
  search.addEventListener("input", arrange);
  pin.addEventListener("change", () => {
    const base = rows[pin.selectedIndex - 1];
    for (const row of rows) {
      const points = base ? row.test - base.test : NaN;
      const cell = row.tr.cells[delta];
      cell.dataset.value = isNaN(points) ? "" : points;
      cell.textContent = isNaN(points) ? "" : (points > 0 ? "+" : "") + points.toFixed(1).replace("-", "−");
    }
    show(delta, Boolean(base));
    arrange();
  });
  for (const box of section.querySelectorAll(".columns input")) {
    box.addEventListener("change", () => show(Number(box.value), box.checked));
    if (box.dataset.minor && matchMedia("(max-width: 40rem)").matches) box.click();
  }
  arrange();
}

document.body.classList.add("scripted");
document.querySelectorAll("section.dataset").forEach(table);
requestAnimationFrame(() => setTimeout(drawAll)); // the first screen comes before the charts
