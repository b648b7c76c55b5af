// Adds a copy button beside everything marked `data-copy`. Without it the text can still be selected.
const svg = "http://www.w3.org/2000/svg";
const shapes = {
  copy: "M8.5 7h7A1.5 1.5 0 0 1 17 8.5v7a1.5 1.5 0 0 1-1.5 1.5h-7A1.5 1.5 0 0 1 7 15.5v-7A1.5 1.5 0 0 1 8.5 7M13 7V4.5A1.5 1.5 0 0 0 11.5 3h-7A1.5 1.5 0 0 0 3 4.5v7A1.5 1.5 0 0 0 4.5 13H7",
  done: "m4 10.5 4 4 8-9",
};
const shownForMs = 1600;
const { wordCopy, wordCopied } = document.documentElement.dataset;

function icon(shape) {
  const drawing = document.createElementNS(svg, "svg");
  drawing.setAttribute("viewBox", "0 0 20 20");
  drawing.setAttribute("class", "icon icon-line");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svg, "path");
  path.setAttribute("d", shapes[shape]);
  drawing.append(path);
  return drawing;
}

async function copy(button, source) {
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
  } catch {
    getSelection().selectAllChildren(source);
    return;
  }
  show(button, "done", wordCopied);
  setTimeout(() => show(button, "copy", wordCopy), shownForMs);
}

function show(button, shape, word) {
  button.replaceChildren(icon(shape));
  button.setAttribute("aria-label", word);
  button.title = word;
}

for (const source of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  show(button, "copy", wordCopy);
  button.addEventListener("click", () => copy(button, source));
  (source.closest("pre") ?? source).after(button);
}
