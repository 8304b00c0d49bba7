// Dialogs with a form: one that asks before something is done, or asks for what it needs.

import { ConversationsError } from "../../../clients/typescript/src/index.ts";
import { byId } from "../shared/dom.ts";
import type { Session } from "../shared/session.ts";

/** What follows when the dialog is closed, and the focus is back where it was. */
type Next = () => void;

/**
 * Opens a dialog. Its form runs `submit`, and closes the dialog if that succeeds. If it fails, the dialog stays open
 * and shows the error, at the field that it is about. Returns the form.
 */
export function openDialog(
  id: string,
  { messageOf, onError }: Pick<Session, "messageOf" | "onError">,
  submit: () => Promise<Next>,
): HTMLFormElement {
  const dialog = byId<HTMLDialogElement>(id);
  const form = dialog.querySelector("form")!;
  const problem = form.querySelector<HTMLElement>(".problem");
  const clear = () => {
    problem?.replaceChildren();
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  };
  clear();
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (form.ariaBusy === "true") return;
    form.ariaBusy = "true";
    clear();
    try {
      const next = await submit();
      dialog.close();
      next();
    } catch (error) {
      if (error instanceof ConversationsError && error.status === 401) {
        dialog.close();
        onError(error);
        return;
      }
      const message = messageOf(error);
      const param = error instanceof ConversationsError ? error.param : null;
      problem?.append(param === null || message.includes(param) ? message : `${param}: ${message}`);
      const named = param === null ? null : form.elements.namedItem(param);
      const field = named instanceof HTMLFieldSetElement ? named.querySelector("input") : named;
      if (!(field instanceof HTMLElement)) return;
      field.ariaInvalid = "true";
      field.focus();
    } finally {
      form.ariaBusy = "false";
    }
  };
  const cancel = form.querySelector<HTMLButtonElement>(".cancel");
  if (cancel !== null) cancel.onclick = () => dialog.close();
  if (!dialog.open) dialog.showModal();
  return form;
}

/** Closes the dialog that is open. */
export function closeDialogs(): void {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}
