// Before the page is painted: the theme that was chosen, if one was.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.remove("no-script");
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch { /* without storage the system's theme holds */ }
})();
