// Halt, flatten and resume: never with one click, and always with a reason that goes on record.

import { byId, setText } from "./dom.js";
import { ask } from "./stream.js";

const TOLD = {
  1: ["Halt", "Halt entries", "Nothing is opened any more. What is held keeps its protection."],
  2: ["Halt", "Take entries back", "Entries and adds that have not filled are cancelled. What is held keeps its protection."],
  3: ["Flatten", "Flatten everything", "All that is held is closed at the market, now, and nothing is opened any more."],
};

let wanted = "halt";

const level = () => Number(new FormData(byId("confirm-form")).get("level"));

function describe() {
  const yes = byId("confirm-yes");
  if (wanted === "resume") {
    setText(byId("confirm-title"), "Resume trading");
    setText(byId("confirm-words"), "Rules may open trades again.");
    setText(yes, "Resume");
    yes.className = "good";
    return;
  }
  const [title, button, text] = TOLD[level()];
  setText(byId("confirm-title"), title);
  setText(byId("confirm-words"), text);
  setText(yes, button);
  yes.className = "danger";
}

function open(what) {
  wanted = what;
  byId("confirm-form").reset();
  byId("levels").hidden = what === "resume";
  setText(byId("confirm-problem"), "");
  describe();
  byId("confirm").showModal();
  byId("why").focus();
}

async function confirm(event) {
  event.preventDefault();
  const yes = byId("confirm-yes");
  yes.disabled = true;
  try {
    const why = byId("why").value;
    await ask(wanted === "resume" ? { op: "resume", why } : { op: "halt", level: level(), why });
    byId("confirm").close();
  } catch (problem) {
    setText(byId("confirm-problem"), problem.message);
  } finally {
    yes.disabled = false;
  }
}

export function setUpControl() {
  byId("halt").addEventListener("click", () => open("halt"));
  byId("resume").addEventListener("click", () => open("resume"));
  byId("confirm-no").addEventListener("click", () => byId("confirm").close());
  byId("levels").addEventListener("change", describe);
  byId("confirm-form").addEventListener("submit", confirm);
}

export function showControl(engine, allowed) {
  byId("halt").hidden = !allowed || engine.halt_level === 3;
  byId("resume").hidden = !allowed || !engine.halt_level;
}
