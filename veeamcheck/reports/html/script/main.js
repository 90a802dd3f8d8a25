// The location says what to look at; everything that is drawn follows from it, and every click and
// key only changes the location.

(() => {
  const byId = (id) => document.getElementById(id);
  const { causes, flows } = readData(byId("data").textContent);
  const form = byId("filter");
  const matrix = new Matrix(byId("matrix"), flows);
  const list = new List(byId("list"));
  const details = new Details(byId("details"), causes);
  let drawn = null; // the filter that matrix and list show
  let opener = null; // where the focus was before the details opened
  let view = null;

  function show(next) {
    view = next;
    const filter = hashOf(withoutDetails(view));
    if (filter !== drawn) {
      drawn = filter;
      fillForm();
      const found = flows.filter(matcherOf(view));
      matrix.draw(found, view);
      list.draw(found, view);
      tellFound(found.length);
    } else {
      matrix.mark(view);
      list.mark(view);
    }
    showDetails();
  }

  function showDetails() {
    const wanted = view.flow
      ? flows.filter((flow) => flow.id === view.flow)
      : flows.filter((flow) => flow.source === view.source && flow.target === view.target);
    if (isOpen(view) && wanted.length) {
      if (!byId("details").contains(document.activeElement)) opener = document.activeElement;
      details.show(wanted, view);
    } else if (!byId("details").hidden) {
      details.hide();
      if (opener?.isConnected) opener.focus({ preventScroll: true });
      opener = null;
    }
  }

  function tellFound(count) {
    byId("found").textContent = count === flows.length
      ? counted(count, "flow")
      : `${count.toLocaleString("en")} of ${counted(flows.length, "flow")}`;
    byId("chosen").textContent = FILTERS.filter((key) => view[key] && key !== "cause")
      .map((key) => `${key === "q" ? "search" : key}: ${view[key]}`).join("; ");
    byId("clear").hidden = !isFiltered(view);
    const cause = causes[Number(view.cause) - 1];
    byId("cause").hidden = !cause;
    byId("cause").href = hashOf({ ...withoutDetails(view), cause: "" });
    byId("cause").textContent = cause ? `× only of finding ${view.cause}: ${cause.title}` : "";
  }

  // --- the form ---

  function fillForm() {
    const names = new Set(view.verdict.split(","));
    for (const field of form.elements) {
      if (field.type === "checkbox") field.checked = names.has(field.value);
      // What is being typed stays as it is typed.
      else if (field.name && field !== document.activeElement) field.value = view[field.name];
    }
  }

  function readForm() {
    const given = new FormData(form);
    const fields = Object.fromEntries([...given.keys()].map((key) => [key, given.getAll(key).join(",")]));
    return { ...withoutDetails(view), verdict: "", ...fields };
  }

  form.addEventListener("input", () => {
    const next = readForm();
    history.replaceState(null, "", hashOf(next)); // typing is no step to go back to
    show(next);
  });
  form.addEventListener("submit", (event) => event.preventDefault());

  // --- the page ---

  addEventListener("hashchange", () => {
    const next = viewOf(location.hash);
    if (next) show(next);
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-jump]")) setTimeout(jump);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !byId("details").hidden) details.close.click();
  });
  byId("swap").addEventListener("click", () => matrix.swap());
  byId("show-causes")?.addEventListener("click", (event) => {
    const first = byId("causes").children.length;
    byId("causes").append(byId("more-causes").content);
    event.target.remove();
    byId("causes").children[first].querySelector("a").focus();
  });
  addEventListener("beforeprint", () => {
    if (!byId("matrix").classList.contains("broad")) matrix.fillAll();
    list.fillForPrint();
  });
  addEventListener("afterprint", () => list.afterPrint());

  function jump() {
    byId("flows").scrollIntoView();
    if (byId("details").hidden) byId("flows").focus({ preventScroll: true });
  }

  function offer(id, names) {
    byId(id).append(...[...new Set(names)].sort().map((value) => make("option", { value })));
  }

  offer("hosts", flows.flatMap((flow) => [flow.source, flow.target]));
  offer("rules", flows.map((flow) => flow.rule.id));
  form.hidden = false;
  show(viewOf(location.hash) ?? viewOf(""));
  if (isFiltered(view) || isOpen(view)) jump();
})();
