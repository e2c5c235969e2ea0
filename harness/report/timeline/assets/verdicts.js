// The rules and expectations beside the timeline. A click on one goes to its instants, one after the other.
class Verdicts {
  constructor(root, story, board, goTo) {
    this.story = story;
    this.board = board;
    this.goTo = goTo;
    const judged = story.rules.filter((rule) => rule.ruling !== "unknown" || rule.trouble);
    const rest = story.rules.filter((rule) => rule.ruling === "unknown" && !rule.trouble);
    const rank = { violated: 0, unknown: 1, held: 2 };
    judged.sort((a, b) => rank[a.ruling] - rank[b.ruling]);
    const missed = story.expectations.filter((each) => !each.met);
    const met = story.expectations.filter((each) => each.met);
    this.section(root, `Expectations not met (${missed.length})`, missed.map((each) => this.expected(each)));
    this.section(root, `Rules put to the test (${judged.length})`, judged.map((rule) => this.rule(rule)));
    this.folded(root, `Expectations met (${met.length})`, met.map((each) => this.expected(each)));
    this.folded(root, `Rules not put to the test (${rest.length})`, rest.map((rule) => this.rule(rule)));
    if (!story.rules.length && !story.expectations.length) root.append(element("p", { className: "soft", textContent: "Nothing was judged." }));
  }

  section(root, title, items) {
    if (items.length) root.append(element("h3", { textContent: title }), element("ul", {}, ...items));
  }

  folded(root, title, items) {
    if (items.length) root.append(element("details", {}, element("summary", { textContent: title }), element("ul", {}, ...items)));
  }

  rule(rule) {
    const count = (number) => number.toLocaleString("en");
    const times = rule.ruling === "violated" ? `violated ${count(rule.violations)} of ${count(rule.tested)}`
      : rule.ruling === "held" ? `held ${count(rule.tested)}×` : rule.trouble ? "not judged" : "not tested";
    const without = rule.trouble || (rule.ruling === "held"
      ? `It held on ${rule.tested === 1 ? "the one occasion" : `each of ${count(rule.tested)} occasions`}, none of which stands out.`
      : "Nothing in this history put it to the test.");
    return this.item(rule.id, rule.title, times, rule.ruling, rule.findings, without);
  }

  expected(each) {
    return this.item("", each.words, each.met ? "met" : "not met", each.met ? "met" : "missed", each.findings, "");
  }

  item(id, words, badge, tone, findings, without) {
    const more = id && findings.length ? [element("span", { className: "more", textContent: findings.length === 1 ? "1 instant" : `${findings.length} instants` })] : [];
    const button = element("button", { type: "button", className: "verdict" }, element("span", { className: "id", textContent: id }),
      element("span", {}, element("span", { className: "words", textContent: words }), ...more), element("span", { className: `badge ${tone}`, textContent: badge }));
    button.dataset.rule = id;
    button.setAttribute("aria-expanded", "false");
    const found = element("div", { className: "found", hidden: true });
    const item = element("li", {}, button, found);
    let place = 0;
    const show = () => {
      const finding = findings[place];
      const steps = element("div", { className: "steps" });
      const go = (by) => { place = (place + by + findings.length) % findings.length; show(); };
      if (findings.length > 1) {
        const previous = element("button", { type: "button", className: "tool", textContent: "‹", onclick: () => go(-1) });
        const next = element("button", { type: "button", className: "tool", textContent: "›", onclick: () => go(1) });
        previous.setAttribute("aria-label", "Previous instant");
        next.setAttribute("aria-label", "Next instant");
        next.dataset.step = "next";
        previous.dataset.step = "previous";
        steps.append(previous, element("span", { textContent: `${place + 1} of ${findings.length}` }), next);
      } else {
        steps.append(element("button", { type: "button", className: "tool", textContent: "Show", onclick: () => show() }));
      }
      const focused = found.contains(document.activeElement) ? document.activeElement.dataset.step : undefined;
      const lane = finding[1] === null ? undefined : this.story.lanes[finding[1]];
      found.replaceChildren(steps, element("p", { textContent: `${instant(finding[0])}${lane ? `, ${lane.name}` : ""}: ${finding[2]}` }));
      if (focused) found.querySelector(`[data-step="${focused}"]`)?.focus();
      this.goTo(finding[0], lane, finding[2]);
    };
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-expanded") !== "true";
      button.setAttribute("aria-expanded", String(open));
      found.hidden = !open;
      if (!open) return;
      if (findings.length) show(); else found.replaceChildren(element("p", { className: "soft", textContent: without }));
    });
    return item;
  }
}
