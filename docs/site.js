// Tables that are wider than the page scroll; whoever has no mouse has to be able to get there.
addEventListener("load", () => {
  for (const wide of document.querySelectorAll(".md-typeset__scrollwrap")) wide.tabIndex = 0;
});
