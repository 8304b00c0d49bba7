// The module that the build makes from openapi.yaml (scripts/site/requests.ts).

declare module "made:operations" {
  /** The operations by their ids. */
  const operations: Record<string, import("./operation.ts").TryOperation>;
  export default operations;
}
