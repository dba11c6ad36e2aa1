"use strict";
// Not a module, so that it runs before the first paint: nobody sees the wrong colours flash by.

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
const mark = () => document.getElementById("theme")?.setAttribute("aria-pressed", isDark());

function wear(theme) {
  if (theme) root.dataset.theme = theme;
  mark();
}

function toggleTheme() {
  wear(isDark() ? "light" : "dark");
  try { localStorage.theme = root.dataset.theme; } catch { /* it is worn until the page is left */ }
}

// Hits will push the foot down: it begins there.
if (/[?&](q|like)=/.test(location.search)) root.classList.add("asked");
try { wear(localStorage.theme); } catch { /* the system decides */ }
system.addEventListener("change", mark);
addEventListener("DOMContentLoaded", () => {
  mark();
  document.getElementById("theme")?.addEventListener("click", toggleTheme);
});
