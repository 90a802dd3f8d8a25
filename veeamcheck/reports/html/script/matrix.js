// The source × target matrix. Rows are there at once, their cells when a row comes near; a pair
// without a flow has no cell. Arrow keys move from cell to cell, and one cell takes the Tab key.

const MOST_PRINTED_COLUMNS = 24;
const MOST_LETTERS = 16; // of a column's name; its tooltip has the rest
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

class Matrix {
  constructor(frame, flows) {
    this.frame = frame;
    this.grid = frame.querySelector(".scroll");
    // The longer side goes down, where there is room.
    const count = (end) => new Set(flows.map((flow) => flow[end])).size;
    this.setEnds(count("target") > Math.max(count("source"), 12));
    this.grid.addEventListener("keydown", (event) => this.onKey(event));
    this.grid.addEventListener("focusin", (event) => {
      if (event.target.matches(".cell")) this.setCurrent(event.target);
    });
    this.filler = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) this.fill(this.rows.get(entry.target));
    }, { root: this.grid, rootMargin: "100px" });
  }

  setEnds(targetsDown) {
    this.down = targetsDown ? "target" : "source";
    this.across = targetsDown ? "source" : "target";
  }

  swap() {
    this.setEnds(this.down === "source");
    this.draw(this.flows, this.view);
  }

  draw(flows, view) {
    this.flows = flows;
    this.view = view;
    this.lines = linesOf(flows, this.down, this.across);
    this.columns = columnsOf(flows, this.across);
    this.rows = new Map();
    this.current = null;
    this.filler.disconnect();
    this.frame.hidden = !flows.length;
    this.frame.classList.toggle("broad", this.columns.size > MOST_PRINTED_COLUMNS);
    this.grid.style.setProperty("--columns", this.columns.size);
    const longest = Math.max(...[...this.columns.keys()].map((name) => name.length), 8);
    this.grid.style.setProperty("--tall", `${Math.min(longest, MOST_LETTERS) * 0.5 + 1.2}rem`);
    this.grid.setAttribute("aria-rowcount", this.lines.length + 1);
    this.grid.setAttribute("aria-colcount", this.columns.size + 1);
    const all = document.createDocumentFragment();
    all.append(this.head());
    this.lines.forEach((line, index) => {
      const name = make("div", { class: "name", role: "rowheader", title: line.name }, line.name);
      line.element = make("div", { class: "row", role: "row", "aria-rowindex": index + 2 }, name);
      line.index = index;
      this.rows.set(line.element, line);
      all.append(line.element);
    });
    this.grid.replaceChildren(all);
    for (const line of this.lines) this.filler.observe(line.element);
    if (this.lines.length) this.setCurrent(this.fill(this.lines[0]).firstCell);
  }

  head() {
    const corner = make("div", { class: "corner", role: "columnheader" },
      make("span", {}, `${this.across} →`), make("span", {}, `↓ ${this.down}`));
    const head = make("div", { class: "names", role: "row", "aria-rowindex": 1 }, corner);
    for (const [name, at] of this.columns) {
      const column = make("div",
        { class: "name", role: "columnheader", title: name, "aria-colindex": at + 2 }, name);
      column.style.setProperty("--at", at);
      head.append(column);
    }
    return head;
  }

  /** The row with its cells. */
  fill(line) {
    if (line.cellAt) return line;
    this.filler.unobserve(line.element);
    line.cellAt = new Map();
    const columns = [...line.flows].map(([name, flows]) => [this.columns.get(name), flows]);
    for (const [at, flows] of columns.sort(([one], [other]) => one - other)) {
      const cell = this.cell(flows);
      line.cellAt.set(at, cell);
      line.firstCell ??= cell;
      const place = make("div", { class: "place", role: "gridcell", "aria-colindex": at + 2 }, cell);
      place.style.setProperty("--at", at);
      line.element.append(place);
    }
    return line;
  }

  cell(flows) {
    const [{ source, target, verdict }] = flows; // the worst comes first
    const same = flows.filter((flow) => flow.verdict === verdict).length;
    const others = flows.length - same;
    const label = `${source} to ${target}: ${same} ${verdict.name}${others ? `, ${others} better` : ""}`;
    return make("a", {
      class: `cell ${verdict.name}`,
      href: hashOf({ ...withoutDetails(this.view), source, target }),
      tabindex: -1,
      title: label,
      "aria-label": label,
      "aria-current": this.isShown(source, target) && "true",
    }, verdict.sign, same > 1 ? make("span", {}, String(same)) : "");
  }

  isShown(source, target) {
    return this.view.source === source && this.view.target === target;
  }

  /** Marks the cell whose details are open. */
  mark(view) {
    this.view = view;
    this.grid.querySelector("[aria-current]")?.removeAttribute("aria-current");
    const line = this.lines.find((one) => one.name === view[this.down]);
    const at = this.columns.get(view[this.across]);
    line?.cellAt?.get(at)?.setAttribute("aria-current", "true");
  }

  setCurrent(cell) {
    if (this.current) this.current.tabIndex = -1;
    this.current = cell;
    cell.tabIndex = 0;
  }

  fillAll() {
    for (const line of this.lines) this.fill(line);
  }

  onKey(event) {
    const step = ARROWS[event.key];
    const cell = event.target.closest(".cell");
    if (!step || !cell || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const next = this.neighbour(cell, ...step);
    next?.focus();
    next?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  neighbour(cell, down, across) {
    const place = cell.parentElement;
    if (across) {
      const beside = across > 0 ? place.nextElementSibling : place.previousElementSibling;
      return beside?.querySelector(".cell") ?? null;
    }
    const { index } = this.rows.get(place.parentElement);
    const at = Number(place.getAttribute("aria-colindex")) - 2;
    const name = [...this.columns.keys()][at];
    for (let other = index + down; other >= 0 && other < this.lines.length; other += down) {
      const line = this.lines[other];
      if (line.flows.has(name)) return this.fill(line).cellAt.get(at);
    }
    return null;
  }
}

/** A line a host on one side: its flows by the host on the other, in the report's order. */
function linesOf(flows, down, across) {
  const lines = new Map();
  for (const flow of flows) {
    let line = lines.get(flow[down]);
    if (!line) lines.set(flow[down], line = { name: flow[down], flows: new Map() });
    const cell = line.flows.get(flow[across]);
    if (cell) cell.push(flow);
    else line.flows.set(flow[across], [flow]);
  }
  return [...lines.values()];
}

/** Host -> its column. */
function columnsOf(flows, across) {
  return new Map([...new Set(flows.map((flow) => flow[across]))].map((name, at) => [name, at]));
}
