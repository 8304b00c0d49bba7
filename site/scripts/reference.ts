// The page at `/`: the API reference. All of its text is in the HTML. This script puts the origin of the deployment
// into the commands, copies samples, marks the section in view in the contents, and loads the request form when it is
// wanted.

const navigation = document.getElementById("navigation")!;

for (const place of document.querySelectorAll(".origin")) place.textContent = location.origin;

document.addEventListener("click", async ({ target }) => {
  const button = target instanceof Element ? target.closest("button") : null;
  if (button?.dataset.try !== undefined) {
    try {
      const { toggleForm } = await import("./reference/form.ts");
      toggleForm(button);
    } catch {
      button.textContent = "Can't load the form. Try again";
    }
  } else if (button?.dataset.copy !== undefined) {
    const samples = button.closest(".examples")!.querySelectorAll<HTMLElement>(".sample");
    const shown = [...samples].find((sample) => sample.checkVisibility())!;
    await navigator.clipboard.writeText(shown.querySelector("code")!.textContent!);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  }
});

// On a phone the contents cover the page. A link in them leads to what they cover.
navigation.addEventListener("click", ({ target }) => {
  if (target instanceof Element && target.closest("a") !== null && navigation.matches(":popover-open"))
    navigation.hidePopover();
});

// The language of the samples stays for the next visit.
const LANGUAGE_KEY = "language";
const languages = document.querySelector(".languages")!;
const chosen = localStorage.getItem(LANGUAGE_KEY);
for (const choice of languages.querySelectorAll("input")) if (choice.value === chosen) choice.checked = true;
languages.addEventListener("change", ({ target }) =>
  localStorage.setItem(LANGUAGE_KEY, (target as HTMLInputElement).value),
);

/** Older versions of this page had other anchors for guides and operations. */
function followOldAnchor(): void {
  const hash = decodeURIComponent(location.hash.slice(1));
  if (hash === "" || document.getElementById(hash) !== null) return;
  const [, method, path] = /tag\/[^/]+\/([A-Z]+)(\/.*)$/.exec(hash) ?? [];
  const operation =
    method === undefined ? null : document.querySelector(`[data-route="${CSS.escape(`${method} ${path}`)}"]`);
  const id = operation?.id ?? hash.split("/").at(-1)!.replaceAll("-", "_");
  if (document.getElementById(id) !== null) location.replace(`#${id}`);
}
addEventListener("hashchange", followOldAnchor);
followOldAnchor();

// Marks the section in view in the contents.
const links = new Map([...navigation.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
const headings = [...document.querySelectorAll("main [id]")].filter(({ id }) => links.has(id));
const inView = new IntersectionObserver(markCurrent, { rootMargin: "0px 0px -70% 0px" });
for (const heading of headings) inView.observe(heading);

function markCurrent(): void {
  const passed = headings.findLast((heading) => heading.getBoundingClientRect().top < innerHeight * 0.3);
  navigation.querySelector("[aria-current]")?.removeAttribute("aria-current");
  const link = links.get(passed?.id ?? "");
  link?.setAttribute("aria-current", "true");
  if (link !== undefined && !navigation.matches(":popover-open")) keepInView(link);
}

/** Scrolls the contents, and not the page. */
function keepInView(link: HTMLElement): void {
  const { top, bottom } = link.getBoundingClientRect();
  const bounds = navigation.getBoundingClientRect();
  if (top < bounds.top) navigation.scrollTop += top - bounds.top;
  else if (bottom > bounds.bottom) navigation.scrollTop += bottom - bounds.bottom;
}
