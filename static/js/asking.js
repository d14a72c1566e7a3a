/** One question over the wire, and its events. Knows nothing of the page. */
import { events } from "./sse.js";

const RETRIES = 6; // a stopped answer is written down within seconds; until then its conversation is not there yet
const PAUSE_MS = 600;

export class Broken extends Error {
  constructor(message, requestId = "", retry = "", code = "") {
    super(message);
    Object.assign(this, { requestId, retry, code });
  }
}

let unsettled = false;

/** Resolves with what `done` said. `began(exchange, conversation)` names them as soon as they are known. */
export async function ask({ body, url, words, signal, began, heard }) {
  const response = await post({ body, url, words, signal });
  began(response.headers.get("X-Exchange") ?? "", "");
  try {
    const done = await follow(response, heard, words);
    unsettled = false;
    began(done.exchange, done.conversation);
    return done;
  } catch (error) {
    if (error.name === "AbortError") {
      unsettled = true;
      began(response.headers.get("X-Exchange") ?? "", response.headers.get("X-Conversation") ?? "");
    }
    throw error;
  }
}

async function post({ body, url, words, signal }) {
  for (let tried = 0; ; tried += 1) {
    const response = await fetch(url, { method: "POST", body, signal, headers: { Accept: "text/event-stream" } });
    const type = response.headers.get("Content-Type") ?? "";
    if (response.ok && type.startsWith("text/event-stream")) return response;
    const broken = await refused(response, type, words);
    if (!(unsettled && broken.code === "not_found" && tried < RETRIES)) throw broken;
    await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
    signal.throwIfAborted();
  }
}

async function follow(response, heard, words) {
  for await (const event of events(response.body)) {
    if (event.name === "done") return event.data;
    if (event.name === "error") throw new Broken(event.data.error.message, event.data.error.request_id);
    heard(event);
  }
  throw new Broken(words.lost, response.headers.get("X-Request-ID") ?? "");
}

async function refused(response, type, words) {
  const requestId = response.headers.get("X-Request-ID") ?? "";
  if (!type.includes("json")) return new Broken(words.unclear, requestId);
  const { error } = await response.json();
  const seconds = response.headers.get("Retry-After");
  const retry = seconds ? words.retry.replace("%s", seconds) : "";
  const said = [error.message, ...Object.values(error.fields ?? {}).flat()].join(" ");
  return new Broken(said, error.request_id, retry, error.code);
}
