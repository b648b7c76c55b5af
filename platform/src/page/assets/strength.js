// Shows how hard a new password is to guess while it is typed. The estimate is the server's: the password goes to
// this very origin, in the body of a request that nobody stores. Without this module the form works as before.
const waitMs = 400;

function meterFor(input) {
  const box = document.createElement("div");
  const meter = document.createElement("meter");
  const words = document.createElement("p");
  box.className = "strength";
  box.hidden = true;
  meter.min = 0;
  meter.max = 4;
  meter.low = 2;
  meter.high = 3;
  meter.optimum = 4;
  meter.setAttribute("aria-label", input.dataset.strength);
  words.className = "strength-words";
  words.setAttribute("aria-live", "polite");
  box.append(meter, words);
  input.after(box);
  return { box, meter, words };
}

function aboutThePerson(form) {
  const named = form.querySelectorAll("[data-about], input[name=name], input[name=email], input[name=workspace]");
  return [...named].map((field) => field.value).filter(Boolean);
}

function watch(input) {
  const { box, meter, words } = meterFor(input);
  let timer = 0;
  let asked = new AbortController();

  async function ask() {
    asked.abort();
    asked = new AbortController();
    const body = new URLSearchParams({ password: input.value });
    for (const about of aboutThePerson(input.form)) body.append("about", about);
    try {
      const answer = await fetch("/-/password-strength", { method: "POST", body, signal: asked.signal });
      if (!answer.ok) return hide();
      const { score, sentence } = await answer.json();
      meter.value = score;
      words.textContent = sentence;
      box.hidden = false;
    } catch (fault) {
      if (fault.name !== "AbortError") hide();
    }
  }

  function hide() {
    box.hidden = true;
    words.textContent = "";
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    if (input.value) timer = setTimeout(ask, waitMs);
    else {
      asked.abort();
      hide();
    }
  });
}

document.querySelectorAll("input[data-strength]").forEach(watch);
