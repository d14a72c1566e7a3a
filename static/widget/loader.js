// Loads the widget of today: this stub is cached for minutes, the script it names for a year.
(() => {
  "use strict";
  const own = document.currentScript;
  const script = document.createElement("script");
  script.src = new URL("__SCRIPT__", own.src).href;
  script.async = true;
  script.dataset.key = own.dataset.key;
  document.head.append(script);
})();
