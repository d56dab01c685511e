// Counts down to the instants that are marked with data-countdown.
"use strict";
{
  const marked = document.querySelectorAll("time[data-countdown]");
  const two = (n) => String(n).padStart(2, "0");
  const say = (ms) => {
    const s = Math.floor(Math.abs(ms) / 1000);
    const days = Math.floor(s / 86400);
    const clock = `${Math.floor((s % 86400) / 3600)}:${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
    return (days > 0 ? `${days} d ` : "") + clock + (ms < 0 ? " overdue" : " left");
  };
  const tick = () => {
    for (const el of marked) {
      const left = Date.parse(el.dateTime) - Date.now();
      el.textContent = say(left);
      el.closest(".promise")?.classList.toggle("full", left < 0);
    }
  };
  if (marked.length > 0) {
    tick();
    setInterval(tick, 1000);
  }
}
