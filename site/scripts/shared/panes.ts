// The two panes of a page: the list, and what is open in it. A narrow screen shows one of them.

import { byId } from "./dom.ts";

const narrow = matchMedia("(max-width: 760px)");
let isOpen = false;

/** Shows the list, or on a narrow screen what is open. */
export function showPanes(open: boolean): void {
  isOpen = open;
  byId("list").inert = narrow.matches && isOpen;
  byId("detail").inert = narrow.matches && !isOpen;
}
narrow.onchange = () => showPanes(isOpen);
