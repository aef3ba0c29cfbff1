import type { Attack } from './attack.ts'
import { addressAttacks } from './attacks/addresses.ts'
import { bodyAttacks } from './attacks/bodies.ts'
import { challengeAttacks } from './attacks/challenges.ts'
import { documentAttacks } from './attacks/documents.ts'
import { downgradeAttacks } from './attacks/downgrades.ts'
import { identityAttacks } from './attacks/identity.ts'
import { keepingAttacks } from './attacks/keeping.ts'
import { nameAttacks } from './attacks/names.ts'
import { redirectAttacks } from './attacks/redirects.ts'

/** The ways in which a wrong server can send a client somewhere, keep it, fill it or deceive it. */
export const attacks: readonly Attack[] = [
  ...addressAttacks,
  ...redirectAttacks,
  ...bodyAttacks,
  ...documentAttacks,
  ...identityAttacks,
  ...challengeAttacks,
  ...downgradeAttacks,
  ...keepingAttacks,
  ...nameAttacks,
]
