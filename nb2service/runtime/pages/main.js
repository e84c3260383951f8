// The page of the service: a form for each entry, its answers, and files with many rows.

import { make, readable } from "./dom.js";
import { parse } from "./json.js";
import { askForKey } from "./key.js";
import { EntryPanel } from "./panel.js";
import { apiKey, ask, inWords, Refusal, sentence } from "./service.js";

const at = (id) => document.getElementById(id);

at("forget").addEventListener("click", () => {
  apiKey.forget();
  location.reload();
});
start();

async function start() {
  at("notice").replaceChildren();
  const known = fetchJson("metadata").catch(() => ({}));
  try {
    const description = await fetchJson("openapi.json");
    showHead(description.info, await known);
    showEntries(entriesOf(description));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    at("title").textContent = document.title = "Prediction service";
    if (error.needsKey) askForKey(at("notice"), error, start);
    else showTrouble(error);
  }
}

async function fetchJson(path) {
  return parse(await (await ask(path)).text());
}

function showTrouble(refusal) {
  const again = make("button", { type: "button", onclick: start }, "Try again");
  at("notice").replaceChildren(
    make("div", { class: "notice bad" }, make("p", {}, inWords(refusal)), again),
  );
}

function showHead(info, metadata) {
  at("title").textContent = document.title = info.title;
  at("forget").hidden = !apiKey.get();
  at("purpose").replaceChildren(metadata.description ? make("p", {}, metadata.description) : "");
  const proof = proofOf(metadata);
  at("proof").hidden = !proof;
  at("proof").textContent = proof ? "Proven" : "";
  at("proved").textContent = proof ? sentence(proof) : "";
}

/** What was proven, in words, where that holds for what is installed here; "" where not. */
function proofOf({ proof, versions = {}, provenance = {} }) {
  const wanted = Object.entries(provenance.versions ?? {});
  const same = wanted.every(([name, version]) => versions[name] === version);
  return proof?.verdict === "equal" && same ? (proof.runs?.at(-1)?.summary ?? "") : "";
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
  const paragraphs = text
    .split(/\n\s*\n/)
    .filter((part) => part.trim() && !/^\w+\(.*\)$/.test(part));
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
    make(
      "button",
      {
        role: "tab",
        type: "button",
        id: `tab-${entry.route}`,
        "aria-controls": "panel",
        onclick: () => select(i),
      },
      entry.title,
    ),
  );
  const list = at("tabs");
  list.replaceChildren(...tabs);
  list.hidden = tabs.length < 2;
  list.addEventListener("keydown", (event) => {
    const now = tabs.indexOf(document.activeElement);
    const next = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: tabs.length - 1 }[
      event.key
    ];
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
