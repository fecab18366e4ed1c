// Times in the reader's own zone. Everything else works without this file.
(() => {
  const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const localise = (root) => {
    for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
      const moment = new Date(time.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      time.title = time.textContent;
      time.textContent = ("exact" in time.dataset ? exact : short).format(moment);
    }
  };
  localise(document);
  document.addEventListener("htmx:load", (event) => localise(event.target));
})();
