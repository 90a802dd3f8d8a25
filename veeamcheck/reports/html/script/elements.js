// Makes elements. Texts are only ever set as text: no name or reason can become markup.

/** An element: `make("a", {class: "x", href: "#y"}, "text", child)`; empty children are left out. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== "" && child !== null));
  return element;
}

/** The parts of a sentence of advice, in which commands stand in backquotes. */
function withCommands(sentence) {
  const pieces = sentence.split("`");
  if (pieces.length % 2 === 0) return [sentence];
  return pieces.map((piece, number) => (number % 2 ? make("code", {}, piece) : piece));
}

function badge(look) {
  const sign = make("span", { "aria-hidden": "true" }, look.sign);
  return make("span", { class: `badge ${look.name}` }, sign, ` ${look.name}`);
}

function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** Calls `come` when the element is about to be seen, once. */
function whenNear(element, come, root = null) {
  const observer = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    observer.disconnect();
    come();
  }, { root, rootMargin: "400px" });
  observer.observe(element);
  return observer;
}
