// What can be done at the cursor, by the kind of the chosen lane: groups of [label, verb, the keys that it takes from the fields].
const ACTIONS = {
  server: [
    ["Program", [["Stop", "server.stop", ["lasts"]], ["Crash", "server.crash", ["lasts"]], ["Hang", "server.hang", ["lasts"]], ["Start", "server.start", []], ["Destroy", "server.destroy", []]]],
    ["Machine", [["Suspend", "server.suspend", ["lasts"]], ["Resume", "server.resume", []], ["Move", "server.move", ["address"]], ["Clone", "server.clone", ["address", "lasts"]]]],
    ["Clock", [["Step", "clock.step", ["host", "by"]]]],
  ],
  node: [
    ["Administrator", [["Register", "node.register", ["node"]], ["Unbind", "node.unbind", ["node"]]]],
    ["Program", [["Stop", "node.stop", ["node", "lasts"]], ["Crash", "node.crash", ["node", "lasts"]], ["Start", "node.start", ["node"]]]],
    ["Machine", [["Suspend", "node.suspend", ["node", "lasts"]], ["Resume", "node.resume", ["node"]], ["Move", "node.move", ["node", "address"]], ["Clone", "clone", ["node", "address"]]]],
    ["Path", [["Cut", "network.cut", ["node", "direction", "lasts"]], ["Heal", "network.heal", ["node"]], ["NAT", "nat.add", ["node", "address", "lasts"]], ["No NAT", "nat.remove", ["node"]]]],
    ["Clock", [["Step", "clock.step", ["host", "by"]]]],
  ],
  network: [
    ["Paths", [["Cut", "network.cut", ["node", "direction", "lasts"]], ["Heal", "network.heal", ["node"]]]],
    ["Names", [["DNS stops", "dns.stop", ["lasts"]], ["DNS starts", "dns.start", []]]],
  ],
};
const FIELDS = {
  who: ["of", "text", "", "a node, or a pattern such as fdl-*"],
  lasts: ["for", "text", "", "until undone"],
  by: ["by", "text", "25h", "25h, or -2m"],
  address: ["address", "text", "10.0.0.1", "10.0.0.1"],
};

class Actions {
  /** `act` does what is said, or shows why not. */
  constructor(root, act) {
    Object.assign(this, { root, act, given: {} });
    root.addEventListener("submit", (event) => event.preventDefault());
  }

  /** Offer what can be done to a lane. */
  offer(lane) {
    if (this.lane === lane.name) return;
    this.lane = lane.name;
    // The server's copy, which has a lane of its own, is left alone: what is done to the server is not done to it.
    const groups = lane.kind === "server" && lane.place ? [] : ACTIONS[lane.kind];
    const keys = new Set(groups.flatMap(([, each]) => each.flatMap(([, , taken]) => taken)));
    const names = [...(keys.has("node") ? ["who"] : []), ...["lasts", "by", "address"].filter((key) => keys.has(key))];
    this.inputs = Object.fromEntries(names.map((name) => [name, this.input(name)]));
    if (this.inputs.who) this.inputs.who.value = lane.kind === "network" ? "*" : lane.name;
    const given = element("div", { className: "given" }, ...names.map((name) => element("label", {}, FIELDS[name][0], this.inputs[name])));
    if (keys.has("direction")) {
      this.inputs.direction = element("select", {}, ...["both", "requests", "answers"].map((value) => element("option", { value, textContent: value })));
      given.append(element("label", {}, "a cut loses", this.inputs.direction));
    }
    const sets = groups.map(([title, each]) => element("fieldset", {}, element("legend", { textContent: title }), ...each.map(([label, verb, taken]) => this.button(label, verb, taken))));
    const words = element("textarea", { placeholder: 'do = "network.loss"\nnode = "*"\npercent = 20', spellcheck: false });
    const other = element("details", {}, element("summary", { textContent: "Anything else, as in a scenario file" }),
      element("label", {}, element("span", { className: "sr-only", textContent: "An event as in a scenario file" }), words),
      element("button", { type: "button", className: "tool", textContent: "Do it here", id: "do-other", onclick: () => this.act({ do: "event", event: words.value }) }));
    this.root.replaceChildren(given, ...sets, other);
  }

  input(name) {
    const [, type, value, placeholder] = FIELDS[name];
    const input = element("input", { type, value: this.given[name] ?? value, placeholder, autocomplete: "off", spellcheck: false });
    input.name = name;
    // What was typed for one host is there for the next, too.
    if (name !== "who") input.addEventListener("input", () => { this.given[name] = input.value; });
    return input;
  }

  button(label, verb, taken) {
    const button = element("button", { type: "button", className: "tool", textContent: label, onclick: () => this.press(verb, taken) });
    button.dataset.verb = verb;
    return button;
  }

  press(verb, taken) {
    const event = {};
    for (const key of taken) {
      const value = key === "host" ? (this.inputs.who?.value ?? this.lane) : (this.inputs[key === "node" ? "who" : key].value.trim());
      if (value && !(key === "direction" && value === "both")) event[key] = value;
    }
    if (verb === "clone") this.act({ do: "clone", node: event.node ?? "", address: event.address ?? "" });
    else this.act({ do: "event", event: { do: verb, ...event } });
  }
}

/** The dialog in which the scenario is a text. */
function setUpText({ current, open }) {
  const byId = (id) => document.getElementById(id);
  const dialog = byId("text");
  byId("edit").addEventListener("click", async () => {
    byId("text-problem").textContent = "";
    const answer = await fetch(`text?world=${current()}`);
    if (answer.ok) byId("text-words").value = await answer.text();
    dialog.showModal();
  });
  byId("text-file").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (file) byId("text-words").value = await file.text();
    event.target.value = "";
  });
  byId("text-cancel").addEventListener("click", () => dialog.close());
  byId("text-open").addEventListener("click", async () => {
    const problem = await open(byId("text-words").value);
    byId("text-problem").textContent = problem ?? "";
    if (!problem) dialog.close();
  });
}
