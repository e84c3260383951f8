// The OpenAPI document in Swagger UI, which is a script of its own.

import { make } from "./dom.js";
import { askForKey } from "./key.js";
import { apiKey, ask, base, inWords, Refusal } from "./service.js";

const notice = document.getElementById("notice");

async function start() {
  try {
    const spec = await (await ask("openapi.json")).json();
    document.title = `${spec.info.title} – API`;
    // A proxy may serve the service under a prefix.
    spec.servers = [{ url: base.href.replace(/\/$/, "") }];
    show(spec);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.needsKey) askForKey(notice, error, start);
    else notice.replaceChildren(make("p", { class: "notice bad" }, inWords(error)));
  }
}

/** Swagger UI has a dark side, but does not ask which one the person wants. */
function follow(scheme) {
  document.documentElement.classList.toggle("dark-mode", scheme.matches);
}

const scheme = matchMedia("(prefers-color-scheme: dark)");
scheme.addEventListener("change", follow);
follow(scheme);

function show(spec) {
  window.SwaggerUIBundle({
    spec,
    dom_id: "#viewer",
    deepLinking: false, // its links lie inside of buttons
    validatorUrl: null,
    defaultModelsExpandDepth: 0,
    docExpansion: "list",
    requestInterceptor(request) {
      if (apiKey.get()) request.headers["X-API-Key"] ??= apiKey.get();
      return request;
    },
  });
}

start();
