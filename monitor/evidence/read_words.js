// Reads all that somebody could read in one frame: its visible text, also in parts that pages hide from
// their own scripts' sight, and what is said of pictures and buttons. At most so many characters.
// Runs in a world of its own, so that the page's scripts cannot change what it calls.
(most) => {
  const NAMES = ["alt", "title", "aria-label", "placeholder"];
  const NAMED = NAMES.map((name) => `[${name}]`).join(",");
  const parts = [];
  let left = most, whole = true;
  const add = (text) => {
    if (!text) return;
    if (text.length > left) whole = false;
    parts.push(text.slice(0, Math.max(left, 0)));
    left -= text.length + 1;
  };
  const shown = (element) => element.getClientRects().length > 0;
  const read = (root) => {
    for (const element of root.querySelectorAll(NAMED)) {
      if (shown(element)) for (const name of NAMES) add(element.getAttribute(name));
    }
    for (const field of root.querySelectorAll('textarea, input:not([type="password"], [type="hidden"])')) {
      if (shown(field)) add(field.value);
    }
    for (const element of root.querySelectorAll("*")) {
      if (!element.shadowRoot) continue;
      for (const child of element.shadowRoot.children) add(child.innerText);
      read(element.shadowRoot);
    }
  };
  add(document.title);
  if (document.body) add(document.body.innerText);
  read(document);
  return { text: parts.join("\n").toWellFormed(), whole };
}
