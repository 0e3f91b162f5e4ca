// Keeps a page live: values from the server become text, open details stay open, keys move about.
// Nothing here makes HTML of a text.

const body = document.body;
const source = body.dataset.live;

/** Writes each value into the elements of its name, and shows those that have something to say. */
function show(state) {
  for (const [name, value] of Object.entries(state)) {
    for (const element of document.querySelectorAll(`[data-live-text="${CSS.escape(name)}"]`)) {
      if (element.textContent !== value) element.textContent = value;
      const frame = element.closest("[data-live-frame]");
      if (frame) frame.hidden = value === "" || value === "0";
    }
    if (Object.hasOwn(spoken, name)) speak(name, value);
  }
}

// A screen reader is told at most every five seconds.
const spoken = {};
for (const element of document.querySelectorAll("[data-live-spoken]")) {
  spoken[element.dataset.liveSpoken] = { element, next: null, timer: null };
}

function speak(name, value) {
  const line = spoken[name];
  line.next = value;
  if (line.timer !== null) return;
  const say = () => {
    line.timer = null;
    if (line.next === null || line.element.textContent === line.next) return;
    line.element.textContent = line.next;
    line.next = null;
    line.timer = setTimeout(say, 5000);
  };
  say();
}

let asking = null;

/** Asks every two seconds, where nothing can be streamed. */
function ask() {
  if (asking !== null) return;
  asking = setInterval(async () => {
    try {
      const answer = await fetch(source, { headers: { accept: "application/json" } });
      if (answer.ok) show(await answer.json());
    } catch {
      // The program has ended, or will answer next time.
    }
  }, 2000);
}

function listen() {
  if (!window.EventSource) return ask();
  const stream = new EventSource(source);
  stream.onmessage = (event) => show(JSON.parse(event.data));
  // A stream that was cut is opened again by the browser; one that was refused is closed.
  stream.onerror = () => stream.readyState === EventSource.CLOSED && ask();
  addEventListener("pagehide", () => stream.close());
}

if (source) listen();

// Open details stay open when the page is loaded again.
for (const element of document.querySelectorAll("details[id]")) {
  const key = `${location.pathname}#${element.id}`;
  if (sessionStorage.getItem(key) === "open") element.open = true;
  element.addEventListener("toggle", () => {
    if (element.open) sessionStorage.setItem(key, "open");
    else sessionStorage.removeItem(key);
  });
}

// Keys: "/" goes to the search, "j" and "k" through the rows of a list.
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  if (event.key === "/") {
    const search = document.querySelector("input[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  } else if (event.key === "j" || event.key === "k") {
    const rows = [...document.querySelectorAll("[data-row]")];
    const at = rows.indexOf(document.activeElement.closest("[data-row]"));
    rows[Math.max(0, Math.min(rows.length - 1, at + (event.key === "j" ? 1 : -1)))]?.focus();
  }
});
