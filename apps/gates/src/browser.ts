/**
 * What the package `open` does, without a browser: somebody agrees with everything, and is sent back to the program.
 *
 * @module
 */
import { agree } from '@x/testbed/agree'

export default async function open(url: string): Promise<void> {
  const callback = await agree(url)
  await (await fetch(callback)).text()
}
