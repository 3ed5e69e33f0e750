// Finds the post on the page: the least element that holds its words, with the little that belongs to it.
// Runs in a world of its own, so that the page's scripts cannot change what it calls.
(wanted) => {
  const KEY = 60, LEAST = 12, MOST_TEXT = 2000000, SHOWN_TEXT = 100000;
  const POSTS = '[itemprop~="comment"], [itemtype*="Comment"], [role="article"], article, [itemprop="articleBody"]';
  const squeeze = (text) => text.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
  const seen = (element) => element.innerText || "";
  const body = document.body;
  const text = body ? seen(body) : "";
  const readable = text.length <= MOST_TEXT;
  const whole = readable ? squeeze(text) : "";
  const keys = wanted.map((words) => [...squeeze(words)].slice(0, KEY).join(""));
  const words = keys.findIndex((key) => key.length > 0 && whole.includes(key));
  const key = words < 0 ? "" : keys[words];

  const holds = (element) => squeeze(seen(element)).includes(key);
  const smallest = (root) => {
    let here = root;
    for (let next = here; next; next = [...here.children].find(holds)) here = next;
    return here;
  };
  const target = () => {
    let id = location.hash.slice(1);
    try { id = decodeURIComponent(id); } catch { /* a broken escape is an id like any other */ }
    const element = id ? document.getElementById(id) : null;
    return element && element !== body && holds(element) ? element : null;
  };
  // A little round the words is context: who and when. A lot is other people.
  const grown = (element) => {
    const most = 2 * seen(element).length + 200;
    while (element.parentElement && element.parentElement !== body && seen(element.parentElement).length <= most) {
      element = element.parentElement;
    }
    return element;
  };
  const find = () => {
    if (words < 0) return null;
    const named = target();
    if (named) return named;
    if (key.length < LEAST) return null;
    const inner = smallest(body);
    if (inner === body) return null;
    return inner.closest(POSTS) || grown(inner);
  };
  const covered = (element) => {
    element.scrollIntoView({ block: "center", behavior: "instant" });
    const box = element.getBoundingClientRect();
    const left = Math.max(box.left, 0), right = Math.min(box.right, innerWidth);
    const top = Math.max(box.top, 0), bottom = Math.min(box.bottom, innerHeight);
    for (const across of [0.1, 0.5, 0.9]) {
      for (const down of [0.1, 0.5, 0.9]) {
        const hit = document.elementFromPoint(left + across * (right - left), top + down * (bottom - top));
        if (hit && !element.contains(hit) && !hit.contains(element)) return true;
      }
    }
    return false;
  };
  const visible = (element) => element.getClientRects().length > 0;
  const some = (selector) => [...document.querySelectorAll(selector)].some(visible);

  let element = find();
  let box = element ? element.getBoundingClientRect() : null;
  if (box && (box.width < 1 || box.height < 1)) element = box = null;
  const hidden = element ? covered(element) : false;
  if (element) box = element.getBoundingClientRect();
  const root = document.documentElement;
  return {
    words,
    element: element !== null,
    x: box ? box.left + scrollX : 0,
    y: box ? box.top + scrollY : 0,
    width: box ? box.width : root.clientWidth,
    height: box ? box.height : Math.max(root.scrollHeight, body ? body.scrollHeight : 0, 1),
    covered: hidden,
    title: document.title.slice(0, 500),
    text: text.slice(0, SHOWN_TEXT),
    password_asked: some('input[type="password"]'),
    captcha: some('iframe[src*="recaptcha"], iframe[src*="hcaptcha"], iframe[src*="challenges.cloudflare.com"], ' +
      '.g-recaptcha, .h-captcha, .cf-turnstile, #challenge-form, #captcha'),
    pictures: document.querySelectorAll('img[src], img[srcset], input[type="image"], svg image').length,
  };
}
