// Reads what data.py wrote. Texts are numbers there; here every flow is an object with its texts.

function readData(json) {
  const { verdicts, rules, causes, flows, texts } = JSON.parse(json);
  const looks = verdicts.map(([name, sign], place) => ({ name, sign, place }));
  const evidence = ([address, ports, signal, probed, total, rtt, from, remarks]) => ({
    address: texts[address],
    ports: texts[ports],
    signal: texts[signal],
    probed,
    total,
    rtt,
    from: texts[from],
    remarks: texts[remarks],
  });
  const flow = ([rule, source, target, vantage, address, verdict, code, reason, needs,
    contacted, total, cause, waived, rows]) => ({
    id: `${rules[rule].id}@${texts[source]}>${texts[target]}`,
    rule: rules[rule],
    source: texts[source],
    target: texts[target],
    vantage: texts[vantage],
    address: texts[address],
    verdict: looks[verdict],
    code: texts[code],
    reason: texts[reason],
    needs: texts[needs],
    contacted,
    total,
    cause,
    waived: waived && { verdict: looks[waived[0]], reason: texts[waived[1]], until: waived[2] },
    rows,
    get evidence() {
      return rows.map(evidence);
    },
    get text() { // all that the search looks at, made when it is first looked at
      const seen = this.evidence.flatMap((row) => [row.address, row.ports, row.signal, row.remarks]);
      const text = [this.id, this.vantage, this.address, this.code, this.reason, this.needs, ...seen];
      const lower = text.join("\n").toLowerCase();
      Object.defineProperty(this, "text", { value: lower });
      return lower;
    },
  });
  return { looks, causes, flows: flows.map(flow) };
}
