import type { Attack } from './attack.ts'

export function titleOf({ attack, rule }: Attack): string {
  return `withstands ${attack} (${rule})`
}
