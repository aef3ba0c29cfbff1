import type { Challenge } from '../src/index.ts'

/** A header, what is in it, and what oauth4webapi finds there if that is something else. */
export interface Vector {
  readonly claim: string
  readonly header: string
  readonly challenges: readonly Challenge[]
  readonly peer?: Difference
}

/** Why the peer reads another thing, with the sentence that decides. */
export interface Difference {
  readonly differs: string
  readonly reads: readonly Challenge[]
}

export const of = (scheme: string, parameters: Record<string, string> = {}): Challenge => ({
  scheme,
  parameters,
})
export const bearer = (parameters?: Record<string, string>): Challenge => of('bearer', parameters)
export const basic = of('basic', { realm: 'x' })
export const padded = (scheme: string, token68: string): Challenge => ({ scheme, token68, parameters: {} })

/** Where most of these headers say that the metadata is. */
export const at = 'https://rs.example/.well-known/oauth-protected-resource/mcp'

/** The peer takes one fault for a fault of everything. */
export const givesUp: Difference = {
  differs:
    '"a recipient MAY attempt to recover a usable protocol element from an invalid construct" (RFC 9110 §2.4)',
  reads: [],
}
const needsNoCommas = (...reads: Challenge[]): Difference => ({
  differs: '#element => [ element ] *( OWS "," OWS [ element ] ) (RFC 9110 §5.6.1.2)',
  reads,
})
export const takesTheLast = (...reads: Challenge[]): Difference => ({
  differs: '"each parameter name MUST only occur once per challenge" (RFC 9110 §11.2)',
  reads,
})
export const cleansNothing = (...reads: Challenge[]): Difference => ({
  differs: '"MUST NOT include characters outside the set %x20-21 / %x23-5B / %x5D-7E" (RFC 6750 §3)',
  reads,
})

export const vectors: readonly Vector[] = [
  {
    claim: 'one challenge with a quoted parameter (CH-01, RFC 9728 §5.1)',
    header: `Bearer resource_metadata="${at}"`,
    challenges: [bearer({ resource_metadata: at })],
  },
  {
    claim: 'an error and its description (RFC 6750 §3)',
    header: 'Bearer realm="example", error="invalid_token", error_description="The access token expired"',
    challenges: [
      bearer({ realm: 'example', error: 'invalid_token', error_description: 'The access token expired' }),
    ],
  },
  {
    claim: 'several parameters, token and quoted-string (CH-03, RFC 9110 §11.2)',
    header: `Bearer realm=api, error="invalid_token", scope="a b"`,
    challenges: [bearer({ realm: 'api', error: 'invalid_token', scope: 'a b' })],
  },

  // Lists

  {
    claim: 'several challenges in one field (CH-02, RFC 9110 §11.6.1)',
    header: `Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"`,
    challenges: [
      of('newauth', { realm: 'apps', type: '1', title: 'Login to "apps"' }),
      of('basic', { realm: 'simple' }),
    ],
  },
  {
    claim: 'another scheme before Bearer (CH-02)',
    header: `Basic realm="x", Bearer resource_metadata="${at}"`,
    challenges: [basic, bearer({ resource_metadata: at })],
  },
  {
    claim: 'two challenges of one scheme (CH-02, RFC 9110 §11.6.1)',
    header: 'Basic realm="x", Basic realm="y"',
    challenges: [basic, of('basic', { realm: 'y' })],
  },
  {
    claim: 'empty list elements (CH-02, RFC 9110 §5.6.1.2)',
    header: `, ,Bearer ,realm="x",, ,scope=a ,`,
    challenges: [bearer({ realm: 'x', scope: 'a' })],
  },
  {
    claim: 'empty list elements before the first parameter (CH-02, RFC 9110 §5.6.1.2)',
    header: 'Bearer , ,\t, realm="x"',
    challenges: [bearer({ realm: 'x' })],
  },
  {
    claim: 'a scheme alone (RFC 9110 §11.3)',
    header: 'Bearer',
    challenges: [bearer()],
  },
  {
    claim: 'a scheme alone before another (RFC 9110 §11.3)',
    header: 'Bearer,Basic realm=x',
    challenges: [bearer(), basic],
  },
  {
    claim: 'a scheme alone with white space before the comma (CH-02, RFC 9110 §5.6.1.2)',
    header: 'Bearer , Basic realm=x',
    challenges: [bearer(), basic],
    peer: { differs: '[ element ] *( OWS "," OWS [ element ] ) (RFC 9110 §5.6.1.2)', reads: [] },
  },
  {
    claim: 'a comma right after the scheme of a parameter, a leniency (CH-02)',
    header: 'Bearer,error="invalid_token"',
    challenges: [bearer({ error: 'invalid_token' })],
    peer: givesUp,
  },
  {
    claim: 'parameters without a comma as a fault (CH-03, RFC 9110 §5.6.1.2)',
    header: `Bearer resource_metadata="${at}" scope="a"`,
    challenges: [],
    peer: needsNoCommas(bearer({ resource_metadata: at, scope: 'a' })),
  },
  {
    claim: 'challenges without a comma as a fault (CH-03, RFC 9110 §5.6.1.2)',
    header: 'Basic realm="x" Bearer scope="a"',
    challenges: [],
    peer: needsNoCommas(basic, bearer({ scope: 'a' })),
  },
  {
    claim: 'a scheme without a comma before it as no challenge (CH-03, RFC 9110 §5.6.1.2)',
    header: 'Basic x Bearer resource_metadata="https://evil.example"',
    challenges: [],
    peer: needsNoCommas(padded('basic', 'x'), bearer({ resource_metadata: 'https://evil.example' })),
  },
  {
    claim: 'two words after a scheme as a fault (CH-03, RFC 9110 §11.3)',
    header: 'Basic realm=x, Bearer foo bar',
    challenges: [basic],
    peer: needsNoCommas(basic, padded('bearer', 'foo'), of('bar')),
  },
  {
    claim: 'a semicolon between parameters as a fault (CH-03, RFC 9110 §5.6.1.2)',
    header: 'Bearer realm="x"; scope="a"',
    challenges: [],
  },

  // White space

  {
    claim: 'white space around = (CH-03, RFC 9110 §11.2)',
    header: `Bearer realm = "x" ,\tscope\t=a`,
    challenges: [bearer({ realm: 'x', scope: 'a' })],
  },
  {
    claim: 'a parameter named like a scheme by the = after it (CH-03, RFC 9110 §11.2)',
    header: 'Basic realm=x, Bearer ="y"',
    challenges: [of('basic', { realm: 'x', bearer: 'y' })],
  },
  {
    claim: 'a tab in place of the space after a scheme, a leniency (CH-03, RFC 9110 §11.3)',
    header: 'Bearer\trealm="x"',
    challenges: [bearer({ realm: 'x' })],
  },
  {
    claim: 'a space of another alphabet as none (CH-03, RFC 9110 §5.6.3)',
    header: 'Bearer\u00a0realm="x"',
    challenges: [],
    peer: { differs: 'OWS = *( SP / HTAB ) (RFC 9110 §5.6.3)', reads: [bearer({ realm: 'x' })] },
  },

  // Values

  {
    claim: 'a comma and a scheme inside quotes are data (CH-03)',
    header: `Bearer realm="a, Bearer resource_metadata=https://evil.example", scope=a`,
    challenges: [bearer({ realm: 'a, Bearer resource_metadata=https://evil.example', scope: 'a' })],
  },
  {
    claim: 'escapes inside quotes are undone (CH-03, RFC 9110 §5.6.4)',
    header: `Bearer realm="a\\\\b\\"c\\d"`,
    challenges: [bearer({ realm: 'a\\b"cd' })],
  },
  {
    claim: 'an escaped quote as no end (CH-03, RFC 9110 §5.6.4)',
    header: 'Bearer realm="\\", Basic realm=\\"", scope=a',
    challenges: [bearer({ realm: '", Basic realm="', scope: 'a' })],
  },
  {
    claim: 'an empty quoted value (CH-03, RFC 9110 §5.6.4)',
    header: 'Bearer realm="", scope=a',
    challenges: [bearer({ realm: '', scope: 'a' })],
  },
  {
    claim: 'tabs and bytes beyond ASCII inside quotes as sent (CH-03, RFC 9110 §5.6.4)',
    header: 'Basic realm="caf\u00e9\tau lait"',
    challenges: [of('basic', { realm: 'caf\u00e9\tau lait' })],
  },
  {
    claim: 'every character of a token (CH-03, RFC 9110 §5.6.2)',
    header: "a!#$%&'*+-.^_`|~0 b!#$%&'*+-.^_`|~1=c!#$%&'*+-.^_`|~2",
    challenges: [of("a!#$%&'*+-.^_`|~0", { "b!#$%&'*+-.^_`|~1": "c!#$%&'*+-.^_`|~2" })],
  },
  {
    claim: 'apostrophes as no quotes (CH-03, RFC 9110 §5.6.2)',
    header: "Bearer realm='a b'",
    challenges: [],
  },
  {
    claim: 'text after a closing quote as a fault (CH-03, RFC 9110 §11.2)',
    header: 'Bearer realm="x"y, Basic realm=z',
    challenges: [],
    peer: needsNoCommas(bearer({ realm: 'x' }), of('y'), of('basic', { realm: 'z' })),
  },
  {
    claim: 'a second = as a fault (CH-03, RFC 9110 §11.2)',
    header: 'Basic realm=x, Bearer scope=a=b',
    challenges: [basic],
    peer: givesUp,
  },
  {
    claim: 'resource_metadata without quotes, a leniency for it alone (CH-03)',
    header: `Bearer resource_metadata=${at}, scope=a`,
    challenges: [bearer({ resource_metadata: at, scope: 'a' })],
    peer: givesUp,
  },
  {
    claim: 'resource_metadata without quotes up to the comma (CH-03)',
    header: `Bearer scope=a,resource_metadata=${at}?a=b;c,realm=x`,
    challenges: [bearer({ scope: 'a', resource_metadata: `${at}?a=b;c`, realm: 'x' })],
    peer: givesUp,
  },
  {
    claim: 'no such leniency for another parameter (CH-03)',
    header: `Basic realm=x, Bearer realm=https://x.example`,
    challenges: [basic],
    peer: givesUp,
  },

  // Names

  {
    claim: 'scheme and names in any case, values untouched (CH-04, RFC 9110 §11.1)',
    header: `bEARER Resource_Metadata="https://RS.example/M", SCOPE="Read"`,
    challenges: [bearer({ resource_metadata: 'https://RS.example/M', scope: 'Read' })],
  },
  {
    claim: 'a repeated parameter drops its challenge and no other (CH-05, RFC 9110 §11.2)',
    header: `Bearer scope=a, Scope=b, DPoP scope=c`,
    challenges: [of('dpop', { scope: 'c' })],
    peer: takesTheLast(bearer({ scope: 'b' }), of('dpop', { scope: 'c' })),
  },
  {
    claim: 'a name like a prototype member is a name (CH-03)',
    header: `Bearer __proto__=a, constructor=b`,
    challenges: [bearer(JSON.parse('{ "__proto__": "a", "constructor": "b" }'))],
    peer: {
      differs:
        'a name is any token: auth-param = token BWS "=" BWS ( token / quoted-string ) (RFC 9110 §11.2)',
      reads: [bearer({ constructor: 'b' })],
    },
  },
  {
    claim: 'resource_metadata on a scheme that is not Bearer (CH-06, RFC 9728 §5.1)',
    header: `DPoP algs="ES256 EdDSA", resource_metadata="${at}"`,
    challenges: [of('dpop', { algs: 'ES256 EdDSA', resource_metadata: at })],
  },
  {
    claim: 'schemes that nobody knows, and those behind them (CH-07, RFC 9110 §11.4)',
    header: `Concealed, X-1 n=1, Y abc==, Bearer resource_metadata="${at}"`,
    challenges: [
      of('concealed'),
      of('x-1', { n: '1' }),
      padded('y', 'abc=='),
      bearer({ resource_metadata: at }),
    ],
  },

  // token68

  {
    claim: 'token68 is no parameter (CH-03, RFC 9110 §11.2)',
    header: `Negotiate abc/+==, Bearer scope=a`,
    challenges: [padded('negotiate', 'abc/+=='), bearer({ scope: 'a' })],
  },
  {
    claim: 'every character of a token68, padded at will (CH-03, RFC 9110 §11.2)',
    header: 'X AZaz09-._~+/===',
    challenges: [padded('x', 'AZaz09-._~+/===')],
    peer: { differs: 'token68 ends in *"=", which is any number of them (RFC 9110 §11.2)', reads: [] },
  },
  {
    claim: 'a=b is a parameter, not token68 (CH-03)',
    header: `Bearer a=b`,
    challenges: [bearer({ a: 'b' })],
  },
  {
    claim: 'a= b is a parameter, not a padded token68 (CH-03, RFC 9110 §11.2)',
    header: `Bearer a= b`,
    challenges: [bearer({ a: 'b' })],
  },
  {
    claim: 'a= is a padded token68, not a parameter (CH-03, RFC 9110 §11.2)',
    header: `Bearer a=`,
    challenges: [padded('bearer', 'a=')],
  },
  {
    claim: 'words after a token68 as a fault (CH-03, RFC 9110 §11.3)',
    header: 'Negotiate abc== def',
    challenges: [],
    peer: needsNoCommas(padded('negotiate', 'abc=='), of('def')),
  },
  {
    claim: 'a parameter after a token68 drops its challenge and no other (CH-03, RFC 9110 §11.3)',
    header: 'Negotiate abc=, realm="x", Bearer scope=a',
    challenges: [bearer({ scope: 'a' })],
    peer: givesUp,
  },

  // Faults

  {
    claim: 'an unterminated quote keeps what was complete before (CH-03)',
    header: `Basic realm="x", Bearer realm="y, Digest z=1`,
    challenges: [basic],
    peer: givesUp,
  },
  {
    claim: 'a quote that only an escape would end as unterminated (CH-03, RFC 9110 §5.6.4)',
    header: 'Bearer realm="x\\"',
    challenges: [],
  },
  {
    claim: 'a fault that may be a parameter takes its challenge along (CH-03)',
    header: 'Basic realm=x, Bearer scope=a, @',
    challenges: [basic],
    peer: givesUp,
  },
  {
    claim: 'a parameter without a value takes its challenge along (CH-03, RFC 9110 §11.2)',
    header: 'Basic realm=x, Bearer scope=a, realm=',
    challenges: [basic],
    peer: givesUp,
  },
  {
    claim: 'a parameter before any scheme is a fault (CH-03)',
    header: `realm="x", Bearer scope=a`,
    challenges: [],
  },
  {
    claim: 'a scheme in quotes is a fault (CH-03, RFC 9110 §11.1)',
    header: '"Bearer" scope=a',
    challenges: [],
  },
  { claim: 'an empty header', header: '', challenges: [] },
  { claim: 'commas and spaces only', header: ' , ,\t', challenges: [] },
  { claim: 'characters outside the grammar', header: '"', challenges: [] },

  // Errors

  {
    claim: 'an error without what a terminal would act on (CH-12, RFC 6750 §3)',
    header:
      'Bearer error="in\u007fvalid_token", error_description="\u001b]0;\u0007\u009b31mred", realm="\u001b"',
    challenges: [bearer({ error: 'invalid_token', error_description: ']0;31mred', realm: '\u001b' })],
    peer: cleansNothing(
      bearer({
        error: 'in\u007fvalid_token',
        error_description: '\u001b]0;\u0007\u009b31mred',
        realm: '\u001b',
      }),
    ),
  },
  {
    claim: 'an error without quotes, backslashes and other scripts (CH-12, RFC 6750 §3)',
    header:
      'Bearer ERROR_URI="https://x.example/\\"\\\\\u00e9#!~", Error_Description="[\\"no\\"] \\\\ caf\u00e9!"',
    challenges: [bearer({ error_uri: 'https://x.example/#!~', error_description: '[no]  caf!' })],
    peer: cleansNothing(
      bearer({ error_uri: 'https://x.example/"\\\u00e9#!~', error_description: '["no"] \\ caf\u00e9!' }),
    ),
  },
]
