const list = document.getElementById("log");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 1 });

/** Writes one line, newest on top. kind: plain, result or bad. */
export function log(text, kind = "plain") {
  const now = new Date();
  const time = Object.assign(document.createElement("time"), { textContent: clock.format(now), dateTime: now.toISOString() });
  const words = Object.assign(document.createElement("span"), { textContent: text });
  const line = document.createElement("li");
  line.dataset.kind = kind;
  line.append(time, words);
  list.prepend(line);
  while (list.children.length > 100) list.lastChild.remove();
}
