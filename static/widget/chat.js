// A chat in a Shadow DOM on any page. Everything is made by DOM calls; what comes from the portal is only ever text.
(() => {
  "use strict";
  const own = document.currentScript;
  const base = new URL("./v1/", own.src).href;
  const key = own.dataset.key;
  let token = "";

  const style = `
    :host { --accent: #0f766e; --on-accent: #fff; all: initial; font: 16px/1.45 system-ui, sans-serif; color-scheme: light dark; }
    * { box-sizing: border-box; font: inherit; }
    .open, .panel { position: fixed; right: 16px; bottom: 16px; z-index: 2147483000; }
    button { min-height: 40px; padding: 0 16px; border: 0; border-radius: 6px; background: var(--accent); color: var(--on-accent); cursor: pointer; }
    button:focus-visible, textarea:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
    .panel { display: flex; flex-direction: column; gap: 8px; width: min(380px, calc(100vw - 32px)); height: min(560px, calc(100vh - 32px));
      padding: 16px; border: 1px solid #8884; border-radius: 6px; background: Canvas; color: CanvasText; box-shadow: 0 8px 24px #0003; }
    .panel[hidden], .open[hidden] { display: none; }
    header { display: flex; gap: 8px; align-items: center; font-weight: 600; } header button { margin-left: auto; }
    .logo { max-width: 50%; height: 28px; object-fit: contain; }
    .turns { flex: 1; overflow-y: auto; display: flex; flex-direction: column; gap: 8px; }
    .turn { padding: 8px 12px; border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere; }
    .visitor { align-self: flex-end; background: color-mix(in srgb, var(--accent) 13%, Canvas); }
    form { display: flex; gap: 8px; } textarea { flex: 1; min-height: 40px; resize: none; padding: 8px; }
  `;

  const make = (tag, properties = {}, ...children) => {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
  };

  const host = make("div");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet(); // no style element: a strict policy of the page does not mind
  sheet.replaceSync(style);
  const brand = new CSSStyleSheet(); // the team's colours, once the portal said them
  root.adoptedStyleSheets = [sheet, brand];

  const open = make("button", { type: "button", className: "open", textContent: "Chat" });
  const title = make("span", { id: "title", textContent: "Chat" });
  const close = make("button", { type: "button", textContent: "Close" });
  const turns = make("div", { className: "turns" });
  turns.setAttribute("role", "log");
  turns.setAttribute("aria-live", "polite");
  const input = make("textarea", { rows: 1, maxLength: 8192 });
  input.setAttribute("aria-label", "Your message");
  const send = make("button", { type: "submit", textContent: "Send" });
  const form = make("form", {}, input, send);
  const head = make("header", {}, title, close);
  const panel = make("div", { className: "panel", hidden: true }, head, turns, form);
  panel.setAttribute("role", "dialog");
  panel.setAttribute("aria-labelledby", "title");
  root.append(open, panel);
  (document.body || document.documentElement).append(host);

  const show = (visible) => {
    panel.hidden = !visible;
    open.hidden = visible;
    (visible ? input : open).focus();
    if (visible && !token) begin().catch(() => {}); // a question says what is wrong
  };
  open.addEventListener("click", () => show(true));
  close.addEventListener("click", () => show(false));
  panel.addEventListener("keydown", (event) => event.key === "Escape" && show(false));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });

  const post = (path, body) =>
    fetch(base + path, {
      method: "POST",
      credentials: "omit",
      headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
    });

  const isColour = (text) => /^#[0-9a-f]{6}$/.test(text);
  const coloured = ({ accent, on_accent: ink }) =>
    isColour(accent) && isColour(ink) ? `:host { --accent: ${accent}; --on-accent: ${ink}; }` : "";

  // The team's look. A page whose policy loads no pictures from the portal shows the name alone.
  const wear = ({ colours, logo }) => {
    head.querySelector(".logo")?.remove();
    brand.replaceSync(
      colours ? `${coloured(colours.light)} @media (prefers-color-scheme: dark) { ${coloured(colours.dark)} }` : "",
    );
    if (!logo) return;
    const picture = make("img", { className: "logo", alt: "" });
    picture.addEventListener("error", () => picture.remove());
    picture.src = new URL(logo, base).href;
    head.prepend(picture);
  };

  const begin = async () => {
    token = "";
    const response = await post("session", { key });
    const body = await response.json();
    if (!response.ok) throw new Error(body.error.message);
    token = body.token;
    title.textContent = body.app_name;
    wear(body);
  };

  const ask = async (message) => {
    if (!token) await begin();
    let response = await post("chat", { message });
    if (response.status === 401) {
      await begin();
      response = await post("chat", { message });
    }
    if (!response.ok) throw new Error((await response.json()).error.message);
    return response.body.pipeThrough(new TextDecoderStream()).getReader();
  };

  const read = async (reader, turn) => {
    let waiting = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      waiting += value;
      const events = waiting.split("\n\n");
      waiting = events.pop();
      for (const event of events) {
        const name = (event.match(/^event: (.*)$/m) || [])[1];
        const data = (event.match(/^data: (.*)$/m) || [])[1];
        if (!data) continue;
        const body = JSON.parse(data);
        if (name === "delta") turn.append(body.text);
        if (name === "done") turn.textContent = body.answer;
        if (name === "error") throw new Error(body.error.message);
      }
    }
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const message = input.value.trim();
    if (!message || send.disabled) return;
    input.value = "";
    send.disabled = true;
    turns.append(make("div", { className: "turn visitor", textContent: message }));
    const turn = make("div", { className: "turn" });
    turns.append(turn);
    try {
      await read(await ask(message), turn);
    } catch (error) {
      turn.textContent = error.message || "The chat cannot be reached.";
    }
    send.disabled = false;
    input.focus();
    turns.scrollTop = turns.scrollHeight;
  });
})();
