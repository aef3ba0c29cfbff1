import type { Guard } from './guard.ts'
import { connectionGuards } from './guards/connections.ts'
import { documentGuards } from './guards/documents.ts'
import { fallbackGuards } from './guards/fallbacks.ts'
import { requestGuards } from './guards/requests.ts'
import { textGuards } from './guards/texts.ts'

/** All guards, each with what removes it. */
export const guards: readonly Guard[] = [
  ...requestGuards,
  ...documentGuards,
  ...textGuards,
  ...fallbackGuards,
  ...connectionGuards,
]
