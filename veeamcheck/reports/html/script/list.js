// The list of flows, a page at a time: the next one comes when the end is near, or at a click.

const PAGE = 40;
const MOST_PRINTED = 2000;

class List {
  constructor(frame) {
    this.frame = frame;
    this.body = frame.querySelector("tbody");
    this.more = frame.querySelector(".more");
    this.more.addEventListener("click", () => this.extend(PAGE));
    this.body.addEventListener("click", (event) => {
      const selected = String(getSelection());
      if (!event.target.closest("a") && !selected) event.target.closest("tr")?.querySelector("a").click();
    });
    frame.hidden = false;
  }

  draw(flows, view) {
    this.flows = flows;
    this.view = view;
    this.shown = 0;
    this.body.replaceChildren();
    this.frame.querySelector(".none").hidden = flows.length > 0;
    this.frame.querySelector("table").hidden = !flows.length;
    this.extend(PAGE);
  }

  extend(count) {
    const next = this.flows.slice(this.shown, this.shown + count);
    this.body.append(...next.map((flow) => this.row(flow)));
    this.shown += next.length;
    const left = this.flows.length - this.shown;
    this.more.hidden = !left;
    this.more.textContent = `Show more (${left.toLocaleString("en")} left)`;
    this.observer?.disconnect();
    if (left) this.observer = whenNear(this.more, () => this.extend(PAGE));
  }

  row(flow) {
    const href = hashOf({ ...withoutDetails(this.view), flow: flow.id });
    const stand = flow.vantage === flow.source ? "" : make("div", { class: "dim" }, `probed from ${flow.vantage}`);
    return make("tr", { "data-flow": flow.id, "aria-current": this.view.flow === flow.id && "true" },
      make("td", {}, badge(flow.verdict)),
      make("td", {}, `${flow.source} → ${flow.target}`, stand),
      make("td", {}, flow.needs),
      make("td", {}, make("a", { href }, flow.rule.id), make("div", { class: "dim" }, flow.rule.section)),
      make("td", {}, flow.reason));
  }

  /** Marks the flow whose details are open. */
  mark(view) {
    this.view = view;
    this.body.querySelector("[aria-current]")?.removeAttribute("aria-current");
    if (view.flow) this.rowOf(view.flow)?.setAttribute("aria-current", "true");
  }

  rowOf(id) {
    return [...this.body.rows].find((row) => row.dataset.flow === id);
  }

  /** Enough rows for paper. */
  fillForPrint() {
    if (this.shown < MOST_PRINTED) this.extend(MOST_PRINTED - this.shown);
    if (!this.more.hidden) {
      const left = this.flows.length - this.shown;
      this.body.append(make("tr", { class: "rest" }, make("td", { colspan: "5" },
        `${counted(left, "more flow")} not printed: filter before you print, or use another format.`)));
    }
  }

  afterPrint() {
    this.body.querySelector(".rest")?.remove();
  }
}
