// Shows the estimate while the number of lanes is typed. The numbers are the server's.
"use strict";
{
  const lanes = document.getElementById("lanes");
  let asked, timer;
  const show = async () => {
    asked?.abort();
    asked = new AbortController();
    try {
      const answer = await fetch("/calculator?lanes=" + encodeURIComponent(lanes.value), { signal: asked.signal });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.getElementById("estimate").replaceChildren(...page.getElementById("estimate").childNodes);
    } catch (error) {
      if (error.name !== "AbortError") console.info("the estimate stays as it is:", error.message);
    }
  };
  lanes.addEventListener("input", () => {
    clearTimeout(timer);
    if (lanes.validity.valid) timer = setTimeout(show, 250);
  });
}
