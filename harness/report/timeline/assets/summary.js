// The summary: filters its rows and sorts them.
const rows = [...document.querySelectorAll("#runs tbody tr")];
const wanted = new Set();
const box = document.querySelector("#filter");

function filter() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = (wanted.size > 0 && !wanted.has(row.dataset.outcome)) || !words.every((word) => text.includes(word));
    if (!row.hidden) count += 1;
  }
  document.querySelector("#shown").textContent = count === rows.length ? "" : `${count} of ${rows.length} shown`;
}

function sortBy(heading) {
  const place = [...heading.parentElement.children].indexOf(heading);
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const each of heading.parentElement.children) each.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const value = (row) => row.children[place].dataset.value ?? row.children[place].textContent;
  const numbers = heading.classList.contains("number");
  const sorted = [...rows].sort((a, b) => (numbers ? value(a) - value(b) : value(a).localeCompare(value(b), "en", { numeric: true })) * (down ? -1 : 1));
  document.querySelector("#runs tbody").append(...sorted);
}

for (const chip of document.querySelectorAll("#outcomes .chip")) {
  chip.addEventListener("click", () => {
    const outcome = chip.dataset.outcome;
    if (!wanted.delete(outcome)) wanted.add(outcome);
    chip.setAttribute("aria-pressed", String(wanted.has(outcome)));
    filter();
  });
}
for (const button of document.querySelectorAll("#runs th button")) button.addEventListener("click", () => sortBy(button.parentElement));
box.addEventListener("input", filter);
setUpTheme(() => {});
