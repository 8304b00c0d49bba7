// The switches and the search above the list. They show the view, and ask for another one.

import { byId, h } from "../shared/dom.ts";
import { FILTERS, type Filter, type View } from "./view.ts";

const LABELS: Record<Filter, string> = {
  unread: "Unread",
  pinned: "Pinned",
  muted: "Muted",
  archived: "Archived",
};

/** Shows the filters and the search of a view. `set` asks for others. */
export function showFilters({ filters, search }: View, set: (changes: Partial<View>) => void): void {
  const box = byId("switches");
  if (!box.hasChildNodes())
    box.append(...FILTERS.map((name) => h("button", { type: "button", role: "switch" }, LABELS[name])));
  for (const [at, name] of FILTERS.entries()) {
    const button = box.children[at] as HTMLButtonElement;
    button.ariaChecked = String(filters.includes(name));
    button.onclick = () => set({ filters: FILTERS.filter((other) => (other === name) !== filters.includes(other)) });
  }
  const input = byId<HTMLInputElement>("search");
  if (input.value !== search) input.value = search;
  byId<HTMLFormElement>("search-form").onsubmit = (event) => {
    event.preventDefault();
    set({ search: input.value.trim() });
  };
  // The list comes back as soon as the field is empty, also by the browser's button that empties it.
  input.oninput = () => {
    if (input.value === "" && search !== "") set({ search: "" });
  };
}
