import { boundCases } from './bound-cases.ts'
import type { Case } from './case.ts'
import { discoveryCases } from './discovery-cases.ts'
import { errorCases } from './error-cases.ts'
import { grantCases } from './grant-cases.ts'
import { keepingCases } from './keeping-cases.ts'
import { mcpCases } from './mcp-cases.ts'
import { nodeCases } from './node-cases.ts'
import { personCases } from './person-cases.ts'
import { storeCases } from './store-cases.ts'

/** In the order of a request's way. */
export const cases: readonly Case[] = [
  ...discoveryCases,
  ...grantCases,
  ...personCases,
  ...keepingCases,
  ...boundCases,
  ...storeCases,
  ...errorCases,
  ...mcpCases,
  ...nodeCases,
]
