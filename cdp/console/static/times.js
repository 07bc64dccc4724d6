// <time> elements say how long ago, and go on saying it; hovering tells the local time.
const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

function ago(ms) {
  const seconds = Math.floor(Math.abs(Date.now() - ms) / 1000);
  if (seconds < 5) return "now";
  const [unit, size] = units.find(([, size]) => seconds >= size);
  const text = `${Math.floor(seconds / size)} ${unit}`;
  return Date.now() >= ms ? `${text} ago` : `in ${text}`;
}

function refresh() {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[datetime]:not([data-fixed])")) {
    const ms = Date.parse(time.dateTime);
    const text = ago(ms);
    if (time.textContent !== text) time.textContent = text;
    if (!time.dataset.local) {
      time.dataset.local = "1";
      time.title = `${new Date(ms).toLocaleString()} (${time.dateTime})`;
    }
  }
}

export const times = {
  start() {
    setInterval(refresh, 5000);
    document.addEventListener("visibilitychange", refresh);
    document.body.addEventListener("htmx:afterSettle", refresh);
  },
};
