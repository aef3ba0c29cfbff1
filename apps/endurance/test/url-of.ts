/** Where a `fetch` was asked to go. */
export function urlOf(input: string | URL | Request): string {
  if (input instanceof Request) return input.url
  return input instanceof URL ? input.href : input
}
