// The page of the service: a form for each entry, its answers, and files with many rows.

import { make, readable } from "./dom.js";
import { EntryPanel } from "./panel.js";
import { askForKey } from "./key.js";
import { parse } from "./json.js";
import { Refusal, apiKey, ask, inWords } from "./service.js";

const at = (id) => document.getElementById(id);

start();

async function start() {
  at("notice").replaceChildren();
  try {
    const description = parse(await (await ask("openapi.json")).text());
    showHead(description.info);
    showEntries(entriesOf(description));
    showProof();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    at("title").textContent = document.title = "Prediction service";
    if (error.needsKey) askForKey(at("notice"), error, start);
    else showTrouble(error);
  }
}

function showTrouble(refusal) {
  const again = make("button", { type: "button", onclick: start }, "Try again");
  at("notice").replaceChildren(make("div", { class: "notice bad" }, make("p", {}, inWords(refusal)), again));
}

function showHead(info) {
  at("title").textContent = document.title = info.title;
  const [purpose] = (info.description ?? "").split("\n\n");
  const isOwn = purpose && !purpose.startsWith("Missing values are");
  at("purpose").replaceChildren(...(isOwn ? [make("p", {}, purpose)] : []));
}

/** The entries of an OpenAPI document, each once. */
function entriesOf(description) {
  return Object.entries(description.paths)
    .filter(([path, { post }]) => post?.["x-contract"]?.entry === path.slice(1))
    .map(([path, { post }]) => ({
      ...post["x-contract"],
      aligned: post["x-contract"].aligned ?? true,
      route: path.slice(1),
      title: TITLES[path.slice(1)] ?? readable(path.slice(1)),
      about: aboutOf(post.description),
      accepts: post.requestBody.content,
    }));
}

/** A docstring's paragraphs for people: neither the signature nor lists of parameters. */
function aboutOf(text) {
  const paragraphs = text.split(/\n\s*\n/).filter((part) => part.trim() && !/^\w+\(.*\)$/.test(part));
  const end = paragraphs.findIndex((part) => /^\s*(\w+\n\s*-{3,}|\w+:\s*\n|:\w+)/.test(part));
  return end < 0 ? paragraphs : paragraphs.slice(0, end);
}

const TITLES = {
  predict: "Prediction",
  predict_proba: "Probabilities",
  predict_log_proba: "Log probabilities",
  decision_function: "Score",
};

function showEntries(entries) {
  // Entries that take the same share one form, so that nothing is typed twice.
  const forms = new Map();
  const panels = entries.map((entry) => new EntryPanel(entry, forms));
  const tabs = entries.map((entry, i) =>
    make("button", { role: "tab", type: "button", id: `tab-${entry.route}`, "aria-controls": "panel", onclick: () => select(i) }, entry.title),
  );
  const list = at("tabs");
  list.replaceChildren(...tabs);
  list.hidden = tabs.length < 2;
  list.addEventListener("keydown", (event) => {
    const now = tabs.indexOf(document.activeElement);
    const next = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (now < 0 || next === undefined) return;
    event.preventDefault();
    select((next + tabs.length) % tabs.length, true);
  });

  function select(chosen, focus = false) {
    tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(i === chosen));
      tab.tabIndex = i === chosen ? 0 : -1;
    });
    if (focus) tabs[chosen].focus();
    if (tabs.length > 1) {
      at("panel").setAttribute("role", "tabpanel");
      at("panel").setAttribute("aria-labelledby", tabs[chosen].id);
      history.replaceState(null, "", `#${entries[chosen].route}`);
    }
    panels[chosen].show(at("panel"));
  }

  const linked = entries.findIndex((entry) => `#${entry.route}` === location.hash);
  select(Math.max(linked, 0));
}

/** The badge, only where the proof holds for what is installed here. */
async function showProof() {
  const metadata = await (await ask("metadata")).json().catch(() => ({}));
  const { proof, versions = {}, provenance = {} } = metadata;
  const same = Object.entries(provenance.versions ?? {}).every(([name, version]) => versions[name] === version);
  const run = proof?.runs?.at(-1);
  if (proof?.verdict !== "equal" || !same || !run) return;
  at("proof").textContent = "Proven";
  at("proof").hidden = false;
  at("proved").textContent = `${run.summary}.`;
}

if (apiKey.get()) {
  const forget = () => {
    apiKey.forget();
    location.reload();
  };
  document.querySelector("nav").append(make("button", { type: "button", class: "link", onclick: forget }, "Forget the key"));
}
