// Everything works without this: it only says that a form is under way, and keeps it from being sent twice.
"use strict";
for (const form of document.querySelectorAll('form[method="post"]')) {
  const said = form.querySelector("[data-busy]");
  form.addEventListener("submit", (event) => {
    if (form.ariaBusy === "true") event.preventDefault();
    form.ariaBusy = "true";
    said.textContent = said.dataset.busy;
  });
  // A page that the browser has kept while another one was shown is ready again.
  addEventListener("pageshow", () => {
    form.ariaBusy = "false";
    said.textContent = "";
  });
}
