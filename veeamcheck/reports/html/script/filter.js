// What is looked at lives in the location's hash and nowhere else: so every view can be passed on.
//
//   #verdict=fail,unproven&host=repo*&rule=...&section=...&q=...&cause=2   which flows
//   &flow=RULE@SOURCE>TARGET   or   &source=...&target=...                 whose details are open

const FILTERS = ["q", "host", "rule", "section", "verdict", "cause"];
const DETAILS = ["flow", "source", "target"];

/** The view that a hash names; null where the hash is a plain anchor of the page. */
function viewOf(hash) {
  const text = hash.replace(/^#/, "");
  if (text && text !== "all" && !text.includes("=")) return null;
  const given = new URLSearchParams(text);
  return Object.fromEntries([...FILTERS, ...DETAILS].map((key) => [key, given.get(key) ?? ""]));
}

/** The hash of a view; "#all" without any: "#" would scroll to the top. */
function hashOf(view) {
  const pairs = [...FILTERS, ...DETAILS].filter((key) => view[key]).map((key) => [key, view[key]]);
  const text = String(new URLSearchParams(pairs)).replaceAll("%2C", ",").replaceAll("%40", "@");
  return `#${text || "all"}`;
}

/** The view without open details. */
function withoutDetails(view) {
  return { ...view, flow: "", source: "", target: "" };
}

function isFiltered(view) {
  return FILTERS.some((key) => view[key]);
}

function isOpen(view) {
  return Boolean(view.flow || (view.source && view.target));
}

/** Which flows a view shows: a flow must match all that is given. */
function matcherOf(view) {
  const tests = [];
  if (view.verdict) {
    const names = new Set(view.verdict.split(","));
    tests.push((flow) => names.has(flow.verdict.name));
  }
  if (view.cause) tests.push((flow) => flow.cause === Number(view.cause) - 1);
  if (view.section) tests.push((flow) => flow.rule.section === view.section);
  if (view.host) {
    const matches = memoised(patternOf(view.host));
    tests.push((flow) => matches(flow.source) || matches(flow.target));
  }
  if (view.rule) {
    const matches = memoised(patternOf(view.rule));
    tests.push((flow) => matches(flow.rule.id));
  }
  const words = view.q.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length) tests.push((flow) => words.every((word) => flow.text.includes(word)));
  return (flow) => tests.every((test) => test(flow));
}

/** As on the command line: no regard to case, * and ? stand for anything; else a part will do. */
function patternOf(pattern) {
  const text = pattern.trim().toLowerCase();
  if (!/[*?]/.test(text)) return (name) => name.toLowerCase().includes(text);
  const source = text.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*+/g, ".*").replaceAll("?", ".");
  const whole = new RegExp(`^${source}$`, "su");
  return (name) => whole.test(name.toLowerCase());
}

function memoised(test) {
  const known = new Map();
  return (text) => {
    if (!known.has(text)) known.set(text, test(text));
    return known.get(text);
  };
}
