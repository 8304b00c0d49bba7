// What the methods of the client return: a promise of the result, which also has the response.

/** The result of a call, and its response. */
export interface WithResponse<T> {
  /** The result, as `await` without `withResponse()` returns it. */
  data: T;
  /** The HTTP status of the response. */
  status: number;
  /** The headers of the response. */
  headers: Headers;
  /** The request id, for the support of the API. Null if the response is not from the API. */
  requestId: string | null;
  /** How many times the request was sent. */
  attempts: number;
}

/** A call: a promise of its result. */
export class Call<T> implements Promise<T> {
  readonly [Symbol.toStringTag] = "Call";
  readonly #outcome: () => Promise<WithResponse<T>>;

  /** Use the methods of the client instead. */
  constructor(outcome: () => Promise<WithResponse<T>>) {
    this.#outcome = outcome;
  }

  /** The result, with the status, the headers and the request id of its response. */
  withResponse(): Promise<WithResponse<T>> {
    return this.#outcome();
  }

  // biome-ignore lint/suspicious/noThenProperty: a call is a promise.
  then<R = T, E = never>(
    onResult?: ((result: T) => R | PromiseLike<R>) | null,
    onError?: ((error: any) => E | PromiseLike<E>) | null,
  ): Promise<R | E> {
    return this.#outcome()
      .then(({ data }) => data)
      .then(onResult, onError);
  }

  catch<E = never>(onError?: ((error: any) => E | PromiseLike<E>) | null): Promise<T | E> {
    return this.then(null, onError);
  }

  finally(onEnd?: (() => void) | null): Promise<T> {
    return this.then().finally(onEnd);
  }
}
