// Keeps relative times true while a page stays open. The server wrote them; this only renews them.
const everyMs = 30_000;
const units = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];
const lang = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(lang, { numeric: "always" });
const local = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "long" });

function renew(time) {
  const at = Date.parse(time.dateTime);
  const seconds = Math.trunc((at - Date.now()) / 1000);
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? units.at(-1);
  if (Math.abs(seconds) >= 10) time.textContent = relative.format(Math.trunc(seconds / size), unit);
}

const times = document.querySelectorAll("time[data-relative]");
for (const time of times) {
  if (time.title) time.title += `\n${local.format(Date.parse(time.dateTime))}`;
}
setInterval(() => times.forEach(renew), everyMs);
