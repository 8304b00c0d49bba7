// One Tab stop for a list, however long it is. The arrow keys move in it: up and down from item to item, left and right
// through the links and buttons of an item.

const CONTROLS = "a[href], button";

export interface Roving {
  /** Gives the list its one Tab stop again, after its items have changed. */
  refresh: () => void;
}

/** `first` is where the Tab key goes at first: to the first item or to the last one. */
export function rove(list: HTMLElement, first: "first" | "last"): Roving {
  let stop: HTMLElement | null = null;

  function refresh(): void {
    if (stop === null || !list.contains(stop)) {
      const item = first === "first" ? list.firstElementChild : list.lastElementChild;
      stop = item === null ? null : (stopsOf(item)[0] ?? null);
    }
    for (const other of list.querySelectorAll<HTMLElement>(`:is(${CONTROLS}, [tabindex]):not([tabindex="-1"])`))
      if (other !== stop) other.tabIndex = -1;
    if (stop !== null && stop.tabIndex !== 0) stop.tabIndex = 0;
  }

  list.addEventListener("focusin", ({ target }) => {
    stop = target as HTMLElement;
    refresh();
  });

  list.onkeydown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const target = event.target as HTMLElement;
    const item = [...list.children].find((child) => child.contains(target));
    if (item === undefined) return;
    const next = nextOf(event.key, item, target);
    if (next === undefined) return;
    event.preventDefault();
    next?.focus();
  };

  /** Where a key moves the focus. Null if it can't move further, undefined if the key does not move it. */
  function nextOf(key: string, item: Element, target: HTMLElement): HTMLElement | null | undefined {
    const stops = stopsOf(item);
    const to = (other: Element | null) => (other === null ? null : (stopsOf(other)[0] ?? null));
    const moves: Record<string, () => HTMLElement | null> = {
      ArrowDown: () => to(item.nextElementSibling),
      ArrowUp: () => to(item.previousElementSibling),
      Home: () => to(list.firstElementChild),
      End: () => to(list.lastElementChild),
      ArrowRight: () => stops[stops.indexOf(target) + 1] ?? null,
      ArrowLeft: () => stops[stops.indexOf(target) - 1] ?? null,
    };
    return moves[key]?.();
  }

  return { refresh };
}

/** What can have the focus in an item: the item itself if it has a `tabindex`, and its visible links and buttons. */
function stopsOf(item: Element): HTMLElement[] {
  const controls = [...item.querySelectorAll<HTMLElement>(CONTROLS)].filter(
    (control) => control.getClientRects().length > 0,
  );
  return item.hasAttribute("tabindex") ? [item as HTMLElement, ...controls] : controls;
}
