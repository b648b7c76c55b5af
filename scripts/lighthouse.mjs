// Reads pages as JSON from its input, [{ name, address, cookie }], and judges each with Lighthouse:
//   node scripts/lighthouse.mjs DIRECTORY-WITH-node_modules LEAST < pages.json
// Prints a line a page, with what was found where it is less than perfect. Fails where a score is under LEAST.
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

const [place, least] = process.argv.slice(2);
const require = createRequire(resolve(place, "package.json"));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { default: lighthouse } = await load("lighthouse");
const { launch } = await load("chrome-launcher");

const chromeFlags = [
  "--headless",
  "--no-sandbox", // Chromium refuses to run as root with it, and the pages are our own
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
];

// A form that sends itself would lead away from the page that is judged.
const settings = { extends: "lighthouse:default", settings: { blockedUrlPatterns: ["*autosubmit*"] } };

async function judge(port, { address, cookie }) {
  const flags = {
    port,
    logLevel: "error",
    onlyCategories: ["accessibility"],
    extraHeaders: cookie ? { Cookie: cookie } : {},
    ignoreStatusCode: true,
  };
  const { lhr } = await lighthouse(address, flags, settings);
  if (lhr.runtimeError) throw new Error(`${address}: ${lhr.runtimeError.message}`);
  if (lhr.finalDisplayedUrl !== address) throw new Error(`${address} led to ${lhr.finalDisplayedUrl}`);
  const { score, auditRefs } = lhr.categories.accessibility;
  const failed = auditRefs.filter(({ id, weight }) => weight > 0 && lhr.audits[id].score === 0);
  return { score: Math.round(score * 100), failed: failed.map(({ id }) => id) };
}

const pages = JSON.parse(await text(process.stdin));
const chrome = await launch({ chromeFlags, chromePath: process.env.CHROME_PATH });
let under = 0;
try {
  for (const page of pages) {
    const { score, failed } = await judge(chrome.port, page);
    console.log(`${String(score).padStart(3)}  ${page.name}${failed.length ? `  (${failed.join(", ")})` : ""}`);
    if (score < Number(least)) under += 1;
  }
} finally {
  chrome.kill();
}
console.log(`${pages.length} pages, ${under} under ${least}`);
process.exitCode = under ? 1 : 0;
