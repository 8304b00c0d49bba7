// Endless scrolling: loads more when the end of what is loaded comes near the visible part.

export interface Near {
  /** Looks again, after something was loaded or removed. */
  check: () => void;
}

/** How near is near, as a CSS length. */
const MARGIN = "400px";

/** Runs `load` while `marker` is near the visible part of `box`. `load` returns whether it is worth looking again. */
export function loadWhenNear(box: HTMLElement, marker: HTMLElement, load: () => Promise<boolean>): Near {
  let isLoading = false;
  const observer = new IntersectionObserver(
    async (entries) => {
      if (isLoading || !entries.at(-1)!.isIntersecting) return;
      isLoading = true;
      const again = await load();
      isLoading = false;
      if (again) check();
    },
    { root: box, rootMargin: `${MARGIN} 0px` },
  );

  // An observer only reports changes. One that begins to observe reports what is.
  function check(): void {
    observer.unobserve(marker);
    observer.observe(marker);
  }

  return { check };
}
