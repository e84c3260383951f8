// Asking the person for the service's API key.

import { make } from "./dom.js";
import { apiKey, sentence } from "./service.js";

/** Ask in `place`; `then` is called with a key at hand. */
export function askForKey(place, refusal, then) {
  const wrong = apiKey.get() !== "";
  const input = make("input", {
    id: "api-key",
    type: "password",
    autocomplete: "off",
    required: true,
    "aria-describedby": wrong ? "api-key-error api-key-hint" : "api-key-hint",
    "aria-invalid": wrong ? "true" : null,
  });
  const submit = (event) => {
    event.preventDefault();
    apiKey.set(input.value.trim());
    place.replaceChildren();
    then();
  };
  place.replaceChildren(
    make(
      "form",
      { class: "notice key", onsubmit: submit },
      make("h2", {}, "This service asks for a key"),
      make("label", { for: "api-key", class: "label" }, "API key"),
      make("div", { class: "row" }, input, make("button", { class: "primary" }, "Continue")),
      wrong ? make("p", { class: "error", id: "api-key-error" }, sentence(refusal.message)) : null,
      make(
        "p",
        { class: "hint", id: "api-key-hint" },
        "Whoever runs the service can give you one. It is kept until you close this tab.",
      ),
    ),
  );
  input.focus();
}
