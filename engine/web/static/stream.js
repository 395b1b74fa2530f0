// The key, and the two ways to the engine: a stream of what has changed, and single requests.
//
// The key stands in the fragment of the link, which browsers send nowhere. It is kept for this tab
// and shown in a header, so no other page can make this browser use it.

const KEPT = "engine-key";
const RETRY_MS = [500, 1000, 2000, 5000];

export class WrongKey extends Error {}

export function takeKey() {
  const found = /^#key=([A-Za-z0-9_-]+)$/.exec(location.hash);
  if (found) {
    sessionStorage.setItem(KEPT, found[1]);
    history.replaceState(null, "", location.pathname + "#live");
  }
  return sessionStorage.getItem(KEPT) ?? "";
}

export const keepKey = (key) => sessionStorage.setItem(KEPT, key);

const headers = () => ({ Authorization: `Bearer ${sessionStorage.getItem(KEPT) ?? ""}` });

export async function get(path) {
  const answer = await fetch(path, { headers: headers(), cache: "no-store", credentials: "omit" });
  if (answer.status === 401) throw new WrongKey();
  const told = await answer.json();
  if (!answer.ok || told.error) throw new Error(told.error ?? `answer ${answer.status}`);
  return told;
}

export async function ask(request) {
  const answer = await fetch("/api/control", {
    method: "POST",
    headers: { ...headers(), "Content-Type": "application/json" },
    body: JSON.stringify(request),
    credentials: "omit",
  });
  const told = await answer.json();
  if (!answer.ok || told.error) throw new Error(told.error ?? `answer ${answer.status}`);
  return told;
}

async function* messages(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    waiting += value;
    const parts = waiting.split("\n\n");
    waiting = parts.pop();
    for (const part of parts) if (part.startsWith("data:")) yield JSON.parse(part.slice(5));
  }
}

// Calls onMessage for every message and onState with "live", "lost" or "key"; begins anew for ever.
export async function follow(onMessage, onState, onBegin) {
  for (let tries = 0; ; tries += 1) {
    try {
      const response = await fetch("/api/stream", {
        headers: headers(), cache: "no-store", credentials: "omit",
      });
      if (response.status === 401) { onState("key"); return; }
      if (response.ok) {
        await onBegin();
        onState("live");
        tries = 0;
        for await (const message of messages(response)) onMessage(message);
      }
    } catch (problem) {
      if (problem instanceof WrongKey) { onState("key"); return; }
      console.warn("the stream ended:", problem.message);
    }
    onState("lost");
    await new Promise((done) => setTimeout(done, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]));
  }
}
