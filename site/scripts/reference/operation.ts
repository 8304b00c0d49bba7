// What the request form knows of an operation. The build makes it from openapi.yaml (scripts/site/requests.ts).

/** A parameter of the request, or an attribute of its body. */
export interface Input {
  name: string;
  isRequired: boolean;
  /** Whether the form sends it at first. */
  isSent: boolean;
  type: string;
  /** All values, if there are few. */
  values: string[];
  /** Null, or an empty value in a form, clears the attribute. */
  isNullable: boolean;
  isLong: boolean;
  /** The value at first. */
  value: string;
  /** The resource whose ids it takes. */
  resource: string | null;
}

/** An operation that the form can send. */
export interface TryOperation {
  /** The methods that do this. */
  methods: string[];
  path: string;
  /** The resource in the path. */
  resource: string;
  needsToken: boolean;
  pathInputs: Input[];
  query: Input[];
  headers: Input[];
  bodies: { type: string; inputs: Input[] }[];
  /** What the request destroys, if it does. */
  warning: string | null;
}
