"use strict";
(() => {
  const { figures, layout, axis, dark } = JSON.parse(document.getElementById("figures").textContent);
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const settings = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };
  let printing = false;

  const isDark = () => !printing && (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

  // Figures are written in the colours of the light page; each has its counterpart on the dark one.
  const coloured = (value) => {
    if (typeof value === "string") return isDark() && Object.hasOwn(dark, value) ? dark[value] : value;
    if (Array.isArray(value)) return value.map(coloured);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, coloured(part)]));
  };

  // What all figures share is written once.
  const whole = (figure) => {
    const parts = Object.entries({ ...layout, ...figure.layout });
    const sides = parts.map(([key, part]) => [key, /^[xy]axis/.test(key) ? { ...axis, ...part } : part]);
    return { data: figure.data, layout: Object.fromEntries(sides) };
  };

  const draw = (place) => {
    const figure = coloured(whole(figures[Number(place.dataset.figure)]));
    return Plotly.react(place, figure.data, figure.layout, settings).then(() => {
      place.dataset.drawn = isDark() ? "dark" : "light";
    });
  };

  const isShown = (place) => place.offsetParent !== null;
  const places = [...document.querySelectorAll("[data-figure]")];
  const drawShown = () =>
    Promise.all(places.filter((place) => isShown(place) && place.dataset.drawn !== (isDark() ? "dark" : "light")).map(draw));

  const theme = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    return drawShown().then(() => { root.dataset.ready = isDark() ? "dark" : "light"; });
  };

  const show = (key) => {
    const group = key.split(":")[0];
    for (const panel of document.querySelectorAll(`[data-panel^="${group}:"]`)) panel.hidden = panel.dataset.panel !== key;
    for (const row of document.querySelectorAll(`[data-show^="${group}:"]`)) row.classList.toggle("chosen", row.dataset.show === key);
    for (const select of document.querySelectorAll(`[data-choice="${group}"]`)) select.value = key;
    drawShown();
  };

  for (const select of document.querySelectorAll("[data-choice]")) {
    select.addEventListener("change", () => show(select.value));
    show(select.value);
  }
  for (const row of document.querySelectorAll("[data-show]")) row.addEventListener("click", () => show(row.dataset.show));
  for (const fold of document.querySelectorAll("details")) fold.addEventListener("toggle", drawShown);

  // A column of numbers carries them in data-v; what is missing always stands last.
  const sortBy = (table, header) => {
    const column = header.cellIndex;
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => {
      const cell = row.cells[column];
      return "v" in cell.dataset ? (cell.dataset.v === "" ? null : Number(cell.dataset.v)) : cell.textContent;
    };
    const keyed = [...table.tBodies[0].rows].map((row) => [key(row), row]);
    keyed.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      const order = typeof a === "string" || typeof b === "string" ? String(a).localeCompare(String(b)) : a - b;
      return down ? -order : order;
    });
    table.tBodies[0].append(...keyed.map(([, row]) => row));
  };
  for (const table of document.querySelectorAll("table.sortable"))
    for (const header of table.tHead.rows[0].cells) header.firstElementChild.addEventListener("click", () => sortBy(table, header));

  // A link to something that is folded away opens it.
  const unfold = () => {
    const target = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null;
    for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();

  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    theme();
  });
  system.addEventListener("change", theme);
  addEventListener("beforeprint", () => { printing = true; drawShown(); });
  addEventListener("afterprint", () => { printing = false; drawShown(); });

  theme();
})();
