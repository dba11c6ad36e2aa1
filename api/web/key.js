// The API key: asked for when the service wants one, kept for this tab alone.

import { $ } from "./elements.js";

const NAME = "veralens-key";
let asking = null;

export const key = () => sessionStorage.getItem(NAME);
export const keyHeaders = () => (key() ? { "X-API-Key": key() } : {});

// Resolves to true when a key was given, to false when it was declined; several requests share one question.
export function askForKey(refused) {
  asking ??= new Promise((resolve) => {
    $("key-error").textContent = refused ? "This key is not known here. Try another." : "";
    $("key-value").value = "";
    const dialog = $("key");
    const form = dialog.querySelector("form");
    form.onsubmit = () => { sessionStorage.setItem(NAME, $("key-value").value.trim()); dialog.returnValue = "given"; };
    dialog.onclose = () => { asking = null; resolve(dialog.returnValue === "given"); };
    $("key-cancel").onclick = () => dialog.close();
    dialog.returnValue = "";
    dialog.showModal();
    $("key-value").focus();
  });
  return asking;
}

export const forgetKey = () => sessionStorage.removeItem(NAME);
