import type { Challenge } from '../src/index.ts'

export interface Vector {
  readonly claim: string
  readonly header: string
  readonly challenges: readonly Challenge[]
}

const bearer = (parameters: Record<string, string> = {}): Challenge => ({ scheme: 'bearer', parameters })
const at = 'https://rs.example/.well-known/oauth-protected-resource/mcp'

export const vectors: readonly Vector[] = [
  {
    claim: 'one challenge with a quoted parameter (CH-01, RFC 9728 §5.1)',
    header: `Bearer resource_metadata="${at}"`,
    challenges: [bearer({ resource_metadata: at })],
  },
  {
    claim: 'several parameters, token and quoted-string (CH-03, RFC 9110 §11.2)',
    header: `Bearer realm=api, error="invalid_token", scope="a b"`,
    challenges: [bearer({ realm: 'api', error: 'invalid_token', scope: 'a b' })],
  },
  {
    claim: 'several challenges in one field (CH-02, RFC 9110 §11.6.1)',
    header: `Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"`,
    challenges: [
      { scheme: 'newauth', parameters: { realm: 'apps', type: '1', title: 'Login to "apps"' } },
      { scheme: 'basic', parameters: { realm: 'simple' } },
    ],
  },
  {
    claim: 'another scheme before Bearer (CH-02)',
    header: `Basic realm="x", Bearer resource_metadata="${at}"`,
    challenges: [{ scheme: 'basic', parameters: { realm: 'x' } }, bearer({ resource_metadata: at })],
  },
  {
    claim: 'empty list elements (CH-02, RFC 9110 §5.6.1.2)',
    header: `, ,Bearer ,realm="x",, ,scope=a ,`,
    challenges: [bearer({ realm: 'x', scope: 'a' })],
  },
  {
    claim: 'white space around = (CH-03, RFC 9110 §11.2)',
    header: `Bearer realm = "x" ,\tscope\t=a`,
    challenges: [bearer({ realm: 'x', scope: 'a' })],
  },
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
    claim: 'scheme and names in any case, values untouched (CH-04, RFC 9110 §11.1)',
    header: `bEARER Resource_Metadata="https://RS.example/M", SCOPE="Read"`,
    challenges: [bearer({ resource_metadata: 'https://RS.example/M', scope: 'Read' })],
  },
  {
    claim: 'a scheme alone (RFC 9110 §11.3)',
    header: 'Bearer',
    challenges: [bearer()],
  },
  {
    claim: 'a scheme alone before another (RFC 9110 §11.3)',
    header: 'Bearer,Basic realm=x',
    challenges: [bearer(), { scheme: 'basic', parameters: { realm: 'x' } }],
  },
  {
    claim: 'token68 is no parameter (CH-03, RFC 9110 §11.2)',
    header: `Negotiate abc/+==, Bearer scope=a`,
    challenges: [{ scheme: 'negotiate', token68: 'abc/+==', parameters: {} }, bearer({ scope: 'a' })],
  },
  {
    claim: 'a=b is a parameter, not token68 (CH-03)',
    header: `Bearer a=b`,
    challenges: [bearer({ a: 'b' })],
  },
  {
    claim: 'a repeated parameter drops its challenge and no other (CH-05, RFC 9110 §11.2)',
    header: `Bearer scope=a, Scope=b, DPoP scope=c`,
    challenges: [{ scheme: 'dpop', parameters: { scope: 'c' } }],
  },
  {
    claim: 'resource_metadata on a scheme that is not Bearer (CH-06, RFC 9728 §5.1)',
    header: `DPoP algs="ES256 EdDSA", resource_metadata="${at}"`,
    challenges: [{ scheme: 'dpop', parameters: { algs: 'ES256 EdDSA', resource_metadata: at } }],
  },
  {
    claim: 'resource_metadata without quotes, a leniency for it alone (CH-03)',
    header: `Bearer resource_metadata=${at}, scope=a`,
    challenges: [bearer({ resource_metadata: at, scope: 'a' })],
  },
  {
    claim: 'no such leniency for another parameter (CH-03)',
    header: `Basic realm=x, Bearer realm=https://x.example`,
    challenges: [{ scheme: 'basic', parameters: { realm: 'x' } }],
  },
  {
    claim: 'an unterminated quote keeps what was complete before (CH-03)',
    header: `Basic realm="x", Bearer realm="y, Digest z=1`,
    challenges: [{ scheme: 'basic', parameters: { realm: 'x' } }],
  },
  {
    claim: 'a parameter before any scheme is a fault (CH-03)',
    header: `realm="x", Bearer scope=a`,
    challenges: [],
  },
  {
    claim: 'a name like a prototype member is a name (CH-03)',
    header: `Bearer __proto__=a, constructor=b`,
    challenges: [
      bearer(
        Object.fromEntries([
          ['__proto__', 'a'],
          ['constructor', 'b'],
        ]),
      ),
    ],
  },
  { claim: 'an empty header', header: '', challenges: [] },
  { claim: 'commas and spaces only', header: ' , ,\t', challenges: [] },
  { claim: 'characters outside the grammar', header: '"', challenges: [] },
]
