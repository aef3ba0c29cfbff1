/**
 * What has been written of attacks: each section, and whose it is to defend where it is not ours.
 *
 * @module
 */

export interface Section {
  /** As titles cite it; what is below it counts as well. */
  readonly source: string
  readonly heading?: string
  /** Why there need not be a test here. */
  readonly others?: string
}

const server = 'The authorization server has to.'

/** RFC 9700, Attacks and Mitigations. */
const bestPractice: readonly Section[] = [
  { source: 'RFC 9700 §4.1', heading: 'Insufficient Redirection URI Validation' },
  { source: 'RFC 9700 §4.2', heading: 'Credential Leakage via Referer Headers' },
  { source: 'RFC 9700 §4.3', heading: 'Credential Leakage via Browser History' },
  { source: 'RFC 9700 §4.4', heading: 'Mix-Up Attacks' },
  { source: 'RFC 9700 §4.5', heading: 'Authorization Code Injection' },
  { source: 'RFC 9700 §4.6', heading: 'Access Token Injection' },
  { source: 'RFC 9700 §4.7', heading: 'Cross-Site Request Forgery' },
  { source: 'RFC 9700 §4.8', heading: 'PKCE Downgrade Attack' },
  { source: 'RFC 9700 §4.9', heading: 'Access Token Leakage at the Resource Server' },
  { source: 'RFC 9700 §4.10', heading: 'Misuse of Stolen Access Tokens' },
  { source: 'RFC 9700 §4.11', heading: 'Open Redirection' },
  { source: 'RFC 9700 §4.12', heading: '307 Redirect' },
  {
    source: 'RFC 9700 §4.13',
    heading: 'TLS Terminating Reverse Proxies',
    others:
      'Whoever runs a server behind a proxy has to: there is no server here that trusts a header of one.',
  },
  { source: 'RFC 9700 §4.14', heading: 'Refresh Token Protection' },
  {
    source: 'RFC 9700 §4.15',
    heading: 'Client Impersonating Resource Owner',
    others: `${server} No identity is read from a token here.`,
  },
  {
    source: 'RFC 9700 §4.16',
    heading: 'Clickjacking',
    others: `${server} The page of the loopback receiver has nothing to click, and lets nobody frame it.`,
  },
  {
    source: 'RFC 9700 §4.17',
    heading: 'Attacks on In-Browser Communication Flows',
    others:
      'An answer is never taken from a message of a window: who has one passes its URL, which is then checked.',
  },
]

/** The Security Best Practices of MCP, and the security considerations of its authorization; revision 2026-07-28. */
const protocol: readonly Section[] = [
  { source: 'MCP Confused Deputy Problem' },
  { source: 'MCP Token Passthrough' },
  { source: 'MCP Server-Side Request Forgery', heading: '(SSRF)' },
  { source: 'MCP Session Hijacking', heading: '(2025-11-25; State Handle Hijacking in 2026-07-28)' },
  { source: 'MCP Local MCP Server Compromise' },
  { source: 'MCP OAuth Authorization URL Validation' },
  {
    source: 'MCP stdio Transport Security in Proxy Scenarios',
    others: 'No program is started here, and no stdio spoken.',
  },
  { source: 'MCP Mix-Up Attacks' },
  {
    source: 'MCP Localhost Redirect URI Impersonation',
    others: `${server} No client can prove that a port of this machine is its own, and a code that comes to another port lacks its verifier.`,
  },
  {
    source: 'MCP CIMD Trust Policies',
    others: `${server} The document of a client is its own to publish.`,
  },
  { source: 'MCP Scope Minimization' },
  { source: 'MCP Token Audience Binding and Validation' },
  { source: 'MCP Token Theft' },
  { source: 'MCP Communication Security' },
  { source: 'MCP Authorization Code Protection' },
  { source: 'MCP Open Redirection' },
  {
    source: 'MCP Client ID Metadata Document Security',
    others: `${server} It is the one that fetches the document.`,
  },
  { source: 'MCP Access Token Privilege Restriction' },
]

export const sections: readonly Section[] = [...bestPractice, ...protocol]

/** What else may be cited. */
export const others =
  /^(?:RFC 9700 §(?:2(?:\.\d)+|3)|RFC (?:6749|6750|7009|7523|7591|7636|8252|8259|8414|8628|8693|8707|9110|9207|9449|9728) §\d+(?:\.\d+)*)$/

export function isAbout({ source }: Section, cited: string): boolean {
  return cited === source || cited.startsWith(`${source}.`)
}
