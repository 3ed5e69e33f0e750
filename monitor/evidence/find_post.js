// Finds the post on the page: the least element that holds its words, with the little that belongs to it.
// Runs in a world of its own, so that the page's scripts cannot change what it calls.
(wanted) => {
  const KEY = 60, LEAST = 12, MOST_TEXT = 2000000, SHOWN_TEXT = 100000;
  const POSTS = '[itemprop~="comment"], [itemtype*="Comment"], [role="article"], article, [itemprop="articleBody"]';
  const squeeze = (text) => text.normalize("NFKC").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
  // How sites mark what not everybody should see; a line of a page is such a mark where it is short.
  const MARKS = '[nsfw], [is-nsfw], [over18], .over18, .nsfw, .nsfw-stamp, xpromo-nsfw-blocking-container, ' +
    '[data-sensitive="true"], [data-nsfw="true"], [data-testid="contentHider-post"], .media-spoiler, .spoiler-button, ' +
    'meta[name="rating" i][content*="adult" i], meta[name="rating" i][content*="RTA-" i], ' +
    'meta[itemprop="isFamilyFriendly" i][content="false" i]';
  const MARKED = /(?:may|might) contain (?:potentially )?sensitive|(?:potentially|marked as) sensitive|^sensitive (?:content|media|material)\b|^(?:nsfw|adult content|18\+)$|^this (?:video|post|content|photo|media) (?:is|may be) age[- ]restricted/i;
  const LONGEST_MARK = 160;
  const seen = (element) => element.innerText || "";
  const body = document.body;
  const text = body ? seen(body) : "";
  const readable = text.length <= MOST_TEXT;
  const whole = readable ? squeeze(text) : "";
  // Words are looked for as they are; a clue, by sliding its hashes over the letters (monitor/clues.py).
  const PRIMES = [67108859, 67108837];
  const slide = ({ letters, bases, hashes }) => {
    const powers = PRIMES.map((prime, one) => {
      let power = 1;
      for (let count = 0; count < letters; count++) power = power * bases[one] % prime;
      return power;
    });
    return (letters_of_page) => {
      const codes = Array.from(letters_of_page, (letter) => letter.codePointAt(0));
      const values = [0, 0];
      for (let at = 0; at < codes.length; at++) {
        const gone = at < letters ? 0 : codes[at - letters];
        for (const one of [0, 1]) {
          values[one] = (values[one] * bases[one] + codes[at] + PRIMES[one] - gone * powers[one] % PRIMES[one]) % PRIMES[one];
        }
        if (at >= letters - 1 && values[0] === hashes[0] && values[1] === hashes[1]) return true;
      }
      return false;
    };
  };
  const sought = wanted.filter((words) => !words.at_end).map((words) => {
    if (typeof words !== "string") return { length: words.letters, inside: slide(words) };
    const key = [...squeeze(words)].slice(0, KEY).join("");
    return { length: key.length, inside: (text) => key.length > 0 && text.includes(key) };
  });
  const ends = wanted.filter((words) => words.at_end).every((clue) => slide(clue)(whole));
  const words = sought.findIndex((one) => one.inside(whole));
  const key = words < 0 ? { length: 0, inside: () => true } : sought[words];

  const holds = (element) => key.inside(squeeze(seen(element)));
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
  // The body of an article without its headline and who wrote it says too little.
  const framed = (post) => (post && post.matches('[itemprop="articleBody"]') && post.closest('article, [itemtype*="Article"]')) || post;
  const find = () => {
    if (words < 0) return null;
    const named = target();
    if (named) return named;
    if (key.length < LEAST) return null;
    const inner = smallest(body);
    if (inner === body) return null;
    // A title alone may be the site's own, in its banner: what is round it is not the post.
    return framed(inner.closest(POSTS)) || (words > 0 ? null : grown(inner));
  };
  const coverings = (element) => {
    const box = element.getBoundingClientRect();
    const left = Math.max(box.left, 0), right = Math.min(box.right, innerWidth);
    const top = Math.max(box.top, 0), bottom = Math.min(box.bottom, innerHeight);
    let found = 0;
    for (const across of [0.1, 0.5, 0.9]) {
      for (const down of [0.1, 0.5, 0.9]) {
        const hit = document.elementFromPoint(left + across * (right - left), top + down * (bottom - top));
        if (hit && !element.contains(hit) && !hit.contains(element)) found += 1;
      }
    }
    return found;
  };
  // Whether something lies over it wherever it stands in the window; it is left where the least does.
  const covered = (element) => {
    const put = (block) => element.scrollIntoView({ block, behavior: "instant" });
    let best = null;
    for (const block of ["center", "start", "end"]) {
      put(block);
      const found = coverings(element);
      if (!best || found < best.found) best = { block, found };
      if (!found) return false;
    }
    put(best.block);
    return true;
  };
  // What lies over a point of the window, the topmost first, into what pages hide from their own scripts.
  const pile = (x, y, root = document) => root.elementsFromPoint(x, y)
    .filter((one) => one.getRootNode() === root)
    .flatMap((one) => (one.shadowRoot ? [...pile(x, y, one.shadowRoot), one] : [one]));
  const upwards = function* (one) { for (; one instanceof Element; one = one.parentElement || one.getRootNode().host) yield one; };
  const within = (outer, one) => [...upwards(one)].includes(outer);
  const style = (one) => getComputedStyle(one);
  // How much of a colour there is, from 0 to 1, however the browser writes it.
  const thick = (colour) => {
    const told = /^rgba|\//.test(colour) ? /([\d.]+)(%?)\)$/.exec(colour) : null;
    return told ? Number(told[1]) / (told[2] ? 100 : 1) : 1;
  };
  const opacity = (one) => [...upwards(one)].reduce((left, each) => left * Number(style(each).opacity), 1);
  const solid = (one, x, y) => {
    const box = one.getBoundingClientRect();
    if (x < box.left || x > box.right || y < box.top || y > box.bottom) return false;
    const drawn = one.matches("iframe") || /blur/.test(style(one).backdropFilter) ? 1 : thick(style(one).backgroundColor);
    return drawn * opacity(one) > 0.85;
  };
  const faded = (one) => [...upwards(one)].some((each) => /blur/.test(style(each).filter)) ||
    opacity(one) < 0.15 || thick(style(one).webkitTextFillColor) < 0.15;
  // Whether a picture would show nothing of the words, though the page holds them.
  const hidden = (element) => {
    if (faded(element)) return true;
    const place = element.getBoundingClientRect();
    const away = place.bottom <= 0 || place.top >= innerHeight;
    if (away) element.scrollIntoView({ block: "center", behavior: "instant" });
    const untouchable = style(element).pointerEvents === "none" || element.closest("[inert]") || document.querySelector(":modal");
    const box = element.getBoundingClientRect();
    const left = Math.max(box.left, 0), right = Math.min(box.right, innerWidth);
    const top = Math.max(box.top, 0), bottom = Math.min(box.bottom, innerHeight);
    return [0.1, 0.5, 0.9].every((across) => [0.1, 0.5, 0.9].every((down) => {
      const x = left + across * (right - left), y = top + down * (bottom - top);
      const found = pile(x, y), depth = found.findIndex((one) => within(element, one));
      if (depth < 0 && !untouchable) return true;
      return found.slice(0, depth < 0 ? undefined : depth).some((one) => !within(one, element) && solid(one, x, y));
    }));
  };
  // The words of what lies over the middle of the window and does not hold the post: a dialogue, a sheet.
  const front = (element) => {
    const middle = document.elementFromPoint(innerWidth / 2, innerHeight / 2);
    const about = [...upwards(middle)].filter((one) => one !== body && !(element && one.contains(element)));
    const found = about.findLast((one) => one.matches('dialog, [role="dialog"], [aria-modal="true"]') || style(one).position === "fixed");
    if (!found) return "";
    const frames = [found, ...found.querySelectorAll("iframe")].filter((one) => one.matches("iframe"));
    return [seen(found), ...frames.map((one) => one.title + " " + one.src.slice(0, 200))].join("\n").slice(0, 2000).toWellFormed();
  };
  const visible = (element) => element.getClientRects().length > 0;
  const marked = () => [...document.querySelectorAll(MARKS)].some((one) => one.matches("meta") || visible(one)) ||
    text.split("\n").some((line) => line.length <= LONGEST_MARK && MARKED.test(line.trim()));
  const inWindow = (one) => { const box = one.getBoundingClientRect(); return box.bottom > 0 && box.top < innerHeight && box.width > 0; };
  const coming = (element) => [...element.querySelectorAll("img")].filter((one) => !one.complete && inWindow(one)).length;
  const some = (selector) => [...document.querySelectorAll(selector)].some(visible);

  let element = find();
  let box = element ? element.getBoundingClientRect() : null;
  if (box && (box.width < 1 || box.height < 1)) element = box = null;
  const inner = element ? smallest(element) : null;
  const over = element ? covered(element) : false;
  const unseen = inner ? hidden(inner) : false;
  // A title alone is not the post: what hides or covers it is told, but the picture is of the page.
  if (words > 0) element = null;
  box = element ? element.getBoundingClientRect() : null;
  const root = document.documentElement;
  return {
    words,
    ends,
    element: element !== null,
    x: box ? box.left + scrollX : 0,
    y: box ? box.top + scrollY : 0,
    width: box ? box.width : root.clientWidth,
    height: box ? box.height : Math.max(root.scrollHeight, body ? body.scrollHeight : 0, 1),
    covered: over,
    hidden: unseen,
    front: front(inner),
    title: document.title.slice(0, 500).toWellFormed(),
    text: text.slice(0, SHOWN_TEXT).toWellFormed(),
    password_asked: some('input[type="password"]'),
    captcha: some('iframe[src*="recaptcha"], iframe[src*="hcaptcha"], iframe[src*="challenges.cloudflare.com"], ' +
      '.g-recaptcha, .h-captcha, .cf-turnstile, #challenge-form, #captcha'),
    pictures: document.querySelectorAll('img[src], img[srcset], input[type="image"], svg image').length,
    posters: [...document.querySelectorAll("video[poster]")].slice(0, 100).map((film) => film.poster.slice(0, 4000)),
    sensitive: readable && marked(),
    coming: coming(element || document),
  };
}
