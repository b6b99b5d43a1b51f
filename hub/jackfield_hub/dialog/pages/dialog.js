// What pages of the dialog tell the window that opened them, or the page they are framed in.
//
//   <body data-message='{"type": "tray.authpopup.finish", …}' data-origins='["https://app.example.com"]'>
"use strict";

const { message } = document.body.dataset;
const origins = JSON.parse(document.body.dataset.origins);
const isFramed = window.parent !== window;
const host = isFramed ? window.parent : window.opener;
const CONSENT_WINDOW = "jackfield-consent";

function tell(said) {
  // Browsers deliver a message only to a window of the origin it is for. Our own page may be the one that opened us.
  const targets = origins.includes("*") ? ["*"] : [...origins, window.location.origin];
  for (const origin of targets) host?.postMessage(said, origin);
}

if (message) tell(JSON.parse(message));

document.querySelector("[data-close]")?.addEventListener("click", () => {
  tell({ type: "tray.authpopup.close" });
  window.close();
});

// Providers do not let their pages be framed: from a frame, consent is asked for in a window of its own.
document.querySelector("form")?.addEventListener("submit", (event) => {
  const form = event.currentTarget;
  const leavesNow = "consent" in form.dataset || form.querySelector("[data-consent-wanted]")?.checked;
  if (!isFramed || !leavesNow || event.submitter?.hasAttribute("formaction")) return;
  window.open("about:blank", CONSENT_WINDOW, "popup,width=520,height=680");
  form.target = CONSENT_WINDOW;
  form.querySelector("[data-elsewhere]").hidden = false;
});

// What that window says is for our host, too.
window.addEventListener("message", (event) => {
  if (!isFramed || event.origin !== window.location.origin || event.source === window) return;
  const type = String(event.data?.type);
  if (!type.startsWith("tray.")) return;
  event.source.close();
  if (type === "tray.authpopup.finish") window.location.reload(); // the page says so itself then
  else tell(event.data);
});

const fields = "input:not([type=hidden]), select, textarea, button";
(document.querySelector("[aria-invalid]") ?? document.querySelector(fields))?.focus();
