// The panel at the side: the flows of one pair, or one flow, with evidence and what to do.

class Details {
  constructor(panel, causes) {
    this.panel = panel;
    this.causes = causes;
    this.title = panel.querySelector("h2");
    this.body = panel.querySelector(".body");
    this.close = panel.querySelector(".close");
  }

  show(flows, view) {
    const [{ source, target, address }] = flows;
    this.title.textContent = `${source} → ${target}${address === target ? "" : ` (${address})`}`;
    this.close.href = hashOf(withoutDetails(view));
    this.body.replaceChildren(...flows.map((flow) => this.flow(flow, view)));
    this.panel.hidden = false;
    this.panel.scrollTop = 0;
    this.title.focus({ preventScroll: true });
  }

  hide() {
    this.panel.hidden = true;
  }

  flow(flow, view) {
    const { rule, waived } = flow;
    const href = hashOf({ ...withoutDetails(view), flow: flow.id });
    const facts = make("dl");
    const fact = (name, ...value) => {
      if (value.some(Boolean)) facts.append(make("dt", {}, name), make("dd", {}, ...value));
    };
    fact("Needs", make("span", { class: "mono" }, flow.needs));
    fact("Tested from", flow.vantage === flow.source ? "" : `${flow.vantage}, standing in for ${flow.source}`);
    fact("Contacted", flow.total ? `${flow.contacted.toLocaleString("en")} of ${counted(flow.total, "port")}` : "");
    fact("For", rule.purpose);
    fact("Breaks", rule.breaks);
    const place = `${rule.section}, row ${rule.row}`;
    fact("Document", rule.link ? make("a", { href: rule.link, rel: "noreferrer noopener" }, place) : place);
    return make("article", { class: "flow" },
      make("h3", {}, badge(flow.verdict), make("a", { href }, rule.id)),
      make("p", { class: "why" }, flow.reason, " ", make("span", { class: "dim mono" }, flow.code)),
      waived ? make("p", { class: "todo" }, "Waived: ", waived.reason,
        waived.until ? `, until ${waived.until}` : "", ". Without the waiver: ", badge(waived.verdict)) : "",
      this.todo(flow),
      facts,
      flow.rows.length ? evidenceTable(flow) : "");
  }

  todo(flow) {
    const cause = this.causes[flow.cause];
    if (!cause) return "";
    const link = make("a", { href: hashOf({ cause: String(flow.cause + 1) }), "data-jump": "" }, "all its flows");
    return make("div", { class: "todo" },
      make("p", {}, make("b", {}, cause.title), " ", link),
      ...cause.what.map((text) => make("p", {}, ...withCommands(text))),
      make("p", { class: "dim" }, `Ask: ${cause.who.join(", then ")}`));
  }
}

function evidenceTable(flow) {
  const names = ["Address", "Ports", "Signal", "Contacted", "Round trip", "From", "Also"];
  const head = make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)));
  const rows = flow.evidence.map((row) => make("tr", {}, ...[
    row.address,
    row.ports,
    row.signal,
    `${row.probed} of ${row.total}`,
    row.rtt === null ? "" : `${row.rtt} ms`,
    row.from,
    row.remarks,
  ].map((text) => make("td", {}, text))));
  const table = make("table", {}, make("caption", { class: "unseen" }, `Evidence of ${flow.id}`),
    make("thead", {}, head), make("tbody", {}, ...rows));
  return make("div", { class: "scroller", tabindex: "0", role: "group", "aria-label": "Evidence" }, table);
}
