import type { McpPeer, Peer } from '../peer.ts'
import { badgateway } from './badgateway.ts'
import { bareFetch } from './bare-fetch.ts'
import { google } from './google.ts'
import { oauth4webapi } from './oauth4webapi.ts'
import { official, officialMcp } from './official.ts'
import { officialV1, officialV1Mcp } from './official-v1.ts'
import { openidClient } from './openid-client.ts'
import { ours, oursMcp } from './ours.ts'
import { simpleOauth2 } from './simple-oauth2.ts'

export const peers: readonly Peer[] = [
  ours,
  official,
  officialV1,
  oauth4webapi,
  openidClient,
  simpleOauth2,
  badgateway,
  google,
  bareFetch,
]

export const mcpPeers: readonly McpPeer[] = [oursMcp, officialMcp, officialV1Mcp]
