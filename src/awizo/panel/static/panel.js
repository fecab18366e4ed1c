// Times in the reader's own zone. Everything else works without this file.
(() => {
  const shown = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const localise = (root) => {
    for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
      const moment = new Date(time.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      time.title = time.textContent;
      time.textContent = shown.format(moment);
    }
  };
  localise(document);
  document.addEventListener("htmx:load", (event) => localise(event.target));
})();
