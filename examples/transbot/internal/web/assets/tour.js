// Shows somebody around, once. How far they have come is kept by the server, for every device.
"use strict";
{
  const dialog = document.querySelector("dialog[data-tour]");
  const pages = [...dialog.querySelectorAll("section")];
  const steps = pages.length - 1;
  const at = "/tours/" + encodeURIComponent(dialog.dataset.tour) + "/";
  let step = 0; // 0 is the welcome

  const version = Number(dialog.dataset.version);

  const tell = (what, body) =>
    fetch(at + what, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ...body, version }) })
      .catch(() => {}); // it is shown again, which is the worst that can happen

  const point = (selector) => {
    document.querySelectorAll(".shown-around").forEach((el) => el.classList.remove("shown-around"));
    const el = selector && document.querySelector(selector);
    const card = el && (el.closest(".card") || el);
    if (card) {
      card.classList.add("shown-around");
      card.scrollIntoView({ block: "center" });
    }
  };

  const show = (n) => {
    step = n;
    pages.forEach((page, i) => { page.hidden = i !== n; });
    const page = pages[n];
    const place = page.querySelector(".place");
    if (place) place.textContent = `${n} of ${steps}`;
    const next = page.querySelector("[data-go=next]");
    if (next && n === steps) next.textContent = "Done";
    dialog.classList.toggle("aside", n > 0);
    point(page.dataset.anchor);
    page.querySelector("button").focus();
  };

  const end = () => {
    point("");
    dialog.close();
  };

  const go = {
    start: () => show(Number(dialog.dataset.done) + 1),
    next: () => {
      if (step < steps) {
        tell("advance", { steps: step });
        show(step + 1);
      } else {
        tell("complete", {});
        end();
      }
    },
    dismiss: () => {
      tell("dismiss", {});
      end();
    },
  };
  dialog.addEventListener("click", (e) => go[e.target.dataset.go]?.());
  dialog.addEventListener("cancel", (e) => {
    e.preventDefault();
    go.dismiss();
  });
  dialog.showModal();
  show(0);
}
