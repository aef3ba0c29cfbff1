import { discoveryErrors } from './discovery.ts'
import type { ErrorPage } from './entries.ts'
import { grantsErrors } from './grants.ts'
import { mcpErrors } from './mcp.ts'

export const pages: readonly ErrorPage[] = [discoveryErrors, grantsErrors, mcpErrors]
