// Asking the service: with the person's key, and with its refusals in words for people.

/** Where the service is; a proxy may serve it under a prefix. */
export const base = new URL(".", document.baseURI);

// By path: behind a proxy, several services may have one origin.
const NAME = `api-key ${base.pathname}`;

/** The API key that the person gave, until the tab is closed. */
export const apiKey = {
  get: () => sessionStorage.getItem(NAME) ?? "",
  set: (key) => sessionStorage.setItem(NAME, key),
  forget: () => sessionStorage.removeItem(NAME),
};

/** No answer, or one that is no success; `status` is 0 where the service was not reached. */
export class Refusal extends Error {
  constructor(status, detail, { errors = [], wait = null } = {}) {
    super(detail);
    this.status = status;
    this.errors = errors;
    this.wait = wait;
  }

  get needsKey() {
    return this.status === 401;
  }

  get isBusy() {
    return this.status === 429 || this.status === 503;
  }
}

/**
 * The answer to a request.
 *
 * @throws {Refusal}
 */
export async function ask(path, options = {}) {
  const key = apiKey.get();
  const headers = { ...options.headers, ...(key ? { "X-API-Key": key } : {}) };
  let answer;
  try {
    answer = await fetch(new URL(path, base), { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "The service cannot be reached. Is it running, and are you online?");
  }
  if (answer.ok) return answer;
  throw await refusal(answer);
}

async function refusal(answer) {
  const problem = await answer.json().catch(() => ({}));
  const seconds = Number.parseInt(answer.headers.get("Retry-After"), 10);
  return new Refusal(answer.status, problem.detail ?? `The service answered ${answer.status}.`, {
    errors: problem.errors ?? [],
    wait: Number.isNaN(seconds) ? null : seconds,
  });
}

const PATIENCE = 5; // times

/** `ask`, again where the service is busy and says when to come back. */
export async function askPatiently(path, options, tellWait = () => {}) {
  for (let time = 1; ; time++) {
    try {
      return await ask(path, options);
    } catch (error) {
      if (!(error instanceof Refusal && error.isBusy) || time === PATIENCE) throw error;
      const seconds = Math.min(Math.max(error.wait ?? 1, 1), 60);
      tellWait(seconds);
      await pause(seconds * 1000, options.signal);
    }
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("", "AbortError"));
    });
  });
}

/** What to tell a person about a refusal that is about no single field. */
export function inWords(refusal) {
  const detail = sentence(refusal.message);
  if (refusal.status === 0) return detail;
  if (refusal.status === 429) return `Too many requests for now. ${when(refusal.wait)}`;
  if (refusal.status === 503) return `The service is busy or not ready. ${when(refusal.wait)}`;
  if (refusal.status === 422) return `The service does not take these values. ${detail}`;
  return detail;
}

function when(seconds) {
  return seconds === null ? "Try again later." : `Try again in ${seconds} s.`;
}

/** With a capital and an end. */
export function sentence(text) {
  const capital = text ? text[0].toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
