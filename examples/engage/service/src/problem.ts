// What goes wrong, as the caller sees it (RFC 9457). The database's own words stay in the log.

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const SQLSTATES: Record<string, [number, string, string]> = {
  "22P02": [400, "INVALID_VALUE", "A value has the wrong form."],
  "22007": [400, "INVALID_VALUE", "A value has the wrong form."],
  "23502": [400, "MISSING_VALUE", "A value is missing."],
  "23503": [400, "UNKNOWN_REFERENCE", "Something named in the request does not exist."],
  "23505": [409, "ALREADY_EXISTS", "There is one of this name already."],
  "23514": [400, "INVALID_VALUE", "A value is not allowed."],
  "42501": [403, "NOT_YOURS", "This workspace may not do that."],
  "57014": [503, "TOO_SLOW", "The request took too long."],
};

/** Any error as a problem; `undefined` for one that nobody foresaw. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  const state = (error as { code?: unknown }).code;
  const known = typeof state === "string" ? SQLSTATES[state] : undefined;
  return known && new Problem(...known);
}
